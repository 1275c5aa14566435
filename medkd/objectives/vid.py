"""Variational information distillation (VID): a bound on the information about the teacher's features."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision

EPS = 1e-5
"""Smallest variance."""


@full_precision
def vid(mean: Tensor, teacher: Tensor, log_scale: Tensor, eps: float = EPS) -> Tensor:
    """Negative log-density of the teacher's features under a Gaussian that the student predicts, mean over entries.

    ln(2 pi)/2 is left out.

    ``0.5 ((mean - teacher)² / var + ln var)`` with one variance per channel, ``var = softplus(log_scale) + eps``.

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


class VID(Objective):
    """Predict the teacher's embedding from the student's, with a learned variance per channel.

    Channels that cannot be predicted stop counting.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        variance: at the start, in the teacher's units, squared.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``vid``, in nats, may be negative. The paper also uses feature maps; here
    embeddings, which a bank can hold. The variances are trained with the projection (the authors' release leaves them
    out of the optimiser).

    Raises:
        InputError: an embedding is missing or has another width, or the variance is too small.

    Source: Ahn et al. 2019, Variational Information Distillation, arXiv:1904.05835.
    """

    method: ClassVar[str] = "VID"
    source: ClassVar[str] = "Ahn et al. 2019, arXiv:1904.05835"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, student_dim: int, teacher_dim: int, variance: float = 5.0, teacher: str = "") -> None:
        super().__init__(teacher)
        if not variance > EPS:
            raise InputError(
                f"variance is {variance}",
                where="VID",
                remedy=f"Give one above {EPS}; 5 is the authors'",
            )
        widths = (student_dim, teacher_dim, teacher_dim, teacher_dim)
        self.weights = nn.ParameterList(nn.Linear(widths[i], widths[i + 1], bias=False).weight for i in range(3))
        self.log_scale = nn.Parameter(torch.full((teacher_dim,), math.log(math.expm1(variance - EPS))))

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``vid``."""
        s, t = student.embedding, teacher.embedding
        if s.shape[1] != self.weights[0].shape[1]:
            what = f"embedding has width {s.shape[1]}, student_dim is {self.weights[0].shape[1]}"
            raise InputError(what, where="VID", remedy=f"Set student_dim to {s.shape[1]}")
        mean = predicted(s, *self.weights)
        check_same_shape(mean, t, "embedding", self)
        return {"vid": vid(mean, t, self.log_scale)}


@full_precision
def predicted(features: Tensor, *weights: Tensor) -> Tensor:
    """Three linear maps over the channels with ReLU between them, at every position."""
    x = features.movedim(1, -1)
    for i, weight in enumerate(weights):
        x = functional.linear(x if i == 0 else x.relu(), weight)
    return x.movedim(-1, 1)
