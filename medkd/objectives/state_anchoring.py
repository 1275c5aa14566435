"""State anchoring (CoRe-KD): the Gaussian state and the probabilities of a teacher with every modality."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.networks.projector import Projector
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision
from medkd.objectives.soft_labels import soft_labels

Gaussian = tuple[Tensor, Tensor]
"""Mean and standard deviation, each "... dim"."""
LOG_VARIANCE = (-6.0, 2.0)
"""Range that log-variances are cut to: no state is ever certain of everything, or of nothing."""
PER_MODALITY = "state/"
"""Feature maps of this name and a modality's hold that modality's own state, "batch 2 dim": mean and log-variance."""


@full_precision
def gaussian_distance(
    student_mean: Tensor, student_deviation: Tensor, teacher_mean: Tensor, teacher_deviation: Tensor
) -> Tensor:
    """The squared 2-Wasserstein distance of two diagonal Gaussians, divided by their dimension.

    The teacher gets no gradient.

    Shapes: all "... dim" → "...". Source: Pan et al. 2026, CoRe-KD, arXiv:2605.29590, eq. 7.

    >>> zero, one = torch.zeros(1, 4), torch.ones(1, 4)
    >>> gaussian_distance(zero, one, one, one)
    tensor([1.])
    """
    means = (student_mean - teacher_mean.detach()).square()
    return (means + (student_deviation - teacher_deviation.detach()).square()).mean(dim=-1)


@full_precision
def missing_distance(
    student_mean: Tensor, student_deviation: Tensor, teacher_mean: Tensor, teacher_deviation: Tensor, missing: Tensor
) -> Tensor:
    """The distance of the student's states of its missing modalities to the teacher's, mean over those missing.

    Zero if none is missing.

    Shapes: states "modality batch dim", missing "modality batch" bool → "batch". The states of
    one that is not missing are never read.
    """
    blank = ~missing[:, :, None]
    states = (
        state.masked_fill(blank, 0) for state in (student_mean, student_deviation, teacher_mean, teacher_deviation)
    )
    return gaussian_distance(*states).sum(dim=0) / missing.sum(dim=0).clamp(min=1)


class StateAnchoring(Objective):
    """CoRe-KD's anchoring: match the Gaussian state of a teacher that saw the complete view, and its probabilities.

    Where the features of both also hold a state for each modality (``state/<modality>``, "batch 2 dim"), the
    student's state of a modality that a sample lacks is matched too; a bank does not keep those, so this takes a live
    teacher. The presence is the student's.

    Args:
        student_dim, teacher_dim: widths of the states; a linear map joins them where they differ.
        temperature: of the probabilities.
        kd_weight, state_weight, missing_weight: of the three terms; one of weight 0 is left out.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: states "batch dim", mean and log-variance, the latter cut to -6 ... 2; logits "batch class". Terms: ``kd``,
    ``state`` and, with states for each modality, ``mstate``; weighted.

    Raises:
        InputError: logits or state are missing or have another width, or probabilities are asked of a regression.

    Source: Pan et al. 2026, State-Anchored Complete-View Distillation, arXiv:2605.29590, eqs. 6-7 (no release; the
    default weights are second-hand).
    """

    method: ClassVar[str] = "CoRe-KD, state anchoring"
    source: ClassVar[str] = "Pan et al. 2026, arXiv:2605.29590"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True
    needs_student: ClassVar[tuple[str, ...]] = ("logits", "state")
    needs_teacher: ClassVar[tuple[str, ...]] = ("logits", "state")

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        temperature: float = 2.0,
        kd_weight: float = 1.0,
        state_weight: float = 0.5,
        missing_weight: float = 0.5,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0",
                where="StateAnchoring",
                remedy="2 is a common choice",
            )
        self.temperature = temperature
        self.kd_weight, self.state_weight, self.missing_weight = kd_weight, state_weight, missing_weight
        same = student_dim == teacher_dim
        self.mean = nn.Identity() if same else Projector(student_dim, teacher_dim)
        self.log_variance = nn.Identity() if same else Projector(student_dim, teacher_dim)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``kd``, ``state`` and ``mstate``."""
        terms: dict[str, Tensor] = {}
        if self.kd_weight:
            check_same_shape(student.logits, teacher.logits, "logits", self)
            terms["kd"] = self.kd_weight * soft_labels(
                student.logits, teacher.logits, self.temperature, bernoulli=not batch.target.is_categorical
            )
        if self.state_weight:
            terms["state"] = self.state_weight * self._distance(*student.state, *teacher.state).mean()
        names = [name for name in student.features if name.startswith(PER_MODALITY) and name in teacher.features]
        if self.missing_weight and names:
            terms["mstate"] = self.missing_weight * self._missing(student, teacher, batch, names)
        return terms

    def check(self, target: Target) -> None:
        """Refuse a target without probabilities, where they are matched."""
        if self.kd_weight:
            super().check(target)

    @full_precision
    def _distance(self, s_mean: Tensor, s_log: Tensor, t_mean: Tensor, t_log: Tensor) -> Tensor:
        mean, deviation = self.mean(s_mean), _deviation(self.log_variance(s_log))
        check_same_shape(mean, t_mean, "state", self)
        return gaussian_distance(mean, deviation, t_mean, _deviation(t_log))

    def _missing(self, student: Fields, teacher: Fields, batch: Batch, names: list[str]) -> Tensor:
        presence = batch.presence["model"]
        absent = [~presence[name.removeprefix(PER_MODALITY)] for name in names]
        s = torch.stack([student.features[name] for name in names])
        t = torch.stack([teacher.features[name] for name in names])
        return self._missing_distance(s, t, torch.stack(absent)).mean()

    @full_precision
    def _missing_distance(self, student: Tensor, teacher: Tensor, missing: Tensor) -> Tensor:
        mean, deviation = self.mean(student[:, :, 0]), _deviation(self.log_variance(student[:, :, 1]))
        return missing_distance(mean, deviation, teacher[:, :, 0], _deviation(teacher[:, :, 1]), missing)


def _deviation(log_variance: Tensor) -> Tensor:
    return (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp()
