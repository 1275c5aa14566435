"""Fields of an output that an objective declared: each is there, and has the type that a formula needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from torch import Tensor

from medkd.data.core.output import Output
from medkd.errors import InputError, nearest

T = TypeVar("T")
_REMEDY = {
    "logits": "Use a network that returns logits, or drop the objective",
    "embedding": "Use a network that returns an embedding, or drop the objective",
    "features": "Use a network that returns feature maps",
    "tokens": "Use a network that returns tokens, or drop the objective",
    "state": "Use a network that returns a Gaussian state, or drop the objective",
}


class Fields:
    """What an objective may read of an output. To read a field that it did not declare is a mistake in its class.

    Args:
        output: of a network or a bank; None where nothing was declared.
        declared: names of the fields that must be there.
        role: "student" or "teacher".
        objective: name of the class that declared them.

    Raises:
        InputError: the output lacks a field that was declared.
    """

    def __init__(self, output: Output | None, declared: tuple[str, ...], role: str, objective: str) -> None:
        self._output = output
        self._declared = declared
        self._role = role
        self._objective = objective
        for field in declared:
            value = getattr(output, field)
            if value is None or (field == "features" and not value):
                raise InputError(f"the {role}'s output has no {field}", where=objective, remedy=_REMEDY[field])

    @property
    def logits(self) -> Tensor:
        """Logits, "batch output"."""
        return self._given(self._output.logits if self._output else None, "logits")

    @property
    def embedding(self) -> Tensor:
        """The embedding before the head, "batch dim"."""
        return self._given(self._output.embedding if self._output else None, "embedding")

    @property
    def tokens(self) -> Tensor:
        """Tokens, "batch token dim"."""
        return self._given(self._output.tokens if self._output else None, "tokens")

    @property
    def state(self) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of a Gaussian, each "batch dim"."""
        return self._given(self._output.state if self._output else None, "state")

    @property
    def features(self) -> Mapping[str, Tensor]:
        """Feature maps by the name of their stage, "batch channel ..."; may be empty where they were not declared."""
        return self._output.features if self._output else {}

    def maps(self, stages: Sequence[str] = ()) -> list[Tensor]:
        """The feature maps at ``stages``, or at all where none is named.

        Raises:
            InputError: there is no such stage.
        """
        for stage in stages:
            if stage not in self.features:
                raise InputError(
                    f"the {self._role}'s features have no stage '{stage}'",
                    where=self._objective,
                    remedy=nearest(stage, self.features),
                )
        return [self.features[stage] for stage in stages or self.features]

    def _given(self, value: T | None, field: str) -> T:
        if value is None or field not in self._declared:
            declaration = f"{self._objective}.needs_{self._role}"
            raise AttributeError(f"{declaration} does not name '{field}'")
        return value


def check_same_shape(student: Tensor, teacher: Tensor, field: str, objective: object) -> None:
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
