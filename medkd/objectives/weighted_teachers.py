"""Weighted teachers (FedMTFI): several teachers at once, each weighted by its confidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError, nearest
from medkd.objectives.class_logits import class_logits, stacked_logits
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def confidence_weights(teachers: Tensor) -> Tensor:
    """Weights that sum to one, each teacher's in proportion to 1 / (its mean predictive entropy in nats + 1e-6).

    Args:
        teachers: logits "teacher ... class"; no gradient.

    Source: Shadin et al., FedMTFI, arXiv:2606.01607 (in the release the function exists and is never called).

    >>> confidence_weights(torch.zeros(2, 4, 3)).tolist()
    [0.5, 0.5]
    """
    p = teachers.detach().softmax(dim=-1)
    entropy = -(p * (p + 1e-8).log()).sum(dim=-1).flatten(1).mean(dim=1)
    confidence = 1 / (entropy + 1e-6)
    return confidence / confidence.sum()


@full_precision
def weighted_logits(weights: Tensor, teachers: Tensor) -> Tensor:
    """The teachers' weighted mean: "teacher" and logits "teacher ..." → "..."; no gradient."""
    mean: Tensor = torch.tensordot(weights.to(teachers.dtype), teachers.detach(), dims=1)
    return mean


@full_precision
def weighted_soft_labels(
    student: Tensor, teacher: Tensor, temperature: float, importance: Tensor | None = None
) -> Tensor:
    """T² · mean over samples of importance · KL(softmax(t/T) ‖ softmax(s/T)), in nats.

    Args:
        student, teacher: logits "batch ... class", axes between averaged; the teacher gets no gradient.
        temperature: T > 0, dimensionless.
        importance: "batch", not negative; None counts all alike. Scaled to a mean of one, so that it moves weight
            between samples and never changes the size of the loss.

    Source: Shadin et al., FedMTFI, arXiv:2606.01607.

    >>> weighted_soft_labels(torch.eye(2), torch.eye(2), 3.0).item()
    0.0
    """
    divergence = sample_divergence(student, teacher, temperature)
    if importance is None:
        return divergence.mean()
    weight = importance.detach() / importance.detach().mean().clamp(min=1e-12)
    return (weight * divergence).mean()


@full_precision
def sample_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · KL(softmax(t/T) ‖ softmax(s/T)) of each sample, "batch", in nats; arguments as ``weighted_soft_labels``."""
    s, t = (student / temperature).log_softmax(dim=-1), (teacher.detach() / temperature).log_softmax(dim=-1)
    return temperature**2 * (t.exp() * (t - s)).sum(dim=-1).reshape(len(s), -1).mean(dim=1)


def teacher_confidence(teacher: Tensor) -> Tensor:
    """One minus the entropy of each sample's distribution over its largest possible value, 0 to 1.

    Shapes: logits "batch ... class" → "batch".
    """
    log_p = teacher.detach().log_softmax(dim=-1)
    entropy = -(log_p.exp() * log_p).sum(dim=-1)
    share = entropy / torch.tensor(float(teacher.shape[-1])).log()
    return (1 - share.reshape(len(share), -1).mean(dim=1)).clamp(min=0)


class WeightedTeachers(Objective):
    """Match the weighted mean of all teachers' logits: T² KL(softmax(Σ w_k t_k / T) ‖ softmax(s/T)).

    Args:
        temperature: T > 0, dimensionless.
        weights: teacher → weight, scaled to sum to one; None weighs each by its confidence on the batch.
        importance: weigh samples by the confidence of the mean teacher (ours: the paper's Shapley values are noise in
            the release).

    Shapes: logits "batch class" or "batch label", in nats. Term: ``kd``.

    Raises:
        InputError: the temperature is not above zero, a weight names no teacher, the target is a regression, or shapes
            differ.

    Source: Shadin et al., FedMTFI, arXiv:2606.01607. The release gives every teacher the same weight.
    """

    method: ClassVar[str] = "FedMTFI"
    source: ClassVar[str] = "Shadin et al. 2026, arXiv:2606.01607"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True
    uses_all_teachers: ClassVar[bool] = True

    def __init__(
        self,
        temperature: float = 3.0,
        weights: dict[str, float] | None = None,
        importance: bool = False,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0",
                where="WeightedTeachers",
                remedy="3 is the authors'",
            )
        if weights is not None and (min(weights.values(), default=0) < 0 or not sum(weights.values()) > 0):
            raise InputError(
                f"weights are {weights}", where="WeightedTeachers", remedy="Give none below 0, and one above"
            )
        self.temperature = temperature
        self.weights = weights
        self.importance = importance

    def terms_of_all(self, student: Fields, teachers: Mapping[str, Fields], batch: Batch) -> dict[str, Tensor]:
        """The term ``kd``."""
        stacked = stacked_logits(batch.target, *(teacher.logits for teacher in teachers.values()))
        weights = (
            confidence_weights(stacked)
            if self.weights is None
            else self._scaled(self.weights, list(teachers), stacked.device)
        )
        mean = weighted_logits(weights, stacked)
        importance = teacher_confidence(mean) if self.importance else None
        s = class_logits(student.logits, batch.target)
        return {"kd": weighted_soft_labels(s, mean, self.temperature, importance)}

    def _scaled(self, weights: Mapping[str, float], names: list[str], device: torch.device) -> Tensor:
        for name in weights:
            if name not in names:
                raise InputError(
                    f"a weight is set for teacher '{name}'", where="WeightedTeachers", remedy=nearest(name, names)
                )
        values = torch.tensor([weights.get(name, 0.0) for name in names], device=device)
        return values / values.sum()
