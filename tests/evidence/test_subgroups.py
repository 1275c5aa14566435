"""Subgroups: the same figures as a report of the group alone, or the reason why there are none."""

from __future__ import annotations

import polars as pl
import pytest

from medkd.evidence.assess import assess
from medkd.evidence.scoring import score_predictions
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.subgroups import subgroup_rows, too_small
from tests.evidence.simulated import BINARY, simulate

QUICK = EvidenceSettings(replicates=50)


@pytest.fixture(scope="module")
def scored() -> pl.DataFrame:
    predictions, samples = simulate(n=200, seeds=2, folds=2)
    return score_predictions(predictions, BINARY, QUICK, samples)


def test_a_group_has_the_figures_of_a_report_on_it_alone(scored: pl.DataFrame) -> None:
    rows = {row["group"]: row for row in subgroup_rows(scored, BINARY, QUICK, ["sex"])}
    assert set(rows) == {"female", "male"}
    for group, row in rows.items():
        part = scored.filter((pl.col("sex") == group) & pl.col("arm").is_in(["student", "baseline"]))
        alone = assess(part, target=BINARY, settings=QUICK)
        assert row["gain"] == alone["gain"]
        assert row["value"] == {key: alone["arms"]["student"][key] for key in ("value", "low", "high")}
        assert (row["n"], row["subjects"]) == (alone["n"]["test"], alone["n"]["test_subjects"])


def test_age_bands_come_in_order_and_one_arm_alone_has_no_gain(scored: pl.DataFrame) -> None:
    rows = subgroup_rows(scored, BINARY, QUICK, ["age"], over=None)
    assert [row["group"] for row in rows] == ["under 40", "40 to 64", "65 to 79", "80 +"]
    assert {row["gain"] for row in rows} == {None}


def test_few_positive_or_negative_subjects_are_too_few(scored: pl.DataFrame) -> None:
    student = scored.filter(arm="student")
    assert too_small(student, BINARY, 10) == ""
    assert too_small(student.filter(pl.col("y") == 0), BINARY, 10) == "0 positive subjects, fewer than 10"
    least = student.filter(pl.col("y") == 1)["subject"].n_unique()
    assert too_small(student, BINARY, least + 1) == f"{least} positive subjects, fewer than {least + 1}"
