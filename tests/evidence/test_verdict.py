"""The verdict's rule, and its words in one place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkd.evidence.report_schema import report_schema
from medkd.evidence.statistics.metrics import METRICS
from medkd.evidence.verdict import Verdict, sentence, verdict

UP, ACROSS, DOWN = {"low": 0.01, "high": 0.05}, {"low": -0.01, "high": 0.05}, {"low": -0.05, "high": -0.01}
SOURCE = Path(__file__).resolve().parents[2] / "medkd"


@pytest.mark.parametrize(
    ("gain", "privileged", "expected"),
    [
        (UP, UP, "helps"),
        (UP, ACROSS, "regularises only"),
        (UP, None, "regularises only"),
        (ACROSS, UP, "no evidence"),
        (DOWN, UP, "harms"),
        ({"low": 0.0, "high": 0.05}, UP, "no evidence"),
        ({"low": None, "high": None}, None, "no evidence"),
    ],
)
def test_the_rule(gain: dict[str, float | None], privileged: dict[str, float | None] | None, expected: str) -> None:
    assert verdict(gain, privileged, audit_passed=True) == expected
    assert verdict(gain, privileged, audit_passed=False) == "invalid"
    assert verdict(gain, privileged, audit_passed=True, fast=True) == "invalid"


def test_a_verdict_is_written_to_json_as_its_text() -> None:
    assert json.dumps(list(Verdict)) == '["helps", "regularises only", "no evidence", "harms", "invalid"]'
    assert report_schema()["properties"]["verdict"]["enum"] == [value.value for value in Verdict]


@pytest.mark.parametrize("value", Verdict)
def test_the_words_of_a_verdict_are_written_nowhere_else(value: Verdict) -> None:
    words = {value.label, value.meaning, f'"{value.value}": "'}
    others = [path for path in SOURCE.rglob("*") if path.suffix in {".py", ".j2", ".css"} and path.name != "verdict.py"]
    for path in others:
        if path.is_relative_to(SOURCE / "evidence") or path.is_relative_to(SOURCE / "deploy"):
            text = path.read_text(encoding="utf-8")
            assert not [word for word in words if word in text], path


def test_the_sentence_ends_with_the_conclusion_and_an_invalid_one_without() -> None:
    arm = {"value": 0.8, "low": 0.7, "high": 0.9}
    gain = {"value": -0.1, "low": -0.2, "high": -0.05}
    comparison = {"arms": {"student": arm, "baseline": arm}, "gain": gain}
    views = {"student_view": "ecg[I]", "teacher_view": "ecg", "label_fraction": 0.1, "confidence": 0.95}
    for value in Verdict:
        text = sentence(comparison | {"verdict": value.value}, METRICS["auroc"], **views)
        assert text.startswith("Taught by a teacher that sees ecg with 10% of the training subjects labelled")
        assert "0.100 worse (95% interval of the difference -0.200 to -0.050)" in text
        assert text.endswith(f"; {value.conclusion}." if value != "invalid" else "-0.050).")
