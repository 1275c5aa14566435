"""What INPUT may be, and what is said of a list that cannot be used."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from medkd import registry
from medkd.deploy.inference import items as inference_items
from medkd.errors import InputError
from medkd.modalities.ecg import ECG

ECGS = {"ecg": ECG()}
find_items = partial(inference_items.find_items, registry=registry)


def _manifest(tmp_path: Path, text: str, name: str = "list.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_manifest_keeps_its_names_and_is_sorted(tmp_path: Path) -> None:
    items = find_items(
        _manifest(
            tmp_path, "\ufeffsample_id,ecg,ward,subject_id\n00017,b/x,3,7\n 00002 ,./a/../y.hea,3,\n00003,,1,8\n"
        ),
        ECGS,
    )
    assert items.table.to_dicts() == [
        {"sample_id": "00002", "subject_id": None, "ecg": "y.hea"},
        {"sample_id": "00003", "subject_id": "8", "ecg": None},
        {"sample_id": "00017", "subject_id": "7", "ecg": "b/x"},
    ]
    assert items.root == tmp_path
    assert items.source == "manifest"


def test_csv_and_parquet_are_the_same_list(tmp_path: Path) -> None:
    csv = _manifest(tmp_path, "sample_id,ecg\n2,b\n1,a\n")
    pl.DataFrame({"sample_id": [1, 2], "ecg": ["a", "b"]}).write_parquet(tmp_path / "list.parquet")
    one, other = find_items(csv, ECGS), find_items(tmp_path / "list.parquet", ECGS)
    assert one.digest == other.digest
    assert one.digest != find_items(_manifest(tmp_path, "sample_id,ecg\n2,b\n1,c\n"), ECGS).digest


def test_absolute_paths_below_the_manifest_are_taken(tmp_path: Path) -> None:
    items = find_items(_manifest(tmp_path, f"sample_id,ecg\n1,{tmp_path.resolve()}/a/b\n"), ECGS)
    assert items.table["ecg"].to_list() == ["a/b"]


def test_what_is_no_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_items(tmp_path / "nowhere", ECGS)
    with pytest.raises(InputError, match="is not a manifest"):
        find_items(_manifest(tmp_path, "x", "list.xlsx"), ECGS)
    with pytest.raises(InputError, match="nothing to score"):
        find_items(_manifest(tmp_path, "sample_id,ecg\n"), ECGS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no ecg record found"):
        find_items(tmp_path / "empty", ECGS)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="manifest cannot be read"):
        find_items(tmp_path / "broken.parquet", ECGS)


def test_a_cohort_is_known_by_its_marker_and_a_folder_is_walked(brugada: Path) -> None:
    cohort, folder = find_items(brugada, ECGS, "brugada"), find_items(brugada / "files", ECGS)
    assert (cohort.source, folder.source) == ("cohort brugada_huca", "folder")
    assert cohort.table.height == folder.table.height == 363
    assert folder.table["sample_id"][0] == "1009874/1009874"
    assert cohort.table["sample_id"][0] == "1009874"


def test_a_marker_that_is_not_a_cohorts_leaves_a_plain_folder(brugada: Path, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("colour,taste\nred,sweet\n")
    shutil.copytree(brugada / "files" / "1009874", tmp_path / "ward" / "1009874")
    items = find_items(tmp_path, ECGS, "brugada")
    assert items.source == "folder"
    assert items.table["sample_id"].to_list() == ["ward/1009874/1009874"]


def test_files_of_a_folder_are_those_of_items_and_those_that_are_not_read_by_kind(tmp_path: Path) -> None:
    (tmp_path / "a.hea").write_text("a 1 500 10\nsignals_of_a.bin 16 1000\n")
    for name in ("signals_of_a.bin", "NOTES.TXT", "b.csv.gz", "1.2.840.99", "scan", ".DS_Store", "c.hea.bak"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "d.hea").touch()
    items = find_items(tmp_path, ECGS)
    assert items.table["sample_id"].str.strip_suffix(".hea").to_list() == ["a"]
    assert items.files == 8
    assert items.unread == {"without suffix": 2, ".txt": 1, ".csv.gz": 1, "hidden": 1, ".bak": 1}
    (tmp_path / "a.hea").unlink()
    with pytest.raises(InputError, match=r"no ecg record found among 7 files \(.*2 without suffix"):
        find_items(tmp_path, ECGS)


def test_names_that_are_not_utf8_are_items_of_their_own(tmp_path: Path) -> None:
    folder = bytes(tmp_path)
    # The second name is what the first is shown as.
    for name in (b"M\xfcller.hea", b"M\\xfcller.hea", b"Sal\xf3n/x.hea", "Å.hea".encode()):
        path = Path(os.fsdecode(folder + b"/" + name))
        path.parent.mkdir(exist_ok=True)
        path.write_text("x 1 500 10\n")
    items = find_items(tmp_path, ECGS)
    assert items.table.height == 4
    assert items.files == 4
    assert items.unread == {}
    assert len(items.flaws) == 2
    usable = items.table.filter(~pl.col("sample_id").is_in(list(items.flaws)))
    assert usable["ecg"].str.strip_suffix(".hea").to_list() == ["M\\xfcller", "Å"]
    assert items.table.filter(pl.col("sample_id").is_in(list(items.flaws)))["ecg"].is_null().all()


def test_what_a_cohort_leaves_out_is_counted(shared: Path) -> None:
    brugada = shared / "data" / "ecg" / "brugada-huca"
    items = find_items(brugada, ECGS, "brugada")
    assert all(one.count >= 0 and one.reason for one in items.excluded)
    assert items.files is None
