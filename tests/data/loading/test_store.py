"""Prepared arrays: made once, remade when they would differ, found by sample id, never half there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkd.data.core.modality import Traits
from medkd.data.core.view import View
from medkd.data.io.digest import digest_file
from medkd.data.io.locks import locked_folder
from medkd.data.loading import store
from medkd.data.loading.store import BUILDING, Prepared, part_key, prepare
from medkd.errors import InputError
from medkd.modalities.ecg import ECG

PART, WHOLE = View.parse("ecg[II]").parts[0], View.parse("ecg").parts[0]
MODALITY = ECG(seconds=2.0)

KILLED = """
import os, signal, sys
from pathlib import Path
import polars as pl
from medkd.data.loading import store
from medkd.data.core.view import View
from medkd.modalities.ecg import ECG
store.CHUNK = 8
prepare_chunk, seen = store.prepare_chunk, []
def once(*arguments):
    seen.append(1)
    if len(seen) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return prepare_chunk(*arguments)
store.prepare_chunk = once
root, table, folder = map(Path, sys.argv[1:])
store.prepare(folder, ECG(seconds=2.0), View.parse("ecg[II]").parts, pl.read_parquet(table), root)
"""


@pytest.fixture
def own(root: Path, tmp_path: Path) -> Path:
    """A copy of the cohort that a test may change."""
    return shutil.copytree(root, tmp_path / "own")


def one(folder: Path, samples: pl.DataFrame, root: Path, modality: ECG = MODALITY, **options: Any) -> Prepared:
    return prepare(folder, modality, [PART], samples, root, **options)[str(PART)]


def record(root: Path, samples: pl.DataFrame, row: int, suffix: str) -> Path:
    return root / f"{samples['ecg'][row]}{suffix}"


def test_rows_are_found_by_sample_id_whatever_the_order(tmp_path: Path, root: Path, samples: pl.DataFrame) -> None:
    kept = samples.filter(pl.col("ecg").is_not_null())
    stored = one(tmp_path, kept, root)
    ids = kept.sample(fraction=1.0, shuffle=True, seed=1)["sample_id"].to_list()[:20]
    found = stored.values[stored.rows(ids)]
    for name, values in zip(ids, found, strict=True):
        row = kept.row(by_predicate=pl.col("sample_id") == name, named=True)
        np.testing.assert_array_equal(values, MODALITY.prepare(MODALITY.select(MODALITY.read(row, root), PART)))
    other = one(tmp_path, kept.reverse(), root)
    assert other.folder != stored.folder
    np.testing.assert_array_equal(other.values[other.rows(ids)], found)


def test_a_sample_that_was_not_prepared_is_counted_not_named(tmp_path: Path, root: Path, samples: pl.DataFrame) -> None:
    stored = one(tmp_path, samples.head(10), root)
    with pytest.raises(InputError, match=r"^2 samples were not prepared") as told:
        stored.rows([samples["sample_id"][0], "patient X", "patient Y"])
    assert "patient" not in str(told.value)


def test_unreadable_records_are_set_aside_with_their_reason(tmp_path: Path, own: Path, samples: pl.DataFrame) -> None:
    few = samples.filter(pl.col("ecg").is_not_null()).head(12)
    cut, lost, whole = record(own, few, 1, ".dat"), record(own, few, 4, ".hea"), one(tmp_path / "whole", few, own)
    cut.write_bytes(cut.read_bytes()[:1001])
    lost.unlink()
    stored = one(tmp_path / "broken", few, own)
    assert stored.index["status"].to_list() == ["unusable" if row in (1, 4) else "ok" for row in range(12)]
    assert all(stored.index["reason"][row] for row in (1, 4))
    assert all(not stored.index["reason"][row] for row in range(12) if row not in (1, 4))
    assert not stored.values[[1, 4]].any()
    good = np.flatnonzero(stored.present)
    assert len(good) == 10
    np.testing.assert_array_equal(stored.values[good], whole.values[good])


def test_absent_signals_are_absent_not_unusable(tmp_path: Path, root: Path, samples: pl.DataFrame) -> None:
    stored = one(tmp_path, samples, root)
    absent = stored.index.filter(pl.col("status") == "absent")
    assert absent["sample_id"].to_list() == samples.filter(pl.col("ecg").is_null())["sample_id"].to_list() != []
    assert not stored.values[stored.rows(absent["sample_id"])].any()
    assert not stored.present[stored.rows(absent["sample_id"])].any()


def test_a_lead_that_a_record_lacks_costs_only_the_view_that_names_it(
    tmp_path: Path, own: Path, samples: pl.DataFrame
) -> None:
    few = samples.filter(pl.col("ecg").is_not_null()).head(6)
    header = record(own, few, 2, ".hea")
    header.write_text(header.read_text().replace(" V6", " X9"))
    built = prepare(tmp_path / "out", MODALITY, [PART, WHOLE], few, own)
    assert built[str(PART)].present.all()
    assert np.flatnonzero(~built[str(WHOLE)].present).tolist() == [2]
    assert "V6" in built[str(WHOLE)].index["reason"][2]


def test_nothing_usable_is_one_line_with_the_commonest_reason(tmp_path: Path, own: Path, samples: pl.DataFrame) -> None:
    few = samples.filter(pl.col("ecg").is_not_null()).head(5)
    for row in range(5):
        record(own, few, row, ".dat").unlink()
    with pytest.raises(InputError, match=r"no record of ecg.II. could be used") as told:
        one(tmp_path / "out", few, own)
    assert "\n" not in str(told.value)
    assert list((tmp_path / "out").iterdir()) == [], "nothing half written"
    with pytest.raises(InputError, match="every sample lacks it"):
        one(tmp_path / "out", few.with_columns(ecg=pl.lit(None, dtype=pl.String)), own)


def test_a_failure_that_is_no_records_leaves_nothing(
    tmp_path: Path, root: Path, samples: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ECG, "prepare", lambda self, raw: (_ for _ in ()).throw(MemoryError("no room")))
    with pytest.raises(MemoryError):
        one(tmp_path / "out", samples, root)
    assert list((tmp_path / "out").iterdir()) == []


class Recorder:
    """Counts what is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        original = ECG.read

        def read(modality: ECG, row: Any, root: Path) -> Any:
            self.read.append(row["sample_id"])
            return original(modality, row, root)

        monkeypatch.setattr(ECG, "read", read)


