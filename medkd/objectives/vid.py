"""Keep what the teacher knows: a bound on the information that the student's features hold about the teacher's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.needed import needed, same_shape
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision

EPS = 1e-5
"""Smallest variance."""


@full_precision
def variational_information(mean: Tensor, teacher: Tensor, log_scale: Tensor, eps: float = EPS) -> Tensor:
    """Negative log-density of the teacher's features under a Gaussian that the student predicts, without ln(2 pi)/2.

    Mean over entries.

    ``0.5 ((mean - teacher)² / var + ln var)`` with one variance a channel, ``var = softplus(log_scale) + eps``.

    Args:
        mean: what the student predicts, "batch channel ...".
        teacher: the same shape; gets no gradient.
        log_scale: "channel".
        eps: smallest variance.

    Source: Ahn et al. 2019, arXiv:1904.05835, eqs. 4-5.
    """
    variance = functional.softplus(log_scale) + eps
    variance = variance.reshape(-1, *[1] * (mean.dim() - 2))
    return 0.5 * ((mean - teacher.detach()).square() / variance + variance.log()).mean()


class VariationalInformation(Objective):
    """Predict the teacher's embedding from the student's, with a learned variance a channel.

    What cannot be predicted stops counting.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        variance: at the start, in the teacher's units, squared.
        teacher: which teacher it hears; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``vid``, in nats, may be negative. The paper also uses feature maps; here
    embeddings, which a bank can hold. The variances are trained with the projection (the authors' release leaves them
    out of the optimiser).

    Raises:
        InputError: an embedding is missing or has another width, or the variance is too small.

    Source: Ahn et al. 2019, Variational Information Distillation, arXiv:1904.05835.
    """

    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, student_dim: int, teacher_dim: int, variance: float = 5.0, teacher: str = "") -> None:
        super().__init__(teacher)
        if not variance > EPS:
            raise InputError(
                f"variance is {variance}",
                where="VariationalInformation",
                remedy=f"Give one above {EPS}; 5 is the authors'",
            )
        widths = (student_dim, teacher_dim, teacher_dim, teacher_dim)
        self.weights = nn.ParameterList(nn.Linear(widths[i], widths[i + 1], bias=False).weight for i in range(3))
        self.log_scale = nn.Parameter(torch.full((teacher_dim,), math.log(math.expm1(variance - EPS))))

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``vid``."""
        s = needed(student, "embedding", "student", self)
        t = needed(self.hear(teachers), "embedding", "teacher", self)
        if s.shape[1] != self.weights[0].shape[1]:
            what = f"embedding has width {s.shape[1]}, student_dim is {self.weights[0].shape[1]}"
            raise InputError(what, where="VariationalInformation", remedy=f"Set student_dim to {s.shape[1]}")
        mean = _predict(s, *self.weights)
        same_shape(mean, t, "embedding", self)
        return {"vid": variational_information(mean, t, self.log_scale)}


@full_precision
def _predict(features: Tensor, *weights: Tensor) -> Tensor:
    """Three linear maps over the channels with ReLU between them, at every position."""
    x = features.movedim(1, -1)
    for i, weight in enumerate(weights):
        x = functional.linear(x if i == 0 else x.relu(), weight)
    return x.movedim(-1, 1)


def _vid(inputs: Mapping[str, Tensor], eps: float) -> dict[str, Tensor]:
    s, t = _same_size((inputs["f_s"], inputs["f_t"]))
    mean = _predict(s, inputs["w1"], inputs["w2"], inputs["w3"])
    return {"loss": variational_information(mean, t, inputs["log_scale"], eps)}


def _same_size(maps: Sequence[Tensor]) -> list[Tensor]:
    size = min(x.shape[-1] for x in maps)
    return [x if x.shape[-1] == size else functional.adaptive_avg_pool2d(x, size) for x in maps]


GOLDEN = {"standard/vid": _vid}
