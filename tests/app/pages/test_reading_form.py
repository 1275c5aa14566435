"""Reading form: questions per kind of target, and the stored form of the answers."""

from __future__ import annotations

import pytest

from medkd.app.pages.reading_form import format_reading, parse_reading, questions_of
from medkd.data.core.target import Target
from medkd.errors import InputError

BINARY = Target("cd", "binary", ("cd",), ("conduction disturbance",))
SEVERAL = Target("d", "multilabel", ("MI", "CD"))
EXCLUSIVE = Target("beat", "multiclass", ("beat",), ("sinus", "paced"))


def test_exclusive_classes_are_one_question_and_others_one_each():
    assert [question.label for question in questions_of(SEVERAL)] == ["MI?", "CD?"]
    (question,) = questions_of(EXCLUSIVE)
    assert [value for _, value in question.choices] == ["sinus", "paced", "unsure"]
    assert questions_of(Target("los", "regression", ("days",), units="days")) == ()


def test_unsure_of_exclusive_classes_is_unsure_of_each():
    reading = parse_reading(EXCLUSIVE, ["unsure"])
    assert reading == {"sinus": "unsure", "paced": "unsure"}
    assert format_reading(EXCLUSIVE, reading) == "unsure"
    assert format_reading(EXCLUSIVE, parse_reading(EXCLUSIVE, ["sinus"])) == "sinus"


@pytest.mark.parametrize(
    ("target", "answers"), [(BINARY, [None]), (BINARY, ["maybe"]), (SEVERAL, ["yes", None]), (EXCLUSIVE, ["yes"])]
)
def test_a_missing_or_unknown_answer_names_its_question(target: Target, answers: list[str | None]):
    with pytest.raises(InputError, match="is not answered") as caught:
        parse_reading(target, answers)
    assert any(question.label in str(caught.value) for question in questions_of(target))
