from __future__ import annotations

import numpy as np
import polars as pl

from medkd.data.core.view import View
from medkd.evidence.leaks import checks


def test_a_subject_in_two_parts() -> None:
    assert checks.subjects_across_splits({"train": ["a", "b"], "val": ["c"], "test": ["d"]}).passed
    found = checks.subjects_across_splits({"train": ["a", "b"], "val": ["b"], "test": ["c"]})
    assert not found.passed
    assert found.detail == "1 subjects are in both train and val"


def test_statistics_of_another_split_or_with_the_test_fold() -> None:
    good = {"split_sha256": "x", "held_out": [0, 1]}
    assert checks.statistics_outside_training([("student", good, [0])], "x").passed
    assert not checks.statistics_outside_training([("student", good, [0])], "y").passed
    assert "without holding out 2" in checks.statistics_outside_training([("student", good, [0, 2])], "x").detail


def test_in_sample_teacher_rows() -> None:
    bank = pl.DataFrame({"sample_id": ["a", "b"], "fold": [1, 2], "outer_fold": [0, 0], "held_out": [[0, 1], [0, 2]]})
    assert checks.in_sample_teacher_rows(bank).passed
    in_sample = bank.with_columns(held_out=pl.Series([[0, 1], [0, 1]]))
    assert checks.in_sample_teacher_rows(in_sample).detail == "1 rows come from a teacher that was trained on them"
    assert checks.in_sample_teacher_rows(in_sample.with_columns(labelled=pl.Series([True, False]))).passed
    outer = bank.with_columns(held_out=pl.Series([[1], [0, 2]]))
    assert checks.in_sample_teacher_rows(outer).detail == "1 rows come from a teacher that saw the outer test fold"


def test_a_student_that_sees_the_future() -> None:
    teacher = View.parse("vitals[0:48h]")
    assert checks.events_after_prediction({"student": View.parse("vitals[0:24h]"), "teacher": teacher}, 24).passed
    assert not checks.events_after_prediction({"student": View.parse("vitals[0:25h]")}, 24).passed
    assert not checks.events_after_prediction({"self_teacher": View.parse("vitals")}, 24).passed
    assert checks.events_after_prediction({"student": View.parse("ecg[I]")}, None).passed


def test_a_view_that_holds_the_label() -> None:
    assert checks.label_in_view({"student": View.parse("labs[lactate]")}, ["died"]).passed
    assert not checks.label_in_view({"teacher": View.parse("labs[lactate,died]")}, ["died"]).passed


def test_a_forecast_that_depends_on_its_future() -> None:
    raw = np.random.default_rng(0).standard_normal((2, 100)).astype(np.float32)
    assert checks.future_changes_past(lambda x: np.cumsum(x, axis=-1), raw, cut=60, past=60).passed
    assert not checks.future_changes_past(lambda x: x - x.mean(axis=-1, keepdims=True), raw, cut=60, past=60).passed


def test_a_check_that_breaks_has_not_passed_and_no_check_is_no_gate() -> None:
    def broken() -> checks.Check:
        raise ValueError("no signal of patient-17")

    audit = checks.run_audit({"mine": lambda: checks.Check("mine", True), "broken": broken})
    assert [check.passed for check in audit] == [True, False]
    assert "ValueError in test_checks.py" in audit[1].detail
    assert "patient-17" not in audit[1].detail
    assert not checks.audit_passed(audit)
    assert not checks.audit_passed([])
