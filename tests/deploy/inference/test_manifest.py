"""A manifest keeps its names; a row that cannot be used is set aside by its line, and a table as a whole is refused."""

from __future__ import annotations

import gzip
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
    table = read_manifest(written(tmp_path, "sample_id,ecg,ward,subject_id\n00017, b/x ,3,\n"), ("ecg",)).table
    assert table.to_dicts() == [{"sample_id": "00017", "subject_id": None, "ecg": "b/x"}]


def test_hours_are_numbers_and_a_backslash_is_a_slash(tmp_path: Path) -> None:
    path = written(tmp_path, "sample_id,series,zero_hour,vitals\n1,7,1.5,a\\b.csv\n2,8,,c.csv\n")
    table = read_manifest(path, ("vitals",)).table
    assert table["zero_hour"].to_list() == [1.5, None]
    assert table["vitals"].to_list() == ["a/b.csv", "c.csv"]
    assert table.schema["zero_hour"] == pl.Float64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample_id,egc\n1,a\n", "manifest has no column 'ecg' (LIST). Did you mean 'egc'?"),
        ("sampleid,ecg\n1,a\n", "manifest has no column 'sample_id' (LIST). Did you mean 'sampleid'?"),
        ("sample_id,ecg,ecg\n1,a,b\n", "manifest has two columns 'ecg' (LIST). Keep one of them"),
        ('sample_id,ecg\n1,"a\n2,b\n3,c\n', "manifest cannot be read: a quotation mark is not closed"),
        ("", "manifest cannot be read: it is empty"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_manifest(path, ("ecg",))
    assert message.replace("LIST", str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "names", "flaw"),
    [
        ("sample_id,ecg\n1,a\n2,b\n1,c\n", ["1", "2"], "its sample_id stands more than once (line 2 and line 4)"),
        ("sample_id,ecg\n1,a\n,b\n", ["1", "manifest, line 3"], "no sample_id (line 3)"),
        ("sample_id,ecg\n1,a\n2,../secret\n", ["1", "2"], "its path leads out of the manifest's folder (line 3)"),
        ("sample_id,ecg\n1,a/../../b\n", ["1"], "leads out of the manifest's folder"),
        ("sample_id,ecg\n1,/etc/passwd\n", ["1"], "leads out of the manifest's folder"),
        ("sample_id,ecg\n1,a,b,c\n", ["1"], "has more cells than the table has columns (line 2)"),
        ("sample_id,ecg,zero_hour\n1,a,noon\n2,b,\n", ["1", "2"], "its zero_hour is not a number (line 2)"),
    ],
)
def test_a_row_that_cannot_be_used_is_an_item_without_a_path(
    tmp_path: Path, text: str, names: list[str], flaw: str
) -> None:
    manifest = read_manifest(written(tmp_path, text), ("ecg",))
    assert manifest.table["sample_id"].to_list() == names
    ((name, reason),) = manifest.flaws.items()
    assert flaw in reason
    assert "secret" not in reason
    paths = dict(manifest.table.select("sample_id", "ecg").rows())
    assert paths.pop(name) is None
    assert None not in paths.values()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_empty_rows_are_no_items_and_lines_are_counted_with_them(tmp_path: Path, end: str) -> None:
    rows = ["sample_id,ecg,ward", "", "1,a", ",,", ' , ,""', "2,b,,,", ",,", ",c", "", ",,,,"]
    manifest = read_manifest(written(tmp_path, end.join(rows) + end), ("ecg",))
    assert manifest.table["sample_id"].to_list() == ["1", "2", "manifest, line 8"]
    assert list(manifest.flaws) == ["manifest, line 8"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", "sample_id;ecg;zero_hour\r\nMüller;a;1,5\r\n".encode()),
        ("LIST.CSV", "sample_id;ecg;zero_hour\nMüller;a;1,5\n".encode("utf-8-sig")),
        ("list.csv", "sample_id\tecg\tzero_hour\nMüller\ta\t1.5\n".encode("utf-16")),
        ("list.tsv", "sample_id\tecg\tzero_hour\nMüller\ta\t1.5\n".encode()),
        ("list.csv.gz", gzip.compress("sample_id,ecg,zero_hour\nMüller,a,1.5\n".encode())),
    ],
    ids=["semicolons", "byte order mark", "UTF-16", "tabs", "gzip"],
)
def test_tables_as_spreadsheets_export_them(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    manifest = read_manifest(tmp_path / name, ("ecg",))
    assert manifest.table.rows() == [("Müller", 1.5, "a")]
    assert manifest.flaws == {}


def test_bytes_that_are_not_utf8_cost_their_own_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"sample_id,ecg,ward\n1,a,\xd6st\nM\xfcller,b,\n3,M\xfcller.hea,\n")
    manifest = read_manifest(path, ("ecg",))
    assert manifest.table.rows() == [("1", "a"), ("M\\xfcller", None), ("3", None)]
    assert [reason.split(" (")[0] for reason in manifest.flaws.values()] == [
        "its sample_id is not UTF-8",
        "its ecg is not UTF-8",
    ]


def test_a_file_cut_short_or_in_another_encoding_is_refused_in_our_words(tmp_path: Path) -> None:
    whole = gzip.compress(b"sample_id,ecg\n1,a\n" * 50)
    for content, name in (
        (whole[:-9], "list.csv.gz"),
        (b"no gzip", "list.csv.gz"),
        ("sample_id,ecg\n1,a\n".encode("utf-16-le"), "list.csv"),
        (b"PAR1", "list.parquet"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="manifest cannot be read: it is") as caught:
            read_manifest(tmp_path / name, ("ecg",))
        assert "Error" not in str(caught.value)
