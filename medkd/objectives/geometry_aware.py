"""Geometry-aware distillation (OGKD): the teacher's probabilities, smoothed over classes near one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.class_graph import graph_of, smoothed
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def geometry_aware(student: Tensor, teacher: Tensor, graph: Tensor, gamma: float = 0.3) -> Tensor:
    """KL(smoothed teacher ‖ student), mean over the batch, in nats; with gamma 0 it is KL(teacher ‖ student).

    Args:
        student, teacher: logits "... class"; the teacher gets no gradient.
        graph: "class class", rows sum to one; no gradient.
        gamma: 0 to 1, how much of each class is replaced by its neighbours.

    Source: after OGKD (GAD), arXiv:2606.04922; in the release targets do not sum to one.

    >>> import torch
    >>> geometry_aware(torch.zeros(1, 2), torch.tensor([[0.0, 3.0]]), torch.full((2, 2), 0.5), gamma=1.0).item()
    0.0
    """
    target = smoothed(teacher, graph, gamma)
    return (target.exp() * (target - student.log_softmax(dim=-1))).sum(dim=-1).mean()


class GeometryAware(Objective):
    """Match the teacher's probabilities after smoothing them over a graph of classes.

    Being wrong by a neighbour costs less.

    Args:
        similarity: one row per class: how near each other class is (cosines of text embeddings, or a clinician's
            judgement), itself included.
        alpha: sharpness of the graph, softmax(alpha · similarity) in each row.
        gamma: 0 to 1, how much of each class is replaced by its neighbours; 0 is plain soft labels.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch class", in nats. Term: ``gad``.

    Raises:
        InputError: the table is not square or has other classes, gamma is outside, classes are not exclusive, or shapes
            differ.

    Source: OGKD, Geometry-Aware Distillation for Prompt Tuning Biomedical Vision-Language Models, arXiv:2606.04922.
    """

    method: ClassVar[str] = "OGKD, geometry-aware (GAD)"
    source: ClassVar[str] = "OGKD 2026, arXiv:2606.04922"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    example: ClassVar[Mapping[str, Any]] = {"similarity": [[1.0, 0.6, 0.1], [0.6, 1.0, 0.2], [0.1, 0.2, 1.0]]}

    graph: Tensor

    def __init__(
        self,
        similarity: list[list[float]],
        alpha: float = 4.0,
        gamma: float = 0.3,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not 0 <= gamma <= 1:
            raise InputError(f"gamma is {gamma}", where="GeometryAware", remedy="Give one from 0 to 1")
        self.register_buffer("graph", graph_of(similarity, alpha, self), persistent=False)
        self.gamma = gamma

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``gad``."""
        s, t = student.logits, teacher.logits
        return {"gad": geometry_aware(s, t, self.graph, self.gamma)}

    def check(self, target: Target) -> None:
        """Refuse a target that is not a choice among the graph's classes."""
        check_classes(target, self.graph, self)


def check_classes(target: Target, graph: Tensor, objective: object) -> None:
    """Refuse a target that is not a choice among the graph's classes.

    Raises:
        InputError: classes do not exclude each other, or there are more or fewer than in the graph.
    """
    where = type(objective).__name__
    if not target.is_categorical:
        raise InputError(f"target '{target.key}' is {target.kind}", where=where, remedy="Use SoftLabels instead")
    if target.outputs != len(graph):
        what = f"there are {target.outputs} classes, similarity has {len(graph)} rows"
        raise InputError(
            what, where=where, remedy=f"Give {target.outputs} rows, in the order of: {', '.join(target.classes)}"
        )
