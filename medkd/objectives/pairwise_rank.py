"""RankNet: every two samples in the teacher's order, as surely as the teacher orders them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.errors import InputError, nearest
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def pairwise_rank(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy of the student's and the teacher's chances that sample i ranks above sample j, in nats.

    The value is the mean over pairs and columns.

    C_ij = ln(1 + exp(o_ij)) - P_ij o_ij, with o_ij = (s_i - s_j)/T and P_ij = sigmoid((t_i - t_j)/T). C_ij = C_ji, so
    each pair is taken once. The least value, where every s_i - s_j = t_i - t_j, is the mean entropy of P_ij, not zero.
    A batch of one has no pair: zero.

    Args:
        student, teacher: logits "batch column ..."; the teacher gets no gradient. A column is compared with itself
            alone.
        temperature: T > 0, in the logits' units.

    Source: Burges et al. 2005, Learning to Rank using Gradient Descent, ICML, eqs. 1-3, with the teacher's P_ij for the
    desired one.

    >>> pairwise_rank(torch.tensor([[5.0], [5.0]]), torch.zeros(2, 1))
    tensor(0.6931)
    """
    s, t = student / temperature, teacher.detach() / temperature
    i, j = torch.triu_indices(len(s), len(s), offset=1, device=s.device)
    costs = functional.binary_cross_entropy_with_logits(s[i] - s[j], torch.sigmoid(t[i] - t[j]), reduction="sum")
    # Not a mean: that of no pairs is NaN.
    return costs / max(len(i) * s[0].numel(), 1)


@full_precision
def _comparable(logits: Tensor, exclusive: bool) -> Tensor:
    """Log-probabilities of classes that exclude each other.

    A softmax ignores what all logits of a sample share, and so must an order.
    """
    return logits.log_softmax(dim=1) if exclusive else logits


class PairwiseRank(Objective):
    """Put every two samples of a batch in the teacher's order, column by column, as surely as the teacher does.

    A column is a logit, or of a multi-class target the log-probability of a class. What all samples of a column share
    is free. Memory grows with the square of the batch.

    Args:
        temperature: T > 0, in nats, or in the target's units for a regression or forecast. The gradient shrinks as 1/T²
            where T is large.
        columns: names of the outputs that are ranked, as the target gives them; None is all.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: student and teacher logits "batch output". Term: ``ranknet``, in nats. Unlabelled samples count like any
    other.

    Raises:
        InputError: the temperature is not above zero, no column is left, one is unknown or named twice, or the logits'
            shapes differ.

    Source: Burges et al. 2005, Learning to Rank using Gradient Descent, ICML, eqs. 1-3.
    """

    method: ClassVar[str] = "RankNet"
    source: ClassVar[str] = "Burges et al. 2005, Learning to Rank using Gradient Descent, ICML"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)

    def __init__(self, temperature: float = 1.0, columns: list[str] | None = None, teacher: str = "") -> None:
        super().__init__(teacher)
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0", where="PairwiseRank", remedy="1 is the authors'"
            )
        if columns is not None and not columns:
            raise InputError(
                "columns is empty, nothing is ranked",
                where="PairwiseRank",
                remedy="Name a column, or leave it out for all",
            )
        if columns is not None and len(set(columns)) < len(columns):
            raise InputError(
                f"columns names one twice: {', '.join(columns)}", where="PairwiseRank", remedy="Name each column once"
            )
        self.temperature = temperature
        self.columns = columns

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``ranknet``."""
        s, t = student.logits, teacher.logits
        s, t = _comparable(s, batch.target.is_categorical), _comparable(t, batch.target.is_categorical)
        if self.columns is not None:
            index = [batch.target.names.index(name) for name in self.columns]
            s, t = s[:, index], t[:, index]
        return {"ranknet": pairwise_rank(s, t, self.temperature)}

    def check(self, target: Target) -> None:
        """Refuse a column that the target does not have."""
        for name in self.columns or ():
            if name not in target.names:
                raise InputError(
                    f"target '{target.key}' has no output '{name}'",
                    where="PairwiseRank",
                    remedy=nearest(name, target.names),
                )
