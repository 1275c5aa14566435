"""Logit matching: the teacher's values of a forecast, a regression, or bare logits."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def value_matching(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared difference of two outputs of one shape, mean over all entries; the teacher gets no gradient.

    >>> import torch
    >>> value_matching(torch.zeros(2, 3), torch.full((2, 3), 2.0))
    tensor(4.)
    """
    return (student - teacher.detach()).square().mean()


class ValueMatching(Objective):
    """Match the teacher's outputs by squared error: mean (s - t)². Unlabelled samples count like any other.

    Args:
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch output". Term: ``value``, in the target's units, squared.

    Raises:
        InputError: shapes differ.

    Source: Ba and Caruana 2014, arXiv:1312.6184; Farahmand et al., GlucoNet, arXiv:2411.10703.
    """

    method: ClassVar[str] = "Logit matching"
    source: ClassVar[str] = "Ba and Caruana 2014, arXiv:1312.6184"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``value``."""
        s, t = student.logits, teacher.logits
        return {"value": value_matching(s, t)}
