from __future__ import annotations

import time

import numpy as np
import polars as pl

from medkd.data.core.view import View
from medkd.evidence.leaks import leaks
from medkd.evidence.leaks.duplicates import duplicate_pairs, near_duplicates


def test_a_subject_in_two_parts() -> None:
    assert leaks.subjects_across_splits({"train": ["a", "b"], "val": ["c"], "test": ["d"]}).passed
    found = leaks.subjects_across_splits({"train": ["a", "b"], "val": ["b"], "test": ["c"]})
    assert not found.passed
    assert found.detail == "1 subjects stand in both train and val"


def test_statistics_of_another_split_or_with_the_test_fold() -> None:
    good = {"split_sha256": "x", "held_out": [0, 1]}
    assert leaks.statistics_outside_training([("student", good, [0])], "x").passed
    assert not leaks.statistics_outside_training([("student", good, [0])], "y").passed
    assert "without holding out 2" in leaks.statistics_outside_training([("student", good, [0, 2])], "x").detail


def test_in_sample_teacher_rows() -> None:
    bank = pl.DataFrame({"sample_id": ["a", "b"], "fold": [1, 2], "outer_fold": [0, 0], "held_out": [[0, 1], [0, 2]]})
    assert leaks.in_sample_teacher_rows(bank).passed
    own = bank.with_columns(held_out=pl.Series([[0, 1], [0, 1]]))
    assert leaks.in_sample_teacher_rows(own).detail == "1 rows come from a teacher that was trained on them"
    assert leaks.in_sample_teacher_rows(own.with_columns(labelled=pl.Series([True, False]))).passed
    outer = bank.with_columns(held_out=pl.Series([[1], [0, 2]]))
    assert leaks.in_sample_teacher_rows(outer).detail == "1 rows come from a teacher that saw the outer test fold"


def test_a_student_that_sees_the_future() -> None:
    teacher = View.parse("vitals[0:48h]")
    assert leaks.events_after_prediction({"student": View.parse("vitals[0:24h]"), "teacher": teacher}, 24).passed
    assert not leaks.events_after_prediction({"student": View.parse("vitals[0:25h]")}, 24).passed
    assert not leaks.events_after_prediction({"self_teacher": View.parse("vitals")}, 24).passed
    assert leaks.events_after_prediction({"student": View.parse("ecg[I]")}, None).passed


def test_a_view_that_holds_the_label() -> None:
    assert leaks.label_in_view({"student": View.parse("labs[lactate]")}, ["died"]).passed
    assert not leaks.label_in_view({"teacher": View.parse("labs[lactate,died]")}, ["died"]).passed


def test_a_forecast_that_depends_on_its_future() -> None:
    raw = np.random.default_rng(0).standard_normal((2, 100)).astype(np.float32)
    assert leaks.future_changes_past(lambda x: np.cumsum(x, axis=-1), raw, cut=60, kept=60).passed
    assert not leaks.future_changes_past(lambda x: x - x.mean(axis=-1, keepdims=True), raw, cut=60, kept=60).passed


def test_a_check_that_breaks_has_not_passed_and_no_check_is_no_gate() -> None:
    def broken() -> leaks.Check:
        raise ValueError("no signal of patient-17")

    audit = leaks.run_audit({"mine": lambda: leaks.Check("mine", True), "broken": broken})
    assert [check.passed for check in audit] == [True, False]
    assert "ValueError in test_leaks.py" in audit[1].detail
    assert "patient-17" not in audit[1].detail
    assert not leaks.audit_passed(audit)
    assert not leaks.audit_passed([])


def test_a_copy_with_noise_is_found_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((1, 2, 500)) * 3
    train = (shared + rng.standard_normal((300, 2, 500))).astype(np.float32)
    test = (shared + rng.standard_normal((50, 2, 500))).astype(np.float32)
    assert near_duplicates(train, test).passed
    test[7] = train[123] + 0.03 * rng.standard_normal((2, 500))
    test[9] = train[5]
    assert sorted(duplicate_pairs(train, test)) == [(5, 9), (123, 7)]
    found = near_duplicates(train, test)
    assert not found.passed
    assert found.detail == "2 of 50 test samples have the content of a training sample"


def test_short_content_must_be_equal() -> None:
    train = np.array([[1.0, 2, 3], [4, 5, 6]], dtype=np.float32)
    assert near_duplicates(train, np.array([[1.1, 2.2, 3.3]], dtype=np.float32)).passed
    assert duplicate_pairs(train, np.array([[4, 5, 6]], dtype=np.float32)) == [(1, 0)]


def test_blank_samples_are_nobodys_duplicates() -> None:
    blank = np.zeros((3, 100), dtype=np.float32)
    assert near_duplicates(blank, blank[:1]).passed


def test_thousands_of_samples_take_seconds() -> None:
    rng = np.random.default_rng(1)
    train, test = rng.standard_normal((4000, 600), dtype=np.float32), rng.standard_normal((1000, 600), dtype=np.float32)
    test[1] = train[3999]
    start = time.perf_counter()
    assert duplicate_pairs(train, test) == [(3999, 1)]
    assert time.perf_counter() - start < 5


def test_sparse_samples_are_duplicates_only_where_they_are_equal_and_say_something() -> None:
    rng = np.random.default_rng(3)
    train, test = (rng.standard_normal((rows, 4, 30)).astype(np.float32) for rows in (60, 20))
    for part in (train, test):
        part[rng.random(part.shape) < 0.6] = np.nan
    assert near_duplicates(train, test).passed
    test[4] = train[50]
    assert duplicate_pairs(train, test) == [(50, 4)]
    # A dozen observed cells may agree by chance, and hours of nothing given are alike in everyone.
    for part in (train, test):
        part[7] = np.nan
        part[7, 0, :12] = 37.0 + np.arange(12)
        part[8] = np.nan
        part[8, :2] = 0.0
        part[9] = np.nan
    assert duplicate_pairs(train, test) == [(50, 4)]
