"""Follow the label where the teacher likes it more than the student does, and leave what the teacher likes less."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError, nearest
from medkd.objectives.class_logits import class_logits, class_targets
from medkd.objectives.needed import needed, needed_probabilities, same_shape
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision

Draw = Literal["expected", "sampled", "greedy"]


@full_precision
def hybrid_divergence(
    student: Tensor, teacher: Tensor, label: Tensor, known: Tensor, drawn: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Hybrid policy distillation: log-likelihood weighted by forward and reverse divergence.

    And the plain cross-entropy, in nats.

    With q, r the log-probabilities of student and teacher and a = (r - q) e^q at each class: the label y has weight
    a_y, and e^(r_y) more where a_y > 0. A class z drawn from the student has weight a_z where a_z < 0 and z ≠ y; where
    a_z < 0 and a_y > 0, the label gets e^(r_y) once more. Loss = -Σ weight · log-probability / known positions. The
    weights carry no gradient, so the value is no distance: it is the gradient that vanishes at student = teacher.

    An infinite logit excludes its class.

    Args:
        student, teacher: logits "position class"; the teacher gets no gradient.
        label: "position" int64, anything within range where unknown.
        known: "position" bool; others count nothing.
        drawn: "position" int64, one draw a position from the student. None: the expectation over all draws, which has
            no noise and costs one more pass over the classes (ours).

    Source: Zhu et al. 2026, Hybrid Policy Distillation for LLMs, arXiv:2604.20244.
    """
    q, r = student.log_softmax(dim=1), teacher.detach().log_softmax(dim=1)
    lowest = math.log(torch.finfo(r.dtype).tiny)
    # A class that the student cannot name has weight zero, one that the teacher excludes the largest finite one.
    held = q.isfinite()
    q = q.masked_fill(~held, 0)
    share = torch.where(held, q.detach().exp(), 0)
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

    A sequence's tokens, a record's labels, or a sample's one class.

    Args:
        draw: ``expected`` takes the expectation over the student's draws, ``sampled`` one draw a position (as
            released), ``greedy`` the student's most likely class (as the release's reinforcement variant).
        released: set infinite logits to zero, as the release does, which makes an excluded class likely.
        teacher: which teacher it hears; "" is the only one.

    Shapes: logits "batch class", "batch label", or "batch position class" with one target column a position (already
    shifted).
    Term: ``hpd``, in nats, may be negative.

    Raises:
        InputError: the target is a regression, or the logits' shapes differ.

    Source: Zhu et al. 2026, arXiv:2604.20244.
    """

    def __init__(self, draw: Draw = "expected", released: bool = False, teacher: str = "") -> None:
        super().__init__(teacher)
        if draw not in ("expected", "sampled", "greedy"):
            raise InputError(
                f"no draw '{draw}'", where="HybridDivergence", remedy=nearest(draw, ("expected", "sampled", "greedy"))
            )
        self.draw = draw
        self.released = released

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``hpd``."""
        s = needed(student, "logits", "student", self)
        t = needed(self.hear(teachers), "logits", "teacher", self)
        same_shape(s, t, "logits", self)
        self.check(batch.target)
        s, t = (class_logits(x, batch.target).flatten(0, -2) for x in (s, t))
        label, known = (x.flatten() for x in class_targets(batch))
        if len(label) != len(s):
            what = f"there are {len(s)} positions and {len(label)} labels"
            raise InputError(what, where="HybridDivergence", remedy="Give one target column a position")
        if self.released:
            s, t = infinite_to_zero(s), infinite_to_zero(t)
        drawn = None
        if self.draw == "greedy":
            drawn = s.detach().argmax(dim=1)
        elif self.draw == "sampled":
            drawn = torch.multinomial(s.detach().float().softmax(dim=1), 1)[:, 0]
        return {"hpd": hybrid_divergence(s, t, label, known, drawn)[0]}

    def check(self, target: Target) -> None:
        """Refuse a target without probabilities."""
        needed_probabilities(target, self)


def infinite_to_zero(logits: Tensor) -> Tensor:
    """What the release does with excluded classes: their logit becomes 0."""
    return torch.where(logits.isinf(), 0, logits)


def _hpd_loss(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # The release keeps the shared prefix of two vocabularies.
    student, teacher, labels = (
        inputs["student_logits"][:, :-1],
        inputs["teacher_logits"][:, :-1],
        inputs["labels"][:, 1:],
    )
    shared = min(student.shape[2], teacher.shape[2])
    student, teacher = (infinite_to_zero(x)[..., :shared].flatten(0, 1) for x in (student, teacher))
    label = labels.flatten()
    known = (label != -100) & (
        (label < shared) | (inputs["student_logits"].shape[2] == inputs["teacher_logits"].shape[2])
    )
    loss, ce = hybrid_divergence(student, teacher, torch.where(known, label, 0), known, inputs["sampled"].flatten())
    return {"loss": loss, "ce_loss": ce}


GOLDEN = {"hpd/hpd_loss": _hpd_loss}
