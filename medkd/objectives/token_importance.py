"""Token importance (TIP): the positions where the student is unsure, or sure of what the teacher denies."""

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
from medkd.objectives.token_divergence import token_divergence

Selection = Literal["soft_or", "sampled"]


@full_precision
def soft_or(entropy: Tensor, divergence: Tensor, clip_quantile: float | None = 0.98) -> tuple[Tensor, Tensor, Tensor]:
    """Entropy h and divergence d, each scaled to 0 … 1 over the positions, and h + d - h d: large where either is.

    Args:
        entropy: of the student, "position", in nats.
        divergence: KL(student ‖ teacher), "position", in nats.
        clip_quantile: the entropy is first clipped from above at this quantile; None leaves it.

    Returns:
        h, d and the score, each "position". One that is constant is scaled to 0.

    Source: Xu et al. 2026, TIP, arXiv:2604.14084; the scaling is known from summaries alone, without a release.

    >>> [x.tolist() for x in soft_or(torch.tensor([0.0, 1.0]), torch.tensor([3.0, 1.0]), None)]
    [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    if clip_quantile is not None:
        entropy = entropy.clamp(max=torch.quantile(entropy, clip_quantile))
    h, d = _unit(entropy), _unit(divergence)
    return h, d, h + d - h * d


def _unit(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return torch.where(high > low, (values - low) / torch.where(high > low, high - low, 1), 0)


def strongest(score: Tensor, share: float) -> Tensor:
    """The largest ``share`` of scores, at least one, earlier positions first where equal: "position" bool.

    >>> strongest(torch.tensor([1.0, 3.0, 3.0, 0.0]), 0.25).tolist()
    [False, True, False, False]
    """
    count = max(1, math.floor(share * len(score)))
    order = torch.argsort(score, descending=True, stable=True)
    return torch.zeros_like(score, dtype=torch.bool).index_fill(0, order[:count], True)


@full_precision
def sampling_weights(
    student: Tensor,
    teacher: Tensor,
    entropy_alpha: float = 1.0,
    jsd_gamma: float = 1.0,
    jsd_topk: int = 0,
    jsd_scale: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """The release's rule: normalised entropy^alpha · normalised Jensen-Shannon divergence^gamma, to draw positions by.

    Args:
        student, teacher: logits "position class"; no gradient.
        entropy_alpha, jsd_gamma: the powers; with gamma 0 the divergence is left out.
        jsd_topk: compare over the teacher's most likely classes alone; 0 is all.
        jsd_scale: multiplies both, before the powers.

    Returns:
        entropy over ln(classes), divergence over ln 2 (both scaled), and the weights, each "position".

    Source: Xu et al. 2026, TIP, arXiv:2604.14084, as released; the paper's own rule is ``soft_or``.
    """
    student, teacher = student.detach(), teacher.detach()
    entropy = jsd_scale * _entropy(student) / math.log(student.shape[1])
    if 0 < jsd_topk < teacher.shape[1]:
        likely = teacher.topk(jsd_topk, dim=1).indices
        student, teacher = student.gather(1, likely), teacher.gather(1, likely)
    q, p = student.log_softmax(dim=1), teacher.log_softmax(dim=1)
    m = ((p.exp() + q.exp()) / 2).clamp(min=1e-8).log()
    divergence = 0.5 * (q.exp() * (q - m) + p.exp() * (p - m)).sum(dim=1)
    divergence = jsd_scale * divergence.clamp(min=0) / math.log(2)
    weights = entropy.clamp(min=1e-8) ** entropy_alpha
    return entropy, divergence, weights * divergence.clamp(min=1e-8) ** jsd_gamma if jsd_gamma else weights


def _entropy(logits: Tensor) -> Tensor:
    log_q = logits.log_softmax(dim=-1)
    return -(log_q.exp() * log_q).sum(dim=-1)


class TokenImportance(Objective):
    """KL(student ‖ teacher) at the positions of a batch that matter most.

    A position is a token of a sequence, a label of a record, or a sample.

    Args:
        share: of the positions that are learned from, above 0 to 1.
        selection: ``soft_or`` takes the highest scores (the paper), ``sampled`` draws in proportion to entropy ·
            divergence without replacement (the release).
        clip_quantile: of the entropy, for ``soft_or``.
        entropy_alpha, jsd_gamma: powers of the two, for ``sampled``.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch class", "batch label" or "batch position class". Term: ``tip``, in nats.

    Raises:
        InputError: there is no such selection, the share is outside, the target is a regression, or the logits' shapes
            differ.

    Source: Xu et al. 2026, TIP: Token Importance in On-Policy Distillation, arXiv:2604.14084.
    """

    method: ClassVar[str] = "TIP"
    source: ClassVar[str] = "Xu et al. 2026, arXiv:2604.14084"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True

    def __init__(
        self,
        share: float = 0.5,
        selection: Selection = "soft_or",
        clip_quantile: float = 0.98,
        entropy_alpha: float = 1.0,
        jsd_gamma: float = 1.0,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not 0 < share <= 1:
            raise InputError(
                f"share is {share}", where="TokenImportance", remedy="Give one above 0, at most 1; 0.5 is the paper's"
            )
        if selection not in ("soft_or", "sampled"):
            raise InputError(
                f"no selection '{selection}'",
                where="TokenImportance",
                remedy=nearest(selection, ("soft_or", "sampled")),
            )
        self.share = share
        self.selection = selection
        self.clip_quantile = clip_quantile
        self.entropy_alpha = entropy_alpha
        self.jsd_gamma = jsd_gamma

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``tip``."""
        s, t = student.logits, teacher.logits
        s, t = (class_logits(x, batch.target).flatten(0, -2) for x in (s, t))
        divergence = token_divergence(s, t)
        chosen = self._choose(s.detach().to(divergence.dtype), t.detach().to(divergence.dtype), divergence.detach())
        return {"tip": torch.where(chosen, divergence, 0).sum() / chosen.sum()}

    def _choose(self, s: Tensor, t: Tensor, divergence: Tensor) -> Tensor:
        if self.selection == "soft_or":
            return strongest(soft_or(_entropy(s), divergence, self.clip_quantile)[2], self.share)
        count = max(1, math.floor(self.share * len(s)))
        weights = sampling_weights(s, t, self.entropy_alpha, self.jsd_gamma)[2]
        return torch.zeros(len(s), dtype=torch.bool, device=s.device).index_fill(
            0, torch.multinomial(weights, count), True
        )
