"""Joint hierarchy (TaxDistill): a taxonomy's leaves from labels at any level, with a head on a frozen teacher."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision
from medkd.objectives.soft_labels import soft_labels


def leaves_below(parents: Tensor) -> Tensor:
    """Which leaves are below each node, itself included: "node leaf" bool, leaves in the order of their nodes.

    Args:
        parents: "node" int; -1 for the root, which is node 0; every other parent comes before its children.

    >>> leaves_below(torch.tensor([-1, 0, 0, 1])).int().tolist()
    [[1, 1], [0, 1], [1, 0], [0, 1]]
    """
    count = len(parents)
    below = torch.eye(count, dtype=torch.bool, device=parents.device)
    for node in range(count - 1, 0, -1):
        below[parents[node]] |= below[node]
    leaf = torch.ones(count, dtype=torch.bool, device=parents.device)
    leaf[parents[1:]] = False
    return below[:, leaf]


@full_precision
def hierarchy_nll(logits: Tensor, below: Tensor) -> Tensor:
    """-ln of the probability of all leaves below each sample's label, in nats, "batch".

    Zero where the label is the root.

    Args:
        logits: "batch leaf".
        below: "batch leaf" bool, the leaves below the label; at least one per sample.

    Source: Ye et al., TaxDistill, arXiv:2605.28868.
    """
    return logits.logsumexp(dim=1) - logits.masked_fill(~below, -torch.inf).logsumexp(dim=1)


class JointHierarchy(Objective):
    """Taxonomy labels for the student and for a head on the teacher's frozen embedding, and soft labels from that head.

    The head is trained here, on the same labels, while the student learns from it; the soft part gives it no gradient.
    Unlabelled samples count in the soft part alone. Every leaf is a class; where a label may be an internal node,
    ``parents`` is the tree.

    Args:
        teacher_dim: width of the teacher's embedding.
        classes: number of leaves.
        parents: parent of each node, -1 for the root (node 0), parents before children; targets are then node numbers.
            None: no tree, targets are class indices.
        supervised_weight: of the student's label term; the soft part gets one minus it. The release calls it
            "distillation weight", which it is not.
        temperature: T > 0, dimensionless.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: student logits "batch leaf", teacher embedding "batch dim". Terms: ``student_sup``, ``kd``, ``teacher_sup``,
    in nats, weighted. Leave out the supervised objective (weight 0): this one holds the labels.

    Raises:
        InputError: the tree is not one or has another number of leaves, the temperature is not above zero, or shapes do
            not fit.

    Source: Ye et al. 2026, TaxDistill, arXiv:2605.28868.
    """

    method: ClassVar[str] = "TaxDistill"
    source: ClassVar[str] = "Ye et al. 2026, arXiv:2605.28868"
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    below: Tensor

    def __init__(
        self,
        teacher_dim: int,
        classes: int,
        parents: list[int] | None = None,
        supervised_weight: float = 0.5,
        temperature: float = 2.0,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0", where="JointHierarchy", remedy="2 is the authors'"
            )
        if parents is not None and (
            parents[:1] != [-1] or any(not 0 <= parent < node for node, parent in enumerate(parents[1:], 1))
        ):
            remedy = "Start with the root, whose parent is -1, and give every parent before its children"
            raise InputError("parents are not a tree", where="JointHierarchy", remedy=remedy)
        below = torch.eye(classes, dtype=torch.bool) if parents is None else leaves_below(torch.tensor(parents))
        if below.shape[1] != classes:
            raise InputError(
                f"the tree has {below.shape[1]} leaves, classes is {classes}",
                where="JointHierarchy",
                remedy="Make them equal",
            )
        self.register_buffer("below", below, persistent=False)
        self.head = nn.Linear(teacher_dim, classes)
        self.supervised_weight = supervised_weight
        self.temperature = temperature

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``student_sup``, ``kd`` and ``teacher_sup``."""
        s, t = student.logits, teacher.embedding
        if t.shape[1] != self.head.in_features or s.shape[1] != self.head.out_features:
            what = f"teacher embedding has width {t.shape[1]}, student logits {s.shape[1]}"
            raise InputError(
                what, where="JointHierarchy", remedy=f"Set teacher_dim to {t.shape[1]} and classes to {s.shape[1]}"
            )
        taught = _head(t.detach(), self.head.weight, self.head.bias)
        labelled = batch.labelled[:, 0]
        below = self.below[torch.where(labelled, batch.targets[:, 0], 0).long()]

        def labels(logits: Tensor) -> Tensor:
            return torch.where(labelled, hierarchy_nll(logits, below), 0).sum() / labelled.sum().clamp(min=1)

        return {
            "student_sup": self.supervised_weight * labels(s),
            "kd": (1 - self.supervised_weight) * soft_labels(s, taught, self.temperature),
            "teacher_sup": labels(taught),
        }


@full_precision
def _head(embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.linear(embedding, weight, bias)
