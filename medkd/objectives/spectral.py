"""Spectral matching: magnitude and phase of each frequency of the teacher's tokens over time."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.networks.projector import Projector
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision

FLOOR = 1e-2
"""Share of the teacher's mean magnitude below which a frequency of the student counts as without phase.

It bounds the gradient.
"""
EPS = 1e-6
"""Smallest divisor, in the features' units: a teacher without any signal has no phase either."""


@full_precision
def spectral(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of two spectra over time: of magnitudes, mean ``| |S| - |T| |``; of phases, ``1 - cos`` by ``|T|``.

    Spectra are orthonormal discrete Fourier transforms of real sequences, so that magnitudes are in the feature's own
    units. Frequencies that the teacher does not have weigh nothing in the phase.

    Args:
        student, teacher: "batch time dim"; the teacher gets no gradient.

    Source: ours, after the description of DLink (Wang et al. 2026, arXiv:2604.15016), which publishes neither norms,
    axis nor code.

    >>> time = torch.arange(8) * torch.pi / 4
    >>> magnitude, phase = spectral(time.cos()[None, :, None], time.sin()[None, :, None])
    >>> bool(magnitude < 1e-6), round(phase.item(), 3)
    (True, 1.0)
    """
    s = torch.view_as_real(torch.fft.rfft(student, dim=1, norm="ortho"))
    t = torch.view_as_real(torch.fft.rfft(teacher.detach(), dim=1, norm="ortho"))
    size_s, size_t = torch.linalg.vector_norm(s, dim=-1), torch.linalg.vector_norm(t, dim=-1)
    magnitude = (size_s - size_t).abs().mean()
    floor = (FLOOR * size_t.mean()).clamp(min=EPS)
    # |T| (1 - cos) with |T| cos = S·T / |S|: the teacher's phase is never divided by its magnitude.
    phase = (size_t - (s * t).sum(dim=-1) / size_s.clamp(min=floor)).sum() / size_t.sum().clamp(min=EPS)
    return magnitude, phase


class Spectral(Objective):
    """Match the spectrum over time of the teacher's tokens, after a learned projection of the student's (after DLink).

    Phase depends on when, so student and teacher must see the same augmentation: the teacher runs live.

    Args:
        student_dim, teacher_dim: widths of the tokens.
        magnitude_weight, phase_weight: of the two terms.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: tokens "batch token dim", equally many, in the order of time. Terms: ``magnitude``, in the teacher's units;
    ``phase``, dimensionless, 0 to 2; both weighted.

    Raises:
        InputError: tokens are missing, or have another width or count.

    Source: ours, after Wang et al. 2026, DLink, arXiv:2604.15016; not verified against any release.
    """

    method: ClassVar[str] = "Spectral matching"
    source: ClassVar[str] = "ours, after DLink: Wang et al. 2026, arXiv:2604.15016"
    needs_student: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_alignment: ClassVar[bool] = True

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        magnitude_weight: float = 1.0,
        phase_weight: float = 1.0,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        self.projector = Projector(student_dim, teacher_dim)
        self.magnitude_weight = magnitude_weight
        self.phase_weight = phase_weight

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``magnitude`` and ``phase``."""
        s, t = student.tokens, teacher.tokens
        if s.shape[1] != t.shape[1]:
            what = f"the student has {s.shape[1]} tokens, the teacher {t.shape[1]}"
            raise InputError(what, where="Spectral", remedy="Give both the same patch length")
        magnitude, phase = self._terms(s, t)
        return {"magnitude": self.magnitude_weight * magnitude, "phase": self.phase_weight * phase}

    @full_precision
    def _terms(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        projected = self.projector(student)
        check_same_shape(projected, teacher, "tokens", self)
        return spectral(projected, teacher)
