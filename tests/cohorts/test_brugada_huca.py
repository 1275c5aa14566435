"""Brugada-HUCA: counts, and a label that is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medkd.cohorts.brugada_huca import BrugadaHUCA
from medkd.data.core.sample import check_samples
from medkd.data.core.view import Part
from medkd.errors import InputError


def test_counts_and_signals(shared: Path) -> None:
    cohort = BrugadaHUCA(shared / "data/ecg/brugada-huca")
    target = cohort.target(None)
    table, exclusions = cohort.samples(target)
    check_samples(table, target, cohort.name)
    assert (table.height, table["subject_id"].n_unique(), table["brugada"].sum(), exclusions) == (363, 363, 76.0, [])
    assert cohort.default_protocol == "kfold:5"
    ecg = cohort.modalities()["ecg"]
    for row in table.head(5).iter_rows(named=True):
        raw = ecg.read(row, cohort.root)
        assert raw.seconds == 12
        assert ecg.prepare(ecg.select(raw, Part("ecg"))).shape == (12, 1000)


def test_unknown_class_and_missing_column(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    shutil.copyfile(shared / "data/ecg/brugada-huca/metadata.csv", path)
    text = path.read_text()
    path.write_text(text.replace("188981,1,0,1", "188981,1,0,7"))
    cohort = BrugadaHUCA(tmp_path)
    with pytest.raises(InputError, match="brugada is '7'"):
        cohort.samples(cohort.target(None))
    path.write_text(text.replace("patient_id", "patient"))
    with pytest.raises(InputError, match="is not a CSV with the columns"):
        cohort.samples(cohort.target(None))


def test_empty_label_is_unlabelled(shared: Path, tmp_path: Path) -> None:
    text = (shared / "data/ecg/brugada-huca/metadata.csv").read_text()
    (tmp_path / "metadata.csv").write_text(text.replace("188981,1,0,1", "188981,1,0,"))
    cohort = BrugadaHUCA(tmp_path)
    table, _ = cohort.samples(cohort.target(None))
    assert table["brugada"].null_count() == 1
    assert table["brugada"].sum() == 75
