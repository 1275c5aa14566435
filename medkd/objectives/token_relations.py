"""Token relations (EVL-ECG): the teacher's distances and angles between the tokens of a sequence."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

EPS = 1e-6
"""Smallest mean distance and smallest norm: tokens that coincide, or are zero, have a bounded gradient."""


@full_precision
def token_relations(student: Tensor, teacher: Tensor, eps: float = EPS) -> tuple[Tensor, Tensor]:
    """Squared differences of the distances, and of the cosines, between every two tokens of a sequence.

    Both are means over batch and pairs.

    Distances are divided by their mean over distinct pairs of the same sequence; pairs of a token with itself count in
    the mean, as zeros. A sequence of one token has no distances.

    Args:
        student, teacher: "batch token dim", equally many tokens; the widths may differ. The gradient goes to both, for
            a teacher that is attended to by the student: detach one that is fixed.
        eps: smallest mean distance and smallest norm.

    Source: Nguyen et al. 2026, EVL-ECG, arXiv:2605.29977, relation matching; after Park et al. 2019, arXiv:1904.05068.

    >>> x = torch.rand(2, 4, 3)
    >>> all(term < 1e-9 for term in token_relations(5 * x, x))
    True
    """
    distance = (_distances(student, eps) - _distances(teacher, eps)).square().mean()
    return distance, (_cosines(student, eps) - _cosines(teacher, eps)).square().mean()


def _distances(tokens: Tensor, eps: float) -> Tensor:
    """By differences, not by the Gram matrix: exact, and without gradient, where two tokens coincide."""
    distances = torch.cdist(tokens, tokens, compute_mode="donot_use_mm_for_euclid_dist")
    count = tokens.shape[1]
    mean = distances.sum(dim=(1, 2), keepdim=True) / max(count * (count - 1), 1)
    return distances / mean.clamp(min=eps)


def _cosines(tokens: Tensor, eps: float) -> Tensor:
    direction = functional.normalize(tokens, dim=-1, eps=eps)
    return direction @ direction.transpose(1, 2)


class TokenRelations(Objective):
    """Keep the teacher's distances (up to scale) and cosines between the tokens of each sequence.

    Nothing is learned beside the student, and widths may differ; the counts of tokens may not.

    Args:
        distance_weight, angle_weight: of the two terms; the paper's are a half each.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: tokens "batch token dim". Terms: ``distance`` and ``angle``, dimensionless, weighted.

    Raises:
        InputError: tokens are missing, or their counts differ.

    Source: Nguyen et al. 2026, EVL-ECG, arXiv:2605.29977 (no release).
    """

    method: ClassVar[str] = "EVL-ECG, token relations"
    source: ClassVar[str] = "Nguyen et al. 2026, arXiv:2605.29977"
    needs_student: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("tokens",)

    def __init__(self, distance_weight: float = 0.5, angle_weight: float = 0.5, teacher: str = "") -> None:
        super().__init__(teacher)
        self.distance_weight = distance_weight
        self.angle_weight = angle_weight

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``distance`` and ``angle``."""
        s, t = student.tokens, teacher.tokens
        if s.shape[1] != t.shape[1]:
            what = f"the student has {s.shape[1]} tokens, the teacher {t.shape[1]}"
            raise InputError(
                what, where="TokenRelations", remedy="Use AttentionAlignment or OptimalTransport, which take any count"
            )
        distance, angle = token_relations(s, t.detach())
        return {"distance": self.distance_weight * distance, "angle": self.angle_weight * angle}
