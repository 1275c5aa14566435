"""Hybrid policy distillation (HPD): labels are followed where the teacher rates them above the student."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError, nearest
from medkd.objectives.class_logits import class_logits, class_targets
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

Draw = Literal["expected", "sampled", "greedy"]


@full_precision
def hybrid_divergence(
    student: Tensor, teacher: Tensor, label: Tensor, known: Tensor, drawn: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Log-likelihood weighted by forward and reverse divergence, and the plain cross-entropy, in nats.

    With q, r the log-probabilities of student and teacher and a = (r - q) e^q at each class: the label y has weight
    a_y, and e^(r_y) more where a_y > 0. A class z drawn from the student has weight a_z where a_z < 0 and z ≠ y; where
    a_z < 0 and a_y > 0, the label gets e^(r_y) once more. Loss = -Σ weight · log-probability / known positions. The
    weights carry no gradient, so the value is not a distance: it is the gradient that vanishes at student = teacher.

    An infinite logit excludes its class; the release sets it to zero, which makes that class likely.

    Args:
        student, teacher: logits "position class"; the teacher gets no gradient.
        label: "position" int64, anything within range where unknown.
        known: "position" bool; others count nothing.
        drawn: "position" int64, one draw per position from the student. None: the expectation over all draws, which has
            no noise and costs one more pass over the classes (ours).

    Source: Zhu et al. 2026, Hybrid Policy Distillation for LLMs, arXiv:2604.20244.
    """
    q, r = student.log_softmax(dim=1), teacher.detach().log_softmax(dim=1)
    lowest = math.log(torch.finfo(r.dtype).tiny)
    # A class that the student cannot name has weight zero, one that the teacher excludes the largest finite one.
    possible = q.isfinite()
    q = q.masked_fill(~possible, 0)
    share = torch.where(possible, q.detach().exp(), 0)
    advantage = (r.clamp(min=lowest) - q.detach()) * share

    def at(values: Tensor, index: Tensor) -> Tensor:
        return values.gather(1, index[:, None])[:, 0]

    favour, trust = at(advantage, label), at(r, label).exp()
    liked = favour > 0
    if drawn is None:
        others = (advantage < 0).to(q.dtype) * share
        again = others.sum(dim=1)
        pushed = (others * advantage * q).scatter(1, label[:, None], 0).sum(dim=1)
    else:
        chance = at(advantage, drawn)
        again = (chance < 0).to(q.dtype)
        pushed = torch.where(drawn != label, again * chance * at(q, drawn), 0)
    weight = favour + torch.where(liked, (1 + again) * trust, 0)
    positions = known.sum().to(q.dtype) + 1e-8
    loss = -(weight * at(q, label) + pushed)
    return torch.where(known, loss, 0).sum() / positions, -torch.where(known, at(q, label), 0).sum() / positions


class HybridDivergence(Objective):
    """Hybrid policy distillation at every labelled position.

    A position is a token of a sequence, a label of a record, or a sample with its one class.

    Args:
        draw: ``expected`` takes the expectation over the student's draws, ``sampled`` one draw per position (as
            released), ``greedy`` the student's most likely class (as the release's reinforcement variant).
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch class", "batch label", or "batch position class" with one target column per position (already
    shifted).
    Term: ``hpd``, in nats, may be negative.

    Raises:
        InputError: the target is a regression, or the logits' shapes differ.

    Source: Zhu et al. 2026, arXiv:2604.20244.
    """

    method: ClassVar[str] = "HPD"
    source: ClassVar[str] = "Zhu et al. 2026, arXiv:2604.20244"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True

    def __init__(self, draw: Draw = "expected", teacher: str = "") -> None:
        super().__init__(teacher)
        if draw not in ("expected", "sampled", "greedy"):
            raise InputError(
                f"no draw '{draw}'", where="HybridDivergence", remedy=nearest(draw, ("expected", "sampled", "greedy"))
            )
        self.draw = draw

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``hpd``."""
        s, t = student.logits, teacher.logits
        s, t = (class_logits(x, batch.target).flatten(0, -2) for x in (s, t))
        label, known = (x.flatten() for x in class_targets(batch))
        if len(label) != len(s):
            what = f"there are {len(s)} positions and {len(label)} labels"
            raise InputError(what, where="HybridDivergence", remedy="Give one target column per position")
        drawn = None
        if self.draw == "greedy":
            drawn = s.detach().argmax(dim=1)
        elif self.draw == "sampled":
            drawn = torch.multinomial(s.detach().float().softmax(dim=1), 1)[:, 0]
        return {"hpd": hybrid_divergence(s, t, label, known, drawn)[0]}
