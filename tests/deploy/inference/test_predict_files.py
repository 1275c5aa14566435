"""Predictions in memory are those of ``medkd predict``."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from medkd import registry
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.items import find_items
from medkd.deploy.inference.predict_files import predict_files, predict_items
from medkd.deploy.inference.predictions import prediction_columns
from medkd.errors import InputError
from tests.deploy.conftest import predict

NAMES = ("1009874", "1013884", "1023925", "999474")


@pytest.fixture
def records(brugada: Path, tmp_path: Path) -> Path:
    """Four real records and one that nobody can read."""
    folder = tmp_path / "records"
    for name in NAMES:
        shutil.copytree(brugada / "files" / name, folder, dirs_exist_ok=True)
    (folder / "broken.hea").write_text("what is this")
    return folder


def test_values_and_names_equal_those_of_a_run(full_bundle: Path, records: Path, tmp_path: Path) -> None:
    predict(full_bundle, records, tmp_path / "out", devices="cpu")
    run = pl.read_parquet(tmp_path / "out" / "predictions.parquet").drop("seconds")
    bundle, files = Bundle.load(full_bundle), sorted(records.glob("*.hea"))
    table = predict_files(bundle, [file.with_suffix("") for file in files], root=records)
    assert table.columns == [*prediction_columns(bundle.target), "reason"]
    assert table.filter(pl.col("status") == "ok").drop("seconds", "reason").equals(run)
    quarantined = table.filter(pl.col("status") != "ok")
    assert quarantined.select("sample_id", "status").rows() == [("broken", "quarantined")]
    reasons = pl.read_csv(tmp_path / "out" / "quarantine.csv")
    assert quarantined["reason"].to_list() == reasons["reason"].to_list()
    assert quarantined["p_brugada"].to_list() == [None]
    again = predict_files(bundle, [file.with_suffix("") for file in reversed(files)], root=records)
    assert again.drop("seconds").equals(table.drop("seconds"))


def test_items_of_a_folder_are_those_of_a_run(full_bundle: Path, records: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(full_bundle)
    items = find_items(records, bundle.modalities, bundle.target.key, registry=registry)
    table = predict_items(bundle, items)
    files = [records / name for name in ("broken", *NAMES)]
    assert table.drop("seconds").equals(predict_files(bundle, files, root=records).drop("seconds"))


def test_a_table_names_its_own_items(full_bundle: Path, records: Path) -> None:
    bundle = Bundle.load(full_bundle)
    items = pl.DataFrame({"sample_id": ["b", "a", "none"], "ecg": ["1009874", "1013884", None]})
    table = predict_files(bundle, items, root=records)
    assert table["sample_id"].to_list() == ["a", "b", "none"]
    assert table["reason"].to_list() == [None, None, "has no ecg. Give its path."]
    alone = predict_files(bundle, [records / "1009874"], root=records)
    assert table.row(1)[1:6] == alone.row(0)[1:6]


def test_what_cannot_be_used_is_refused(bundle_folder: Path, records: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(bundle_folder)
    with pytest.raises(InputError, match="nothing to score"):
        predict_files(bundle, [])
    with pytest.raises(InputError, match="is not below"):
        predict_files(bundle, [tmp_path / "elsewhere"], root=records)
    with pytest.raises(InputError, match="no column 'ecg'"):
        predict_files(bundle, pl.DataFrame({"sample_id": ["a"]}), root=records)
    with pytest.raises(InputError, match="missing or repeated"):
        predict_files(bundle, pl.DataFrame({"sample_id": ["a", "a"], "ecg": ["x", "y"]}), root=records)
