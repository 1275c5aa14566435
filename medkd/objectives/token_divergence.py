"""Token divergence (GKD, TIP): reverse, forward or Jensen-Shannon divergence from the teacher, per position."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError, nearest
from medkd.objectives.class_logits import class_logits
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

Divergence = Literal["reverse_kl", "forward_kl", "jsd"]
DIVERGENCES = ("reverse_kl", "forward_kl", "jsd")


@full_precision
def token_divergence(
    student: Tensor, teacher: Tensor, divergence: Divergence = "reverse_kl", beta: float = 0.5
) -> Tensor:
    """The divergence at every position, in nats.

    With p the teacher's probabilities and q the student's: reverse_kl is KL(q ‖ p), which keeps to what the teacher
    allows; forward_kl is KL(p ‖ q), which covers all of it; jsd is beta KL(p ‖ m) + (1 - beta) KL(q ‖ m) with m = beta
    p + (1 - beta) q.

    Args:
        student, teacher: logits "... class"; the teacher gets no gradient.
        beta: 0 to 1, of jsd.

    Shapes: "...". Source: Xu et al. 2026, TIP, arXiv:2604.14084; Agarwal et al. 2024, arXiv:2306.13649, eq. 1.

    >>> token_divergence(torch.zeros(3, 4), torch.ones(3, 4), "jsd").tolist()
    [0.0, 0.0, 0.0]
    """
    q, p = student.log_softmax(dim=-1), teacher.detach().log_softmax(dim=-1)
    if divergence == "reverse_kl":
        return _kl(q, p)
    if divergence == "forward_kl":
        return _kl(p, q)
    m = torch.logaddexp(p + _log(beta), q + _log(1 - beta))
    return beta * _kl(p, m) + (1 - beta) * _kl(q, m)


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf


def _kl(a: Tensor, b: Tensor) -> Tensor:
    return (a.exp() * (a - b)).sum(dim=-1)


class TokenDivergence(Objective):
    """The mean divergence from the teacher over all positions.

    A position is a token of a sequence, a label of a record, or a sample with its one class.

    Args:
        divergence: reverse_kl, forward_kl or jsd.
        beta: 0 to 1, the teacher's share in jsd.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch class", "batch label" or "batch position class". Term: ``divergence``, in nats.

    Raises:
        InputError: there is no such divergence, beta is outside, the target is a regression, or the logits' shapes
            differ.

    Source: Xu et al. 2026, TIP, arXiv:2604.14084.
    """

    method: ClassVar[str] = "GKD divergences"
    source: ClassVar[str] = "Agarwal et al. 2024, arXiv:2306.13649; Xu et al. 2026, arXiv:2604.14084"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True

    def __init__(self, divergence: Divergence = "reverse_kl", beta: float = 0.5, teacher: str = "") -> None:
        super().__init__(teacher)
        if divergence not in DIVERGENCES:
            raise InputError(
                f"no divergence '{divergence}'", where="TokenDivergence", remedy=nearest(divergence, DIVERGENCES)
            )
        if not 0 <= beta <= 1:
            raise InputError(f"beta is {beta}", where="TokenDivergence", remedy="Give one from 0 to 1")
        self.divergence = divergence
        self.beta = beta

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``divergence``."""
        s, t = student.logits, teacher.logits
        s, t = class_logits(s, batch.target), class_logits(t, batch.target)
        return {"divergence": token_divergence(s, t, self.divergence, self.beta).mean()}
