"""The fields of an output that an objective cannot do without."""

from __future__ import annotations

from torch import Tensor, nn

from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError, nearest

_REMEDY = {
    "logits": "Use a network that returns logits, or drop the objective",
    "embedding": "Use a network that returns an embedding, or drop the objective",
    "tokens": "Use a network that returns tokens, or drop the objective",
}


def needed(output: Output, field: str, whose: str, objective: object) -> Tensor:
    """The tensor ``field`` ("logits", "embedding" or "tokens") of an output.

    Args:
        output: of a network or a bank.
        field: name of the field.
        whose: "student" or "teacher", for the message.
        objective: who needs it, for the message.

    Raises:
        InputError: the output lacks it.
    """
    value: Tensor | None = getattr(output, field)
    if value is None:
        raise InputError(f"the {whose}'s output has no {field}", where=type(objective).__name__, remedy=_REMEDY[field])
    return value


def needed_state(output: Output, whose: str, objective: object) -> tuple[Tensor, Tensor]:
    """The Gaussian state of an output: mean and log-variance, each "batch dim".

    Args:
        output: of a network or a bank.
        whose: "student" or "teacher", for the message.
        objective: who needs it, for the message.

    Raises:
        InputError: the output lacks it.
    """
    if output.state is None:
        remedy = "Use a network that returns a Gaussian state, or drop the objective"
        raise InputError(f"the {whose}'s output has no state", where=type(objective).__name__, remedy=remedy)
    return output.state


def needed_maps(student: Output, teacher: Output, stages: list[str], objective: object) -> list[tuple[Tensor, Tensor]]:
    """The feature maps of both parties at ``stages``, or where none is named at every stage that both have.

    Raises:
        InputError: a party has no features, or not at a stage that was named, or no stage is common to both.
    """
    who = type(objective).__name__
    for whose, output in (("student", student), ("teacher", teacher)):
        if not output.features:
            raise InputError(
                f"the {whose}'s output has no features", where=who, remedy="Use a network that returns feature maps"
            )
        for stage in stages:
            if stage not in output.features:
                remedy = nearest(stage, output.features)
                raise InputError(f"the {whose}'s features have no stage '{stage}'", where=who, remedy=remedy)
    common = stages or [stage for stage in student.features if stage in teacher.features]
    if not common:
        have = f"student: {', '.join(student.features)}; teacher: {', '.join(teacher.features)}"
        raise InputError("the features of student and teacher have no stage in common", where=who, remedy=have)
    return [(student.features[stage], teacher.features[stage]) for stage in common]


def needed_probabilities(target: Target, objective: object) -> None:
    """Refuse a target whose logits are values, not log-odds.

    Raises:
        InputError: the target is a regression or a forecast.
    """
    if target.kind in ("regression", "forecast"):
        raise InputError(
            f"target '{target.key}' is a {target.kind}, it has no probabilities",
            where=type(objective).__name__,
            remedy="Match embeddings instead, for example with EmbeddingMse",
        )


def same_shape(student: Tensor, teacher: Tensor, field: str, objective: object) -> None:
    """Refuse a student and a teacher that cannot be compared entry by entry.

    Raises:
        InputError: their shapes differ.
    """
    if student.shape != teacher.shape:
        raise InputError(
            f"{field} of the student has shape {tuple(student.shape)}, of the teacher {tuple(teacher.shape)}",
            where=type(objective).__name__,
            remedy="Train both on the same target and samples"
            if field == "logits"
            else "Set teacher_dim to the teacher's width",
        )


def projected_pair(student: Output, teacher: Output, projector: nn.Module, objective: object) -> tuple[Tensor, Tensor]:
    """The student's embedding after ``projector`` and the teacher's, each "batch dim".

    Raises:
        InputError: one is missing, or they have different widths.
    """
    s: Tensor = projector(needed(student, "embedding", "student", objective))
    t = needed(teacher, "embedding", "teacher", objective)
    same_shape(s, t, "embedding", objective)
    return s, t
