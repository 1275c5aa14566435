"""Supervised contrastive loss (SupCon): samples of one class together, the others apart."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.precision import full_precision
from medkd.objectives.projected import ProjectedObjective

EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""


@full_precision
def supervised_contrastive(
    anchor: Tensor, contrast: Tensor, same: Tensor, allowed: Tensor, temperature: float = 0.1
) -> Tensor:
    """Mean over anchors of -1/|P| Σ_{p in P} ln softmax over the allowed of cos(anchor, ·)/T, at p.

    P are the allowed samples of the anchor's class. An anchor without a positive counts nothing; where there is none at
    all the value is zero, its graph intact.

    Args:
        anchor: "anchor dim".
        contrast: "contrast dim".
        same: "anchor contrast" bool: of one class.
        allowed: "anchor contrast" bool: False for what is not compared, an anchor with itself above all.
        temperature: T > 0, dimensionless.

    Source: Khosla et al. 2020, arXiv:2004.11362, eq. 2 (the sum outside the logarithm).

    >>> same = torch.tensor([[False, True, False], [True, False, False], [False, False, False]])
    >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> supervised_contrastive(x, x, same, ~torch.eye(3).bool(), temperature=1.0)
    tensor(0.3133)
    """
    a, c = functional.normalize(anchor, dim=1, eps=EPS), functional.normalize(contrast, dim=1, eps=EPS)
    logits = a @ c.T / temperature
    positive = same & allowed
    # A row that allows nothing has no softmax; it has no positive either.
    some = allowed.any(dim=1, keepdim=True)
    log_p = logits - logits.masked_fill(~allowed & some, -torch.inf).logsumexp(dim=1, keepdim=True)
    count = positive.sum(dim=1)
    losses = -torch.where(positive, log_p, 0).sum(dim=1) / count.clamp(min=1)
    return losses.sum() / (count > 0).sum().clamp(min=1)


class SupervisedContrastive(ProjectedObjective):
    """Bring the student's embeddings of one class together, with ``across`` towards the teacher's of that class.

    Labelled samples alone take part. Samples are of one class if all their labels agree.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        temperature: T > 0, dimensionless.
        across: compare each student's embedding, linearly projected, with all the teacher's, its own among the
            positives (cross-modal). False compares students with students, in the projected space too; the teacher is
            then not used.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``sup_con``, in nats.

    Raises:
        InputError: the temperature is not above zero, the target is a regression, or an embedding is missing or has
            another width.

    Source: Khosla et al. 2020, Supervised Contrastive Learning, arXiv:2004.11362.
    """

    method: ClassVar[str] = "SupCon"
    source: ClassVar[str] = "Khosla et al. 2020, arXiv:2004.11362"

    def __init__(
        self, student_dim: int, teacher_dim: int, temperature: float = 0.1, across: bool = True, teacher: str = ""
    ) -> None:
        super().__init__(student_dim, teacher_dim, teacher=teacher)
        if not temperature > 0:
            what = f"temperature is {temperature}, it must be above 0"
            raise InputError(what, where="SupervisedContrastive", remedy="0.1 is the authors'")
        self.temperature = temperature
        self.across = across

    def compare(self, student: Tensor, teacher: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The term ``sup_con``."""
        known = batch.labelled.all(dim=1)
        both = known[:, None] & known[None, :]
        same = (batch.targets[:, None, :] == batch.targets[None, :, :]).all(dim=2) & both
        allowed = both if self.across else both & ~torch.eye(len(student), dtype=torch.bool, device=student.device)
        contrast = teacher if self.across else student
        return {"sup_con": supervised_contrastive(student, contrast, same, allowed, self.temperature)}

    def check(self, target: Target) -> None:
        """Refuse a target without classes."""
        if target.kind in ("regression", "forecast"):
            what = f"target '{target.key}' is a {target.kind}, it has no classes"
            raise InputError(what, where="SupervisedContrastive", remedy="Use InfoNCE instead")