def test_each_file_is_read_once_for_all_parts(
    tmp_path: Path, root: Path, samples: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(monkeypatch)
    prepare(tmp_path, MODALITY, [PART, WHOLE], samples.head(9), root)
    assert sorted(recorder.read) == samples.head(9).filter(pl.col("ecg").is_not_null())["sample_id"].to_list()


def test_nothing_is_read_again_when_nothing_changed(
    tmp_path: Path, root: Path, samples: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = one(tmp_path, samples, root)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in first.folder.iterdir()}
    recorder = Recorder(monkeypatch)
    for modality in (MODALITY, replace(MODALITY, augment_noise=0.3, augment_shift=0.2)):
        again = one(tmp_path, samples, root, modality)
        assert again.folder == first.folder
    assert recorder.read == []
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in first.folder.iterdir()} == before


def longer_record(root: Path, samples: pl.DataFrame) -> None:
    file = record(root, samples, 0, ".dat")
    file.write_bytes(bytes(1) + file.read_bytes()[1:])
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def other_header(root: Path, samples: pl.DataFrame) -> None:
    file = record(root, samples, 0, ".hea")
    file.write_text(file.read_text() + "# a comment\n")


def lost_file(root: Path, samples: pl.DataFrame) -> None:
    record(root, samples, 0, ".dat").unlink()


@pytest.mark.parametrize("change", [longer_record, other_header, lost_file])
def test_a_changed_source_file_is_read_again(
    tmp_path: Path, own: Path, samples: pl.DataFrame, change: Callable[[Path, pl.DataFrame], None]
) -> None:
    few = samples.filter(pl.col("ecg").is_not_null()).head(5)
    before = one(tmp_path / "out", few, own)
    change(own, few)
    assert one(tmp_path / "out", few, own).folder != before.folder


@pytest.mark.parametrize(
    "changed",
    [
        {"seconds": 3.0},
        {"rate": 50.0},
        {"bandpass": (1.0, 40.0)},
        {"notch": 50.0},
        {"representation": "median_beat"},
        {"shorter": "refuse"},
    ],
)
def test_every_preparation_field_has_arrays_of_its_own(
    root: Path, samples: pl.DataFrame, changed: dict[str, Any]
) -> None:
    assert part_key(replace(MODALITY, **changed), PART, samples, root) != part_key(MODALITY, PART, samples, root)


