"""Match the teacher's probabilities per label, kept away from zero and one."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.needed import needed, needed_probabilities, same_shape
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision
from medkd.objectives.soft_labels import soft_labels


@full_precision
def clamped_soft_labels(
    student: Tensor, teacher: Tensor, temperature: float = 1.0, floor: float = 1e-4, released: bool = False
) -> Tensor:
    """T² · mean binary cross-entropy of s/T against the target clamp(sigmoid(t/T), floor, 1 - floor), in nats.

    A teacher that is certain asks for a bounded logit, ln(1/floor) at most, instead of an infinite one. The smallest
    value is the target's entropy, not zero.

    Args:
        student, teacher: logits "batch label"; the teacher gets no gradient.
        temperature: T > 0, dimensionless.
        floor: least probability of either answer.
        released: leave out T², as the release does; the term then fades by T² when T is raised.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878.

    >>> import torch
    >>> clamped_soft_labels(torch.zeros(1, 1), torch.zeros(1, 1))
    tensor(0.6931)
    """
    target = (teacher.detach() / temperature).sigmoid().clamp(floor, 1 - floor)
    loss = functional.binary_cross_entropy_with_logits(student / temperature, target)
    return loss if released else loss * temperature**2


class ClampedSoftLabels(Objective):
    """Match the teacher's probabilities.

    Per label by cross-entropy to a clamped target, over exclusive classes as ``SoftLabels``.

    Args:
        temperature: T > 0, dimensionless.
        floor: least probability of either answer, 0 to below 0.5; exclusive classes are not clamped.
        released: leave out T².
        teacher: which teacher it hears; "" is the only one.

    Shapes: logits "batch class" or "batch label", in nats. Term: ``distill``.

    Raises:
        InputError: temperature or floor is out of range, the target is a regression, or the logits' shapes differ.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878.
    """

    def __init__(
        self, temperature: float = 1.0, floor: float = 1e-4, released: bool = False, teacher: str = ""
    ) -> None:
        super().__init__(teacher)
        if not temperature > 0 or not 0 <= floor < 0.5:
            what = f"temperature is {temperature}, floor {floor}"
            raise InputError(
                what, where="ClampedSoftLabels", remedy="Give a temperature above 0 and a floor from 0 to below 0.5"
            )
        self.temperature = temperature
        self.floor = floor
        self.released = released

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``distill``."""
        s = needed(student, "logits", "student", self)
        t = needed(self.hear(teachers), "logits", "teacher", self)
        same_shape(s, t, "logits", self)
        self.check(batch.target)
        if batch.target.is_categorical:
            return {"distill": soft_labels(s, t, self.temperature, t_squared=not self.released)}
        return {"distill": clamped_soft_labels(s, t, self.temperature, self.floor, self.released)}

    def check(self, target: Target) -> None:
        """Refuse a target without probabilities."""
        needed_probabilities(target, self)


def _distill_binary(inputs: Mapping[str, Tensor], T: float = 1.0, **weights: float) -> dict[str, Tensor]:  # noqa: N803
    hard = functional.binary_cross_entropy_with_logits(inputs["z_s"], inputs["y"], pos_weight=inputs["pos_weight"])
    distill = clamped_soft_labels(inputs["z_s"], inputs["z_t"], T, released=True)
    return {"loss": hard + weights.get("lambda", 2.0) * distill, "hard": hard, "distill": distill}


def _distill_multiclass(inputs: Mapping[str, Tensor], T: float = 1.0, **weights: float) -> dict[str, Tensor]:  # noqa: N803
    hard = functional.cross_entropy(inputs["z_s"], inputs["y"])
    distill = soft_labels(inputs["z_s"], inputs["z_t"], T, t_squared=False)
    return {"loss": hard + weights.get("lambda", 2.0) * distill, "hard": hard, "distill": distill}


GOLDEN = {"oc_distill/distill_binary": _distill_binary, "oc_distill/distill_multiclass": _distill_multiclass}
