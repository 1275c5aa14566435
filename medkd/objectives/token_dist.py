"""DIST on tokens (PTA): the teacher's ranking within each token and between tokens."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError, nearest
from medkd.networks.projector import Projector
from medkd.objectives.dist import dist, pearson
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision

Positions = Literal["together", "apart"]


@full_precision
def token_dist(
    student: Tensor, teacher: Tensor, tau: float = 1.0, positions: Positions = "together"
) -> tuple[Tensor, Tensor]:
    """DIST over sequences, a token's channels in place of classes: inter (within a token) and intra (between tokens).

    Both are multiplied by tau².

    ``together`` correlates a channel over all tokens of all samples; ``apart`` at each position over the batch alone,
    which is constant in a batch of one.

    Args:
        student, teacher: "batch token channel"; the teacher gets no gradient.
        tau: temperature above 0, dimensionless.
        positions: together (the release's branch for poses) or apart (its branch for actions).

    Source: Weng et al. 2026, Purify-then-Align, arXiv:2604.05584, section 3; Huang et al. 2022, arXiv:2205.10536.

    >>> import torch
    >>> x = torch.rand(2, 3, 4)
    >>> bool(sum(token_dist(x, x)) < 1e-3)
    True
    """
    inter, intra = dist(student.flatten(0, 1), teacher.flatten(0, 1), tau)
    if positions == "together":
        return inter, intra
    s, t = ((x / tau).softmax(dim=-1).flatten(1) for x in (student, teacher.detach()))
    return inter, tau**2 * (1 - pearson(s, t, dim=0).mean())


class TokenDist(Objective):
    """DIST on tokens, after a learned projection of the student's.

    Correlate with the teacher's tokens instead of equalling them.

    Args:
        student_dim, teacher_dim: widths of the tokens.
        beta: weight of ``inter``, channels within a token.
        gamma: weight of ``intra``, tokens within a channel.
        tau: temperature above 0, dimensionless.
        positions: correlate tokens together or each position apart.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: tokens "batch token dim", as many in both. Terms: ``inter`` and ``intra``, weighted, dimensionless.

    Raises:
        InputError: tau is not above zero, there is no such choice of positions, or the tokens' shapes differ.

    Source: Weng et al. 2026, Purify-then-Align, arXiv:2604.05584.
    """

    method: ClassVar[str] = "PTA, DIST on tokens"
    source: ClassVar[str] = "Weng et al. 2026, arXiv:2604.05584; Huang et al. 2022, arXiv:2205.10536"
    needs_student: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_alignment: ClassVar[bool] = True

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        beta: float = 1.0,
        gamma: float = 1.0,
        tau: float = 1.0,
        positions: Positions = "together",
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not tau > 0:
            raise InputError(f"tau is {tau}, it must be above 0", where="TokenDist", remedy="1 is the authors'")
        if positions not in ("together", "apart"):
            raise InputError(
                f"no positions '{positions}'", where="TokenDist", remedy=nearest(positions, ("together", "apart"))
            )
        self.projector = Projector(student_dim, teacher_dim)
        self.beta = beta
        self.gamma = gamma
        self.tau = tau
        self.positions: Positions = positions

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``inter`` and ``intra``."""
        s = self.projector(student.tokens)
        t = teacher.tokens
        check_same_shape(s, t, "tokens", self)
        inter, intra = token_dist(s, t, self.tau, self.positions)
        return {"inter": self.beta * inter, "intra": self.gamma * intra}
