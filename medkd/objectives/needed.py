"""The fields of an output that an objective cannot do without."""

from __future__ import annotations

from torch import Tensor

from medkd.data.output import Output
from medkd.errors import InputError

_REMEDY = {
    "logits": "Use a network that returns logits, or drop the objective",
    "embedding": "Use a network that returns an embedding, or drop the objective",
}


def needed(output: Output, field: str, whose: str, objective: object) -> Tensor:
    """The tensor ``field`` ("logits" or "embedding") of an output.

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


def same_shape(student: Tensor, teacher: Tensor, field: str, objective: object) -> None:
    """Refuse a student and a teacher that cannot be compared entry by entry.

    Raises:
        InputError: their shapes differ.
    """
    if student.shape != teacher.shape:
        raise InputError(
            f"{field} of the student has shape {tuple(student.shape)}, of the teacher {tuple(teacher.shape)}",
            where=type(objective).__name__,
            remedy="Train both on the same target and samples" if field == "logits" else "Set teacher_dim to the teacher's width",
        )
