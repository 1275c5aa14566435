"""The shipped schema is generated from the models, and refuses what does not fit."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from medkd.deploy.evaluation.evaluation_schema import SCHEMA_FILE, check_evaluation, evaluation_schema
from medkd.errors import MedkdError


def test_the_shipped_schema_is_the_models() -> None:
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == evaluation_schema()
    Draft202012Validator.check_schema(evaluation_schema())


def test_schema_and_models_agree_on_a_real_evaluation(evaluation: dict[str, Any]) -> None:
    check_evaluation(evaluation)
    assert not list(Draft202012Validator(evaluation_schema()).iter_errors(evaluation))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kind",), "guess"),
        (("n", "items"), -1),
        (("arms", "these patients", "value"), "high"),
        (("arms", "at home"), {}),
        (("over_time", "period"), "moon"),
        (("input", "psi"), {"ecg/I/mean": -1.0}),
        (("provenance", "bundle_sha256"), None),
        (("sentence",), ""),
    ],
)
def test_what_does_not_fit_is_refused_by_both(evaluation: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    wrong = copy.deepcopy(evaluation)
    place = wrong
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(MedkdError, match="does not fit its schema"):
        check_evaluation(wrong)
    assert list(Draft202012Validator(evaluation_schema()).iter_errors(wrong))


def test_an_evaluation_without_these_patients_is_refused(evaluation: dict[str, Any]) -> None:
    del evaluation["arms"]["these patients"]
    with pytest.raises(MedkdError, match="arms"):
        check_evaluation(evaluation)
    assert list(Draft202012Validator(evaluation_schema()).iter_errors(evaluation))
