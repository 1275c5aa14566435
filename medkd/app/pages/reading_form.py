"""Reading form: the questions to a reader, and the stored form of the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medkd.data.core.target import Target
from medkd.errors import InputError

UNSURE = "unsure"
_ANSWERS = (("Yes", "yes"), ("No", "no"), ("Unsure", UNSURE))


@dataclass(frozen=True)
class Question:
    """One question.

    Args:
        choices: label and value of each answer.
    """

    label: str
    choices: tuple[tuple[str, str], ...]


def questions_of(target: Target) -> tuple[Question, ...]:
    """One question for exclusive classes, one per class otherwise; none for a quantity.

    >>> [question.label for question in questions_of(Target("cd", "binary", ("cd",), ("conduction disturbance",)))]
    ['conduction disturbance?']
    """
    if target.kind == "multiclass":
        return (Question(f"{target.key}?", (*((name, name) for name in target.names), ("Unsure", UNSURE))),)
    if target.kind in ("binary", "multilabel"):
        return tuple(Question(f"{name}?", _ANSWERS) for name in target.names)
    return ()


def parse_reading(target: Target, answers: Sequence[str | None]) -> dict[str, str]:
    """The answers as stored: "yes", "no" or "unsure" by class.

    Args:
        answers: one value per question; None where nothing was chosen.

    Raises:
        InputError: a question has no answer, or one that is not among its choices.

    >>> parse_reading(Target("beat", "multiclass", ("beat",), ("sinus", "paced")), ["paced"])
    {'sinus': 'no', 'paced': 'yes'}
    """
    for question, value in zip(questions_of(target), answers, strict=True):
        if value not in [choice for _, choice in question.choices]:
            raise InputError(f"'{question.label}' is not answered", remedy="Choose an answer; unsure is one")
    if target.kind == "multiclass":
        chosen = answers[0]
        return {name: UNSURE if chosen == UNSURE else "yes" if name == chosen else "no" for name in target.names}
    return dict(zip(target.names, (str(value) for value in answers), strict=True))


def format_reading(target: Target, reading: Mapping[str, str]) -> str:
    """A stored reading as one line.

    >>> format_reading(Target("cd", "binary", ("cd",)), {"cd": "no"})
    'cd: no'
    """
    if target.kind == "multiclass":
        return next((name for name, answer in reading.items() if answer == "yes"), UNSURE)
    return "; ".join(f"{name}: {answer}" for name, answer in reading.items())
