"""Folders, tables and splits that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.bad_input.conftest import TEACHER, Refused, edit, no_temporaries


def test_folders_that_are_not_there(
    cohort: Path, bundle: Path, distil: Refused, refused: Refused, tmp_path: Path
) -> None:
    assert "no such folder" in distil(tmp_path / "nowhere")
    (cohort / "demo_ecg.json").unlink()
    assert "holds no demo_ecg.json" in distil(cohort)
    assert "no such file or folder" in refused("predict", bundle, tmp_path / "nowhere", "--out", tmp_path / "scores")
    assert "no such bundle" in refused("predict", tmp_path / "nowhere", cohort, "--out", tmp_path / "scores")
    assert "no such recipe" in refused("stage", tmp_path / "recipe.yml", "split/seed0", "--out", tmp_path / "scores")
    assert "no such file" in refused("fit", "--config", tmp_path / "fit.yaml")
    assert "needs its folder (--root)" in refused("cohort", "describe", "ptbxl")
    assert not (tmp_path / "scores").exists()


NORMAL = pl.lit("{'NORM': 100.0}")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scp_codes": pl.lit("{'SR': 0.0}")}, "no sample is left"),
        ({"scp_codes": NORMAL}, "'CD' is 0 in all 63 labelled samples"),
        ({"scp_codes": pl.lit("NORM")}, "not a mapping of statements"),
        ({"patient_id": pl.lit(None, pl.String)}, "63 samples have no subject_id"),
        ({"ecg_id": pl.lit("1")}, "stands 63 times"),
        ({"strat_fold": pl.lit("ten")}, "a word where a number belongs"),
    ],
    ids=["no statement", "one class", "no mapping", "no subject", "one id", "no number"],
)
def test_labels_and_ids_that_are_missing(
    cohort: Path, distil: Refused, columns: dict[str, pl.Expr], message: str
) -> None:
    edit(cohort, **columns)
    assert message in distil(cohort)


def test_a_label_column_that_is_missing_or_empty(
    cohort: Path, distil: Refused, refused: Refused, tmp_path: Path
) -> None:
    table = pl.read_csv(cohort / "ptbxl_database.csv", infer_schema=False)
    table.drop("scp_codes").write_csv(cohort / "ptbxl_database.csv")
    assert "no column 'scp_codes'" in distil(cohort)
    (tmp_path / "metadata.csv").write_text("patient_id,brugada\n1,\n2,\n")
    for action in ("describe", "check", "build"):
        line = refused("cohort", action, "brugada_huca", "--root", tmp_path, "--out", tmp_path / "built")
        assert "target 'brugada' has no label" in line
    assert not (tmp_path / "built").exists()


def test_names_that_do_not_exist(demo: Path, distil: Refused, refused: Refused, tmp_path: Path) -> None:
    assert "Did you mean 'HYP'?" in distil(demo, "--target", "HYPE")
    assert "Did you mean 'demo_ecg'?" in refused(
        "distill", "ecg_lead", "--cohort", "demo_egc", "--out", tmp_path / "out"
    )
    assert "Did you mean 'ecg_lead'?" in refused("distill", "ecg_laed", "--out", tmp_path / "out")
    assert "Did you mean 'demo_ecg'?" in refused("cohort", "build", "demo_egc", "--out", tmp_path / "out")
    assert "is not a lead" in distil(demo, "--student.view", "ecg[V7]")
    assert "Did you mean 'ecg'?" in distil(demo, "--student.view", "ecgs[I]")
    assert not (tmp_path / "out").exists()


def test_a_subject_in_two_official_folds(whole: Refused, cohort: Path) -> None:
    edit(cohort, strat_fold=(pl.int_range(pl.len()) % 10 + 1).cast(pl.String))
    assert "3 subjects are in two official folds" in whole(cohort, "--protocol", "official")


def test_a_split_file_with_a_subject_in_two_splits(run: Path, recipe: Path, refused: Refused) -> None:
    file = run / "split/seed0/split.json"
    held = json.loads(file.read_text())
    subjects = held["rows"]["subject_id"]
    place = next(place for place, name in enumerate(subjects) if subjects.count(name) > 1)
    held["rows"]["fold"][place] = (held["rows"]["fold"][place] + 1) % 3
    file.write_text(json.dumps(held))
    assert "1 subjects are in two splits" in refused("stage", recipe, TEACHER, "--out", run)
    assert not (run / TEACHER).exists()
    assert not (run / "stages" / f"{TEACHER}.done.json").exists()
    assert no_temporaries(run)


def test_an_edited_split(run: Path, recipe: Path, refused: Refused) -> None:
    file = run / "split/seed0/split.json"
    held = json.loads(file.read_text())
    held["rows"]["label_rank"][0] = 0.0
    file.write_text(json.dumps(held))
    assert "split was edited" in refused("stage", recipe, TEACHER, "--out", run)
    assert not (run / TEACHER).exists()


@pytest.mark.parametrize(
    ("fold", "words", "message"),
    [
        ("3", ("--protocol", "official"), "the official test part is empty"),
        ("10", ("--protocol", "official"), "the official validation part is empty"),
        ("3", ("--protocol", "kfold:40"), "subjects in 40 folds leave"),
        ("3", ("--labels", "0.001"), "part is empty"),
    ],
    ids=["test", "validation", "folds", "labels"],
)
def test_an_empty_split(whole: Refused, cohort: Path, fold: str, words: tuple[str, ...], message: str) -> None:
    edit(cohort, strat_fold=pl.lit(fold))
    assert message in whole(cohort, *words)
