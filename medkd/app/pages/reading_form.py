"""What a reader is asked before the model speaks, and how their answer is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medkd.data.core.target import Target
from medkd.errors import InputError

UNSURE = "unsure"
_ANSWERS = (("Yes", "yes"), ("No", "no"), ("Unsure", UNSURE))


@dataclass(frozen=True)
class Field:
    """One question.

    Args:
        label: as asked.
        choices: words and value of each answer.
    """

    label: str
    choices: tuple[tuple[str, str], ...]


def fields_of(target: Target) -> tuple[Field, ...]:
    """Exclusive classes are one question, other classes one each; a quantity is not asked for.

    >>> [field.label for field in fields_of(Target("cd", "binary", ("cd",), ("conduction disturbance",)))]
    ['conduction disturbance?']
    """
    if target.kind == "multiclass":
        return (Field(f"{target.key}?", (*((name, name) for name in target.names), ("Unsure", UNSURE))),)
    if target.kind in ("binary", "multilabel"):
        return tuple(Field(f"{name}?", _ANSWERS) for name in target.names)
    return ()


def reading_of(target: Target, given: Sequence[str | None]) -> dict[str, str]:
    """Answers as they are kept: "yes", "no" or "unsure" for each class.

    Args:
        target: what was asked.
        given: a value a field; None where nothing was chosen.

    Raises:
        InputError: a question was not answered, or with something else.

    >>> reading_of(Target("beat", "multiclass", ("beat",), ("sinus", "paced")), ["paced"])
    {'sinus': 'no', 'paced': 'yes'}
    """
    fields = fields_of(target)
    for asked, value in zip(fields, given, strict=True):
        if value not in [known for _, known in asked.choices]:
            raise InputError(f"'{asked.label}' is not answered", remedy="Choose an answer; unsure is one")
    if target.kind == "multiclass":
        chosen = given[0]
        return {name: UNSURE if chosen == UNSURE else "yes" if name == chosen else "no" for name in target.names}
    return dict(zip(target.names, (str(value) for value in given), strict=True))


def words_of(target: Target, reading: Mapping[str, str]) -> str:
    """A stored reading as one line.

    >>> words_of(Target("cd", "binary", ("cd",)), {"cd": "no"})
    'cd: no'
    """
    if target.kind == "multiclass":
        return next((name for name, answer in reading.items() if answer == "yes"), UNSURE)
    return "; ".join(f"{name}: {answer}" for name, answer in reading.items())
