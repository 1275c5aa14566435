"""Clamped soft labels (OC-Distill): the teacher's probabilities per label, kept away from zero and one."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision
from medkd.objectives.soft_labels import soft_labels


@full_precision
def clamped_soft_labels(student: Tensor, teacher: Tensor, temperature: float = 1.0, floor: float = 1e-4) -> Tensor:
    """T² · mean binary cross-entropy of s/T against the target clamp(sigmoid(t/T), floor, 1 - floor), in nats.

    A teacher that is certain asks for a bounded logit, ln(1/floor) at most, instead of an infinite one. The smallest
    value is the target's entropy, not zero.

    Args:
        student, teacher: logits "batch label"; the teacher gets no gradient.
        temperature: T > 0, dimensionless.
        floor: least probability of either answer.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878, whose release leaves out T².

    >>> import torch
    >>> clamped_soft_labels(torch.zeros(1, 1), torch.zeros(1, 1))
    tensor(0.6931)
    """
    target = (teacher.detach() / temperature).sigmoid().clamp(floor, 1 - floor)
    loss = functional.binary_cross_entropy_with_logits(student / temperature, target)
    return loss * temperature**2


class ClampedSoftLabels(Objective):
    """Match the teacher's probabilities, kept away from zero and one.

    Labels are matched by cross-entropy to a clamped target, exclusive classes as by ``SoftLabels``.

    Args:
        temperature: T > 0, dimensionless.
        floor: least probability of either answer, 0 to below 0.5; exclusive classes are not clamped.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch class" or "batch label", in nats. Term: ``distill``.

    Raises:
        InputError: temperature or floor is out of range, the target is a regression, or the logits' shapes differ.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878.
    """

    method: ClassVar[str] = "OC-Distill, clamped soft labels"
    source: ClassVar[str] = "Liang et al. 2026, arXiv:2604.16878"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True

    def __init__(self, temperature: float = 1.0, floor: float = 1e-4, teacher: str = "") -> None:
        super().__init__(teacher)
        if not temperature > 0 or not 0 <= floor < 0.5:
            what = f"temperature is {temperature}, floor {floor}"
            raise InputError(
                what, where="ClampedSoftLabels", remedy="Give a temperature above 0 and a floor from 0 to below 0.5"
            )
        self.temperature = temperature
        self.floor = floor

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``distill``."""
        s, t = student.logits, teacher.logits
        if batch.target.is_categorical:
            return {
                "distill": soft_labels(
                    s,
                    t,
                    self.temperature,
                )
            }
        return {"distill": clamped_soft_labels(s, t, self.temperature, self.floor)}
