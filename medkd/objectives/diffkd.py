"""DiffKD: the student's feature as a noisy version of the teacher's, denoised before the two are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.networks.noise_predictor import NoisePredictor
from medkd.networks.projector import Projector
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

TIMES = 1000
"""Steps from a clean feature to noise."""
Predict = Callable[[Tensor, Tensor], Tensor]
"""A noisy feature "batch channel ..." and its time "batch", in steps, to the noise in it."""


def signal_share() -> Tensor:
    """The share of a feature's variance that is left at each time.

    It is the running product of 1 - beta, beta linear from 0.0001 to 0.02.

    >>> signal_share()[[0, 500, 999]]
    tensor([9.9990e-01, 7.7797e-02, 4.0358e-05], dtype=torch.float64)
    """
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, TIMES, dtype=torch.float64), dim=0)


@full_precision
def noise_prediction(teacher: Tensor, noise: Tensor, time: Tensor, predict: Predict, share: Tensor) -> Tensor:
    """Squared error of the noise predicted from the teacher's feature with noise mixed in, mean over entries.

    The mixture is ``sqrt(a) teacher + sqrt(1 - a) noise`` with ``a = share[time]``.

    Args:
        teacher: "batch channel ..."; gets no gradient.
        noise: the same shape, standard normal.
        time: "batch" int64, in steps.
        predict: the noise from the mixture and its time.
        share: signal left at each time.

    Source: Huang et al. 2023, DiffKD, arXiv:2305.15712, eq. 5; Ho et al. 2020, arXiv:2006.11239.
    """
    a = _over_channels(share[time], teacher)
    return (predict(a.sqrt() * teacher.detach() + (1 - a).sqrt() * noise, time) - noise).square().mean()


@full_precision
def denoise(
    feature: Tensor,
    noise: Tensor,
    gamma: Tensor,
    predict: Predict,
    share: Tensor,
    steps: int = 5,
    from_start: bool = False,
) -> Tensor:
    """Mix noise into a feature, ``gamma feature + (1 - gamma) noise``, and remove it by DDIM steps.

    DDIM's eta is 0, and nothing is clipped.

    A step from time t to u: ``clean = (x - sqrt(1 - a_t) e) / sqrt(a_t)`` with ``e = predict(x, t)``, then
    ``sqrt(a_u) clean + sqrt(1 - a_u) e``; the last one ends at ``a = 1``, without noise.

    Args:
        feature: "batch channel ...".
        noise: the same shape, standard normal.
        gamma: "batch", share of the feature, 0 to 1. The mixture does not keep the variance; the paper has it so.
        predict: the noise from a noisy feature and its time.
        share: signal left at each time.
        from_start: spread the steps over all times (with five: 800, 600 ... 0), as PTA does; else over the last half
            (400, 300 ... 0), as DiffKD's authors do: a student's feature is not pure noise.

    Source: Huang et al. 2023, arXiv:2305.15712, section 3.2; Song et al. 2021, DDIM, arXiv:2010.02502, eq. 12.
    """
    mixed = _over_channels(gamma, feature)
    x = mixed * feature + (1 - mixed) * noise
    stride = len(share) // (steps if from_start else 2 * steps)
    # As numbers, and not as tensors that are looked up: compiled, each is a constant.
    left = [share[stride * i] for i in range(steps)]
    for i in reversed(range(steps)):
        a, after = left[i], left[i - 1] if i else torch.ones_like(left[0])
        e = predict(x, torch.full((len(x),), stride * i, device=x.device))
        x = after.sqrt() * (x - (1 - a).sqrt() * e) / a.sqrt() + (1 - after).sqrt() * e
    return x


def _over_channels(value: Tensor, like: Tensor) -> Tensor:
    return value.to(like.dtype).reshape(-1, *[1] * (like.dim() - 1))


class DiffKD(Objective):
    """DiffKD: denoise the student's embedding by a diffusion model of the teacher's, then match.

    The teacher's embedding is compressed by an autoencoder (1); a noise predictor learns its distribution (2); the
    student's embedding, projected to the same width and mixed with as much noise as an adapter finds right, is denoised
    and compared (3). Gradients reach the autoencoder by (1) alone. Where the authors use batch normalisation, layer
    normalisation is used here: it needs no second sample. Noise and times are drawn from torch's random state at each
    step.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        latent: width of the compressed embedding; 0 is half the teacher's.
        steps: DDIM steps.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Terms: ``kd`` (3), ``diff`` (2), ``ae`` (1, in the teacher's units, squared).

    Raises:
        InputError: an embedding is missing or has another width, or ``steps`` or ``latent`` is out of range.

    Source: Huang et al. 2023, Knowledge Diffusion for Distillation, arXiv:2305.15712.
    """

    method: ClassVar[str] = "DiffKD"
    source: ClassVar[str] = "Huang et al. 2023, arXiv:2305.15712"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)
    share: Tensor

    def __init__(self, student_dim: int, teacher_dim: int, latent: int = 0, steps: int = 5, teacher: str = "") -> None:
        super().__init__(teacher)
        if not 1 <= steps <= TIMES // 2:
            raise InputError(f"steps is {steps}", where="DiffKD", remedy=f"Give 1 to {TIMES // 2}; 5 is the authors'")
        if latent < 0 or latent == 1:
            raise InputError(
                f"latent is {latent}", where="DiffKD", remedy="Give at least 2, or 0 for half the teacher's width"
            )
        width = latent or max(teacher_dim // 2, 2)
        self.steps = steps
        self.teacher_dim = teacher_dim
        self.encoder = nn.Sequential(nn.Linear(teacher_dim, width), nn.LayerNorm(width, elementwise_affine=False))
        self.decoder = nn.Linear(width, teacher_dim)
        self.projector = Projector(student_dim, width)
        self.adapter = nn.Linear(width, 1)
        self.predictor = NoisePredictor(width)
        self.last = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width))
        self.register_buffer("share", signal_share().float(), persistent=False)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``kd``, ``diff`` and ``ae``."""
        s, t = student.embedding, teacher.embedding
        if t.shape[1] != self.teacher_dim:
            what = f"embedding of the teacher has width {t.shape[1]}, teacher_dim is {self.teacher_dim}"
            raise InputError(what, where="DiffKD", remedy=f"Set teacher_dim to {t.shape[1]}")
        kd, diff, ae = self._terms(s, t.detach())
        return {"kd": kd, "diff": diff, "ae": ae}

    @full_precision
    def _terms(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        clean = self.encoder(teacher)
        ae = (self.decoder(clean) - teacher).square().mean()
        clean = clean.detach()
        time = torch.randint(TIMES, (len(clean),), device=clean.device)
        diff = noise_prediction(clean, torch.randn_like(clean), time, self.predictor, self.share)
        rough = self.projector(student)
        gamma = self.adapter(rough)[:, 0].sigmoid()
        refined = denoise(rough, torch.randn_like(rough), gamma, self.predictor, self.share, self.steps)
        return (self.last(refined) - clean).square().mean(), diff, ae
