"""Description of a cohort: counts of samples and of subjects, on a cohort of five rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.modalities.ecg import ECG
from medkd.pipeline.cohort_build.describe import aside_table, describe, flow_table

ILL = Target("ill", "binary", ("ill",), ("ill",), rule="a cross in the file")
STAGE = Target("stage", "multiclass", ("stage",), ("one", "two", "three"))
DAYS = Target("days", "regression", ("days",), units="d", rule="a cross in the file")
TABLE = pl.DataFrame(
    {
        "sample_id": ["a", "b", "c", "d", "e"],
        "subject_id": ["p", "p", "p", "q", "r"],
        "ecg": ["a", "b", None, "d", "e"],
        "ill": [1, 1, None, 0, 0],
        "stage": [0, 0, 2, 2, None],
        "days": [1.0, 2.0, None, None, 3.0],
        "age": [50.0, 51.0, 52.0, 20.0, None],
        "sex": ["female", "female", "female", "male", None],
    }
)


class Ward(Cohort):
    """Three subjects on a ward.

    More of it.
    """

    name, marker, default_target = "ward", ".", "ill"
    table = TABLE

    def targets(self) -> Mapping[str, Target]:
        return {one.key: one for one in (ILL, STAGE, DAYS)}

    def modalities(self) -> Mapping[str, Modality]:
        return {"ecg": ECG()}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        return self.table, [Exclusion("no consent", 7)]


@pytest.fixture
def page(tmp_path: Path) -> str:
    return describe(Ward(tmp_path), ILL, "", tmp_path / "events")


def row(page: str, key: str) -> list[str]:
    return next(
        re.split(r" {2,}", line.strip()) for line in page.splitlines() if line.strip().lstrip("*").startswith(key)
    )


def test_positive_samples_and_positive_subjects_are_counted_apart(page: str):
    assert row(page, "ill ")[2:] == ["ill", "2", "4", "3", "1", "1"]
    assert row(page, "stage ")[3:] == ["2/0/2", "4", "2", "1/0/2", "1"]
    assert row(page, "days ")[3:] == ["-", "3", "2", "-", "2"]


def test_a_subject_is_one_person_however_many_samples_it_has(page: str):
    assert "5 samples of 3 subjects" in page
    # 50 is the age at the first sample of p; with all samples the median would be 50.5 to 51.
    assert "age 50 years (quartiles 20, 50; 20 to 50; 1 unknown)" in page
    assert re.search(r"sex (female|male|unknown): 1, \w+: 1, \w+: 1", page)
    assert "site not given" in page


def test_targets_of_one_rule_share_its_line_and_the_chosen_one_is_marked(page: str):
    assert "  ill, days: a cross in the file" in page
    assert "  stage: no rule given" in page
    assert row(page, "ill ")[0] == "*ill"
    assert row(page, "stage ")[0] == "stage"


def test_exclusions_add_up_to_what_was_found(page: str, tmp_path: Path):
    assert re.search(r"12  samples found\n +7  no consent\n +5  samples kept", page)
    assert "protocol  kfold:" in page
    assert "ecg: 4 samples, prepared to 12 x 1000" in page
    assert page.startswith("Three subjects on a ward.\n")
    assert not (tmp_path / "events").exists()


def test_a_small_cohort_s_protocol_is_one_that_can_be_drawn(tmp_path: Path):
    assert "protocol  kfold:7" in describe(Ward(tmp_path), ILL, "kfold:7", tmp_path / "events")
    many = pl.concat(
        [
            TABLE.with_columns(pl.all().exclude("ecg", "sex", "age", "ill", "stage", "days") + str(copy))
            for copy in range(40)
        ]
    )

    class Large(Ward):
        table = many

    assert "protocol  kfold:5" in describe(Large(tmp_path), ILL, "", tmp_path / "events")


def test_a_reason_that_counts_nothing_has_a_dash_in_its_column():
    steps = [Exclusion("found", 120), Exclusion("labs: no table", 0), Exclusion("kept", 7)]
    assert flow_table(steps) == "  120  found\n    -  labs: no table\n    7  kept"
    assert aside_table([]) == []
    assert aside_table(steps)[0].splitlines()[0] == "values set aside"
