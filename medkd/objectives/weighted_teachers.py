"""Match several teachers at once, each weighted by how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError, nearest
from medkd.objectives.class_logits import class_logits, stacked_logits
from medkd.objectives.needed import needed, needed_probabilities, same_shape
from medkd.objectives.objective import Objective
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
    student: Tensor, teacher: Tensor, temperature: float, importance: Tensor | None = None, released: bool = False
) -> Tensor:
    """T² · mean over samples of importance · KL(softmax(t/T) ‖ softmax(s/T)), in nats.

    Args:
        student, teacher: logits "batch ... class", axes between averaged; the teacher gets no gradient.
        temperature: T > 0, dimensionless.
        importance: "batch", not negative; None counts all alike. Scaled to a mean of one, so that it moves weight
            between samples and never changes the size of the loss.
        released: use it as given. The release feeds weights that sum to one and then takes the mean, which shrinks the
            term by the batch size.

    Source: Shadin et al., FedMTFI, arXiv:2606.01607.

    >>> weighted_soft_labels(torch.eye(2), torch.eye(2), 3.0).item()
    0.0
    """
    s, t = (student / temperature).log_softmax(dim=-1), (teacher.detach() / temperature).log_softmax(dim=-1)
    divergence = temperature**2 * (t.exp() * (t - s)).sum(dim=-1).reshape(len(s), -1).mean(dim=1)
    if importance is None:
        return divergence.mean()
    weight = importance.detach() if released else importance.detach() / importance.detach().mean().clamp(min=1e-12)
    return (weight * divergence).mean()


def teacher_confidence(teacher: Tensor) -> Tensor:
    """One minus the entropy of each sample's distribution over its largest possible value: "batch ...

    Class" → "batch", 0 to 1.
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
        released: with ``importance``, the weights sum to one and the loss is averaged all the same, as in the release.

    Shapes: logits "batch class" or "batch label", in nats. Term: ``kd``.

    Raises:
        InputError: the temperature is not above zero, a weight names no teacher, the target is a regression, or shapes
            differ.

    Source: Shadin et al., FedMTFI, arXiv:2606.01607. The release gives every teacher the same weight.
    """

    hears_all: ClassVar[bool] = True

    def __init__(
        self,
        temperature: float = 3.0,
        weights: dict[str, float] | None = None,
        importance: bool = False,
        released: bool = False,
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
        self.released = released

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``kd``."""
        s = needed(student, "logits", "student", self)
        heard = {name: needed(output, "logits", "teacher", self) for name, output in self.hear_all(teachers).items()}
        self.check(batch.target)
        for t in heard.values():
            same_shape(s, t, "logits", self)
        stacked = stacked_logits(batch.target, *heard.values())
        weights = confidence_weights(stacked) if self.weights is None else self._given(list(heard), s)
        mean = weighted_logits(weights, stacked)
        importance = teacher_confidence(mean) if self.importance else None
        if importance is not None and self.released:
            importance = importance / importance.sum().clamp(min=1e-12)
        return {
            "kd": weighted_soft_labels(class_logits(s, batch.target), mean, self.temperature, importance, self.released)
        }

    def check(self, target: Target) -> None:
        """Refuse a target without probabilities."""
        needed_probabilities(target, self)

    def _given(self, names: list[str], like: Tensor) -> Tensor:
        given = self.weights or {}
        for name in given:
            if name not in names:
                raise InputError(
                    f"a weight is set for teacher '{name}'", where="WeightedTeachers", remedy=nearest(name, names)
                )
        values = torch.tensor([given.get(name, 0.0) for name in names], device=like.device)
        return values / values.sum()


def _confidence_weights(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = confidence_weights(inputs["teacher_logits"])
    return {"weights": weights, "aggregated": weighted_logits(weights, inputs["teacher_logits"])}


def _importance_weighted_kd(inputs: Mapping[str, Tensor], T: float = 3.0) -> dict[str, Tensor]:  # noqa: N803
    loss = weighted_soft_labels(
        inputs["student_logits"], inputs["teacher_logits"], T, inputs["importance_weights"], released=True
    )
    return {"loss": loss}


def _kd_mix_baseline(inputs: Mapping[str, Tensor], alpha: float, T: float) -> dict[str, Tensor]:  # noqa: N803
    # That baseline adds the two divergences up, without T², and doubles the label's part to match.
    student = inputs["outputs"]
    soft = [weighted_soft_labels(student, inputs[name], T) / T**2 for name in ("outputs_T1", "outputs_T2")]
    return {"loss": alpha * (soft[0] + soft[1]) + 2 * (1 - alpha) * functional.cross_entropy(student, inputs["labels"])}


GOLDEN = {
    "fedmtfi/confidence_weights": _confidence_weights,
    "fedmtfi/importance_weighted_kd": _importance_weighted_kd,
    "mt_bkd/kd_mix_baseline": _kd_mix_baseline,
}
