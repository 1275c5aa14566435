"""FitNets: the teacher's feature maps at several depths, by their values and by the direction of their mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.feature_maps import averaged_to, paired_maps
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def fitnets(
    student: Tensor, teacher: Tensor, weight: Tensor, standardise: bool = False, eps: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """The mean squared difference of two feature maps, and one minus the mean cosine of their means over positions.

    The student's channels are mapped linearly, its map averaged to the teacher's size.

    Args:
        student, teacher: "batch channel ..." with one to three axes of space or time; the teacher gets no gradient.
        weight: "teacher_channel student_channel".
        standardise: divide both by the standard deviation of all the teacher's entries, so that deep and shallow maps
            weigh alike.
        eps: smallest norm of a mean.

    Source: Romero et al. 2015, FitNets, arXiv:1412.6550; the cosine: Yasar 2026, Student Capacity Moderates Knowledge
    Distillation Effectiveness, arXiv:2605.31191.

    >>> x = torch.rand(2, 3, 8)
    >>> [round(term.item(), 5) + 0.0 for term in fitnets(x, x, torch.eye(3))]
    [0.0, 0.0]
    """
    t = teacher.detach()
    s = functional.linear(student.movedim(1, -1), weight).movedim(-1, 1)
    s = averaged_to(s, t.shape[2:])
    if standardise:
        scale = t.std().clamp(min=1e-6)
        s, t = s / scale, t / scale
    means = (functional.normalize(x.flatten(2).mean(dim=2), dim=1, eps=eps) for x in (s, t))
    s_mean, t_mean = means
    return (s - t).square().mean(), (1 - (s_mean * t_mean).sum(dim=1)).mean()


class FitNets(Objective):
    """Match the teacher's feature maps after a learned linear map of the student's channels, averaged over stages.

    Maps depend on where the signal is, so student and teacher must see the same augmentation: the teacher runs live.

    Args:
        channels: stage → [student's channels, teacher's channels].
        beta: weight of the cosine part.
        standardise: divide by the standard deviation of the teacher's map.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: features "batch channel ...". Terms: ``feature_mse`` and ``feature_cos``, weighted.

    Raises:
        InputError: no stage is given, one is missing, or has other channels.

    Source: Romero et al. 2015, FitNets, arXiv:1412.6550; the cosine: Yasar 2026, arXiv:2605.31191.
    """

    method: ClassVar[str] = "FitNets"
    source: ClassVar[str] = "Romero et al. 2015, arXiv:1412.6550; with a cosine term: Yasar 2026, arXiv:2605.31191"
    needs_student: ClassVar[tuple[str, ...]] = ("features",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("features",)
    needs_alignment: ClassVar[bool] = True
    example: ClassVar[Mapping[str, Any]] = {"channels": {"stage1": [4, 4], "stage2": [6, 9]}}

    def __init__(
        self, channels: dict[str, list[int]], beta: float = 0.5, standardise: bool = False, teacher: str = ""
    ) -> None:
        super().__init__(teacher)
        if not channels or any(len(pair) != 2 for pair in channels.values()):
            raise InputError(f"channels are {channels}", where="FitNets", remedy="Give stage: [student's, teacher's]")
        self.stages = list(channels)
        self.beta = beta
        self.standardise = standardise
        self.weights = nn.ParameterList(nn.Linear(have, want, bias=False).weight for have, want in channels.values())

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``feature_mse`` and ``feature_cos``."""
        maps = paired_maps(student, teacher, self.stages, self)
        for stage, (s, t), weight in zip(self.stages, maps, self.weights, strict=True):
            if (t.shape[1], s.shape[1]) != tuple(weight.shape):
                what = f"features at '{stage}' have {s.shape[1]} and {t.shape[1]} channels"
                raise InputError(what, where="FitNets", remedy=f"Set channels.{stage} to [{s.shape[1]}, {t.shape[1]}]")
        terms = [fitnets(s, t, weight, self.standardise) for (s, t), weight in zip(maps, self.weights, strict=True)]
        mse, cosine = (torch.stack(parts).mean() for parts in zip(*terms, strict=True))
        return {"feature_mse": mse, "feature_cos": self.beta * cosine}