def test_the_key_tells_views_ids_and_readers_apart(
    root: Path, samples: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = part_key(MODALITY, PART, samples, root)
    assert key == part_key(replace(MODALITY, augment_mask=0.5), PART, samples, root)
    renamed = samples.with_columns(sample_id=pl.lit("x") + pl.col("sample_id"))
    relabelled = samples.with_columns(CD=1 - pl.col("CD"))
    assert part_key(MODALITY, PART, relabelled, root) == key
    others = {
        part_key(MODALITY, WHOLE, samples, root),
        part_key(MODALITY, PART, renamed, root),
        part_key(MODALITY, PART, samples.reverse(), root),
    }
    monkeypatch.setattr(ECG, "revision", ECG.revision + 1)
    others.add(part_key(MODALITY, PART, samples, root))
    assert len(others | {key}) == 5


def test_two_processes_give_the_bytes_of_one(
    tmp_path: Path, own: Path, samples: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK", 8)
    record(own, samples, 10, ".dat").write_bytes(b"short")
    alone = one(tmp_path / "one", samples, own, jobs=1)
    both = one(tmp_path / "two", samples, own, jobs=2)
    assert alone.folder.name == both.folder.name
    assert sorted(path.name for path in alone.folder.iterdir()) == ["index.parquet", "meta.json", "values.npy"]
    assert both.index.equals(alone.index)
    for name in ("values.npy", "meta.json"):
        assert (both.folder / name).read_bytes() == (alone.folder / name).read_bytes()
    assert alone.sha256 == digest_file(alone.folder / "values.npy")


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_do_not_show(
    tmp_path: Path, root: Path, samples: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    few = samples.head(15)
    expected = one(tmp_path / "expected", few, root)
    monkeypatch.setattr(store, "CHUNK", chunk)
    found = one(tmp_path / "found", few, root)
    assert found.sha256 == expected.sha256
    assert found.index.equals(expected.index)


def test_a_killed_preparation_leaves_nothing_that_passes_for_prepared(
    tmp_path: Path, root: Path, samples: pl.DataFrame
) -> None:
    samples.write_parquet(tmp_path / "samples.parquet")
    words = [str(root), str(tmp_path / "samples.parquet"), str(tmp_path / "killed")]
    died = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, check=False)
    assert died.returncode == -9, died.stderr.decode()[-2000:]
    left = list((tmp_path / "killed").iterdir())
    assert left, "it died half way"
    assert not list((tmp_path / "killed").rglob("meta.json"))
    for folder in left:
        with pytest.raises(InputError, match="nothing was prepared here"):
            Prepared.open(folder)
    with locked_folder(tmp_path / "killed", BUILDING) as living:
        again = one(tmp_path / "killed", samples, root)
        assert again.sha256 == one(tmp_path / "whole", samples, root).sha256
        assert set((tmp_path / "killed").iterdir()) == {again.folder, living}


class Holed(ECG):
    """Leaves NaN where a lead is below zero; of every third record nothing."""

    traits = Traits(partial=True)

    def prepare(self, raw: Any) -> np.ndarray:
        values = super().prepare(raw)
        return np.where(int(raw.name.split("_")[0]) % 3 == 0, np.nan, np.where(values < 0, np.nan, values)).astype(
            np.float32
        )


def test_a_partial_sample_with_nothing_observed_is_absent(tmp_path: Path, root: Path, samples: pl.DataFrame) -> None:
    few = samples.filter(pl.col("ecg").is_not_null()).head(12)
    stored = one(tmp_path, few, root, Holed(seconds=2.0))
    gone = np.array([int(Path(name).name.split("_")[0]) % 3 == 0 for name in few["ecg"]])
    assert 0 < gone.sum() < 12
    assert stored.index["status"].to_list() == ["absent" if lost else "ok" for lost in gone]
    assert not stored.values[gone].any(), "zeros, as of any absent sample"
    assert np.isnan(stored.values[~gone]).any(axis=(1, 2)).all()


def test_arrays_are_mapped_read_only(tmp_path: Path, root: Path, samples: pl.DataFrame) -> None:
    stored = one(tmp_path, samples.head(5), root)
    assert isinstance(stored.values, np.memmap)
    assert not stored.values.flags.writeable
