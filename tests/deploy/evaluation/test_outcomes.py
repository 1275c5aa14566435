"""What comes back from a hospital's table, and why some of it does not count."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkd.data.core.target import Target
from medkd.deploy.evaluation.outcomes import read_outcomes
from medkd.errors import InputError
from tests.deploy.evaluation.conftest import CD

PREDICTED = pl.DataFrame({"sample_id": ["a", "b", "=c", "d", "e", "f"]})


def write(folder: Path, text: str) -> Path:
    path = folder / "outcomes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_does_not_match_is_counted_by_its_reason_and_never_named(tmp_path: Path) -> None:
    lines = [
        "sample_id,outcome,time,sex",
        "a,1,2025-03-01,female",
        "a,1,2025-03-01,female",
        "b,no,2025-03-02T10:00:00,male",
        "'=c,TRUE,soon,male",
        "d,maybe,2025-03-01,",
        "e,1,2025-03-01,",
        "e,0,2025-03-01,",
        "stranger,1,2025-03-01,",
        "broken,1,2025-03-01,",
        ",1,2025-03-01,",
    ]
    found = read_outcomes(write(tmp_path, "\n".join(lines)), CD, PREDICTED, quarantined=["broken"])
    rows = {row["sample_id"]: row for row in found.table.to_dicts()}
    truth = {name: row["y_conduction disturbance"] for name, row in rows.items()}
    assert truth == {"a": 1.0, "b": 0.0, "=c": 1.0, "d": None}
    assert [str(rows[name]["time"]) for name in ("a", "b", "=c")] == ["2025-03-01", "2025-03-02", "None"]
    assert dict(found.unmatched) == {
        "outcomes that are neither 0 nor 1": 1,
        "lines without an id": 1,
        "lines that repeat another": 1,
        "lines that contradict another of the same id": 2,
        "outcomes of items that the run set aside": 1,
        "outcomes of items that the run does not hold": 1,
        "predictions without an outcome": 2,
        "predictions whose outcome is empty": 1,
        "outcomes without a usable time (used, but not over time)": 1,
    }
    assert "stranger" not in str(found.unmatched)


def test_outcomes_by_patient_need_to_know_whose_the_samples_are(tmp_path: Path) -> None:
    path = write(tmp_path, "subject_id,cd\np1,1\np2,0\n")
    with pytest.raises(InputError, match="--manifest"):
        read_outcomes(path, CD, PREDICTED)
    subjects = pl.DataFrame({"sample_id": ["a", "b", "d"], "subject_id": ["p1", "p1", "p2"]})
    found = read_outcomes(path, CD, subjects).table
    assert found.select("sample_id", "subject_id", "y_conduction disturbance").rows() == [
        ("a", "p1", 1.0),
        ("b", "p1", 1.0),
        ("d", "p2", 0.0),
    ]


def test_exclusive_classes_are_one_column_and_others_one_each(tmp_path: Path) -> None:
    grade = Target("grade", "multiclass", ("grade",), ("low", "high"))
    lines = "sample_id,outcome\na,high\nb,0\nd,odd\ne,high\nf,low\n"
    found = read_outcomes(write(tmp_path, lines), grade, PREDICTED)
    assert found.table.select("sample_id", "y_low", "y_high").rows()[:2] == [("a", 0.0, 1.0), ("b", 1.0, 0.0)]
    assert dict(found.unmatched)["outcomes that name no class"] == 1
    with pytest.raises(InputError, match=r"2 outcomes name no class, such as 'odd'.*Write one of low, high"):
        read_outcomes(write(tmp_path, "sample_id,outcome\na,odd\nb,even\nd,low\n"), grade, PREDICTED)
    several = Target("super", "multilabel", ("MI", "CD"), ("infarction", "conduction"))
    found = read_outcomes(write(tmp_path, "sample_id,MI,conduction\na,1,0\nb,,1\n"), several, PREDICTED)
    assert found.table.select("y_infarction", "y_conduction").rows() == [(1.0, 0.0), (None, 1.0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("item,outcome\na,1\n", "no column 'sample_id'"),
        ("sample_id,death\na,1\n", "no column 'conduction disturbance'"),
        ("sample_id,outcome\nx,1\n", "not a single outcome matches"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_outcomes(write(tmp_path, text), CD, PREDICTED)
    with pytest.raises(InputError, match="no such file"):
        read_outcomes(tmp_path / "none.csv", CD, PREDICTED)


MANY = pl.DataFrame({"sample_id": [f"s{index}" for index in range(12)]})


def written_as(folder: Path, yes: str, no: str, separator: str = ",") -> Path:
    lines = [f"s{index}{separator}{no if index % 3 else yes}" for index in range(12)]
    return write(folder, "\n".join([f"sample_id{separator}outcome", *lines]))


@pytest.mark.parametrize(
    ("yes", "no"), [("Y", "N"), ("Yes", "no"), ("POSITIVE", "Negative"), ("pos", "neg"), ("True", "False"), ("t", "f")]
)
def test_outcomes_in_the_words_of_hospitals(tmp_path: Path, yes: str, no: str) -> None:
    found = read_outcomes(written_as(tmp_path, yes, no, ";"), CD, MANY)
    assert found.table["y_conduction disturbance"].to_list() == [1.0, 0.0, 0.0] * 4
    assert found.unmatched == ()


@pytest.mark.parametrize(
    ("yes", "no", "count", "example"),
    [("ja", "nein", 12, "ja"), ("dead", "alive", 12, "dead"), ("yes", "nein", 8, "nein"), ("1", "2", 8, "2")],
)
def test_other_words_are_refused_with_their_number_and_what_to_write(
    tmp_path: Path, yes: str, no: str, count: int, example: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_outcomes(written_as(tmp_path, yes, no), CD, MANY)
    said = str(caught.value)
    assert said.startswith(f"{count} outcomes are neither 0 nor 1, such as '{example}' (")
    assert said.endswith("Write 1 or 0.")
    assert "quarantine" not in said


def test_values_that_are_no_numbers_and_columns_that_are_empty_are_refused(tmp_path: Path) -> None:
    stay = Target("stay", "regression", ("days",), units="d")
    with pytest.raises(InputError, match=r"12 outcomes are not numbers, such as '4,5' \(.*Write numbers, with a point"):
        read_outcomes(written_as(tmp_path, "4,5", "6,0", ";"), stay, MANY)
    with pytest.raises(InputError, match=r"the outcomes of all 12 predictions that match are empty .*Fill in outcome"):
        read_outcomes(written_as(tmp_path, "", ""), CD, MANY)
