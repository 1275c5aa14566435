"""Attention transfer (AT): where in time or space feature maps are large."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.feature_maps import averaged_to, paired_maps
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def attention_transfer(student: Tensor, teacher: Tensor, power: int = 2, paper: bool = False) -> Tensor:
    """Difference of two attention maps: the mean over channels of x^power, at every position, scaled to length one.

    The larger map is first averaged down to the size of the smaller one.

    Args:
        student, teacher: "batch channel ..." with one to three axes of space or time; channels may differ; the teacher
            gets no gradient.
        power: 2 is the authors'.
        paper: mean over the batch of the length of the difference, as the paper has it, instead of the mean squared
            difference over all positions, as the authors' code has it (much smaller: its usual weight is 1000).

    Source: Zagoruyko and Komodakis 2017, arXiv:1612.03928, eq. 2.

    >>> x = torch.rand(2, 3, 8)
    >>> attention_transfer(2 * x, x).item() < 1e-12
    True
    """
    s, t = student, teacher.detach()
    size = [min(pair) for pair in zip(s.shape[2:], t.shape[2:], strict=True)]
    s, t = averaged_to(s, size), averaged_to(t, size)
    difference = _attention(s, power) - _attention(t, power)
    if not paper:
        return difference.square().mean()
    lengths: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return lengths.mean()


def _attention(maps: Tensor, power: int) -> Tensor:
    # Divided after the sum: the gradient of a mean would pass over the whole map once more.
    return functional.normalize(maps.pow(power).sum(dim=1).flatten(1) / maps.shape[1], dim=1)


class AttentionTransfer(Objective):
    """Match where in time or space the teacher's feature maps are large, whatever their channels.

    Maps depend on where the signal is, so student and teacher must see the same augmentation: the teacher runs live.

    Args:
        stages: names of feature maps; empty means every one that both have.
        power: of the activations.
        paper: the paper's norm instead of the authors' code's mean square.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: features "batch channel ...". Term: ``at``, summed over stages, dimensionless.

    Raises:
        InputError: a stage is missing, or the power is not above zero.

    Source: Zagoruyko and Komodakis 2017, Paying More Attention to Attention, arXiv:1612.03928.
    """

    method: ClassVar[str] = "AT"
    source: ClassVar[str] = "Zagoruyko and Komodakis 2017, arXiv:1612.03928"
    needs_student: ClassVar[tuple[str, ...]] = ("features",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("features",)
    needs_alignment: ClassVar[bool] = True

    def __init__(self, stages: list[str] | None = None, power: int = 2, paper: bool = False, teacher: str = "") -> None:
        super().__init__(teacher)
        if power < 1:
            raise InputError(
                f"power is {power}, it must be above 0", where="AttentionTransfer", remedy="2 is the authors'"
            )
        self.stages = stages or []
        self.power = power
        self.paper = paper

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``at``."""
        maps = paired_maps(student, teacher, self.stages, self)
        return {"at": torch.stack([attention_transfer(s, t, self.power, self.paper) for s, t in maps]).sum()}
