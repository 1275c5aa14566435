"""Records that cannot be used: alone they end a command, among many they are counted, named and set aside."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.cli import main
from tests.bad_input.conftest import Refused, Spoil


def lose_signal(header: Path) -> None:
    header.with_suffix(".dat").unlink()


def lose_header(header: Path) -> None:
    header.unlink()


def truncate(header: Path) -> None:
    signal = header.with_suffix(".dat")
    signal.write_bytes(signal.read_bytes()[:5000])


def rename_leads(header: Path) -> None:
    lines = header.read_text().splitlines()
    header.write_text(
        "\n".join([lines[0], *(f"{line.rpartition(' ')[0]} X{place}" for place, line in enumerate(lines[1:]))]) + "\n"
    )


def put_nan(header: Path) -> None:
    """WFDB's mark for a missing sample, in every lead, under a checksum that fits."""
    signal = header.with_suffix(".dat")
    samples = np.fromfile(signal, dtype="<i2").reshape(-1, 12)
    samples[100:103] = -32768
    samples.tofile(signal)
    sums = samples.sum(axis=0, dtype=np.int64) % 65536
    first, *lines = header.read_text().splitlines()
    words = [line.split() for line in lines]
    header.write_text(
        "\n".join(
            [first, *(" ".join([*word[:6], str(total), *word[7:]]) for word, total in zip(words, sums, strict=True))]
        )
        + "\n"
    )


def lose_rate(header: Path) -> None:
    first, *lines = header.read_text().splitlines()
    header.write_text("\n".join([" ".join(first.split()[:2]), *lines]) + "\n")


RECORDS: list[tuple[Spoil, str]] = [
    (lose_signal, "lacks its signal file"),
    (lose_header, "is missing"),
    (truncate, "cannot be read"),
    (rename_leads, "missing I"),
    (put_nan, "(NaN)"),
    (lose_rate, "states no sampling rate"),
]
every_record = pytest.mark.parametrize(("spoil", "message"), RECORDS, ids=[spoil.__name__ for spoil, _ in RECORDS])


@every_record
def test_a_cohort_without_one_usable_record(cohort: Path, distil: Refused, spoil: Spoil, message: str) -> None:
    for header in sorted(cohort.rglob("*.hea")):
        spoil(header)
    line = distil(cohort)
    assert message in line
    assert "no record of ecg" in line
    assert "_lr)" not in line


@every_record
def test_one_bad_record_among_many_is_counted_and_set_aside(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Spoil, message: str
) -> None:
    """The stage that every distillation begins with; the name of the record is not printed."""
    spoil(cohort / "records100/00000/00007_lr.hea")
    assert main(["cohort", "build", "demo_ecg", "--root", str(cohort), "--out", str(tmp_path / "built")]) == 0
    said = capsys.readouterr()
    assert message in said.out
    assert "62  samples kept" in said.out
    assert "00007" not in said.out + said.err
    assert pl.read_parquet(tmp_path / "built" / "samples.parquet").height == 62


@every_record
def test_a_record_to_predict_alone(
    cohort: Path, bundle: Path, tmp_path: Path, refused: Refused, spoil: Spoil, message: str
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    for suffix in (".hea", ".dat"):
        shutil.copyfile(cohort / f"records100/00000/00007_lr{suffix}", alone / f"00007_lr{suffix}")
    (alone / "list.csv").write_text("sample_id,ecg\nmine,00007_lr\n")
    spoil(alone / "00007_lr.hea")
    assert message in refused("predict", bundle, alone / "list.csv", "--out", tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


@every_record
def test_a_record_to_predict_among_others(
    cohort: Path, bundle: Path, tmp_path: Path, spoil: Spoil, message: str
) -> None:
    folder = cohort / "records100/00000"
    spoil(folder / "00007_lr.hea")
    items = "".join(f"{number:05d},{number:05d}_lr\n" for number in range(1, 10))
    (folder / "list.csv").write_text("sample_id,ecg\n" + items)
    out = tmp_path / "scores"
    assert main(["predict", str(bundle), str(folder / "list.csv"), "--out", str(out)]) == 0
    aside = pl.read_csv(out / "quarantine.csv", infer_schema=False)
    assert aside["item"].to_list() == ["00007"]
    assert message in aside["reason"][0]
    assert (pl.read_parquet(out / "predictions.parquet")["status"] == "ok").sum() == 8
