"""Match the teacher's probabilities after they were smoothed over classes that lie near one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.class_graph import graph_of, smoothed, smoothed_released
from medkd.objectives.needed import needed, same_shape
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision


@full_precision
def geometry_aware(student: Tensor, teacher: Tensor, graph: Tensor, gamma: float = 0.3) -> Tensor:
    """KL(smoothed teacher ‖ student), mean over the batch, in nats; with gamma 0 it is KL(teacher ‖ student).

    Args:
        student, teacher: logits "... class"; the teacher gets no gradient.
        graph: "class class", rows sum to one; no gradient.
        gamma: 0 to 1, how much of each class is replaced by its neighbours.

    Source: after OGKD (GAD), arXiv:2606.04922; the release's form is ``geometry_aware_released``.

    >>> import torch
    >>> geometry_aware(torch.zeros(1, 2), torch.tensor([[0.0, 3.0]]), torch.full((2, 2), 0.5), gamma=1.0).item()
    0.0
    """
    target = smoothed(teacher, graph, gamma)
    return (target.exp() * (target - student.log_softmax(dim=-1))).sum(dim=-1).mean()


@full_precision
def geometry_aware_released(student: Tensor, teacher: Tensor, graph: Tensor, gamma: float = 0.3) -> Tensor:
    """The release's form: targets that do not sum to one, so it is no divergence and may be negative.

    Mean over batch and classes.

    With gamma 0 it is KL(teacher ‖ student) / classes. Arguments as ``geometry_aware``.
    """
    target = smoothed_released(teacher, graph, gamma)
    return (target.exp() * (target - student.log_softmax(dim=-1))).mean()


class GeometryAware(Objective):
    """Match the teacher's probabilities after smoothing them over a graph of classes.

    Being wrong by a neighbour costs less.

    Args:
        similarity: a row a class: how near each other class is (cosines of text embeddings, or a clinician's
            judgement), itself included.
        alpha: sharpness of the graph, softmax(alpha · similarity) in each row.
        gamma: 0 to 1, how much of each class is replaced by its neighbours; 0 is plain soft labels.
        released: the release's form, whose targets do not sum to one.
        teacher: which teacher it hears; "" is the only one.

    Shapes: logits "batch class", in nats. Term: ``gad``.

    Raises:
        InputError: the table is not square or has other classes, gamma is outside, classes are not exclusive, or shapes
            differ.

    Source: OGKD, Geometry-Aware Distillation for Prompt Tuning Biomedical Vision-Language Models, arXiv:2606.04922.
    """

    example: ClassVar[Mapping[str, Any]] = {"similarity": [[1.0, 0.6, 0.1], [0.6, 1.0, 0.2], [0.1, 0.2, 1.0]]}

    graph: Tensor

    def __init__(
        self,
        similarity: list[list[float]],
        alpha: float = 4.0,
        gamma: float = 0.3,
        released: bool = False,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not 0 <= gamma <= 1:
            raise InputError(f"gamma is {gamma}", where="GeometryAware", remedy="Give one from 0 to 1")
        self.register_buffer("graph", graph_of(similarity, alpha, self), persistent=False)
        self.gamma = gamma
        self.released = released

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``gad``."""
        s = needed(student, "logits", "student", self)
        t = needed(self.hear(teachers), "logits", "teacher", self)
        same_shape(s, t, "logits", self)
        self.check(batch.target)
        loss = geometry_aware_released if self.released else geometry_aware
        return {"gad": loss(s, t, self.graph, self.gamma)}

    def check(self, target: Target) -> None:
        """Refuse a target that is no choice among the graph's classes."""
        check_classes(target, self.graph, self)


def check_classes(target: Target, graph: Tensor, objective: object) -> None:
    """Refuse a target that is no choice among the graph's classes.

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


def _gad_loss(inputs: Mapping[str, Tensor], gamma: float) -> dict[str, Tensor]:
    return {"loss": geometry_aware_released(inputs["student_logits"], inputs["teacher_logits"], inputs["W"], gamma)}


GOLDEN = {"ogkd/gad_loss": _gad_loss}
