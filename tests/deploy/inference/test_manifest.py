"""A manifest keeps its names, and a line that cannot be used is named."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.inference.manifest import read_manifest
from medkd.errors import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_only_the_columns_of_scoring_are_kept_and_numbers_stay_text(tmp_path: Path) -> None:
    table = read_manifest(written(tmp_path, "sample_id,ecg,ward,subject_id\n00017, b/x ,3,\n"), ("ecg",))
    assert table.to_dicts() == [{"sample_id": "00017", "subject_id": None, "ecg": "b/x"}]


def test_hours_are_numbers_and_a_backslash_is_a_slash(tmp_path: Path) -> None:
    path = written(tmp_path, "sample_id,series,zero_hour,vitals\n1,7,1.5,a\\b.csv\n2,8,,c.csv\n")
    table = read_manifest(path, ("vitals",))
    assert table["zero_hour"].to_list() == [1.5, None]
    assert table["vitals"].to_list() == ["a/b.csv", "c.csv"]
    assert table.schema["zero_hour"] == pl.Float64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample_id,egc\n1,a\n", "manifest has no column 'ecg' (LIST). Did you mean 'egc'?"),
        ("sampleid,ecg\n1,a\n", "manifest has no column 'sample_id' (LIST). Did you mean 'sampleid'?"),
        ("sample_id,ecg\n1,a\n2,b\n1,c\n", "sample_id '1' stands twice (LIST, lines 2 and 4)"),
        ("sample_id,ecg\n1,a\n,b\n", "no sample_id (LIST, line 3)"),
        ("sample_id,ecg\n1,a\n2,../secret\n", "path '../secret' leads out of the manifest's folder (LIST, line 3)"),
        ("sample_id,ecg\n1,a/../../b\n", "leads out of the manifest's folder"),
        ("sample_id,ecg\n1,/etc/passwd\n", "leads out of the manifest's folder"),
        ("", "manifest cannot be read"),
        ("sample_id,ecg\n1,a,b,c\n", "manifest cannot be read"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_manifest(path, ("ecg",))
    assert message.replace("LIST", str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)
