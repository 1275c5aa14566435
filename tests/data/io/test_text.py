"""Text of tables: encodings, separators, and what cannot be read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from medkd.data.io.text import head_of, is_text_table, names_in, table_of, text_of
from medkd.errors import RecordError

TEXT = "hours;unit\n0;°C\n1;\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_an_encoding_is_told_by_its_mark_or_its_bytes(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert names_in(head_of(path).splitlines()[0]) == ["hours", "unit"]
    assert table_of(text_of(path), path.name).rows() == [("0", "°C"), ("1", None)]


def test_a_compressed_table_and_a_suffix_in_capitals(tmp_path: Path) -> None:
    path = tmp_path / "T.CSV.GZ"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert is_text_table(path)
    assert text_of(path) == TEXT
    path.write_bytes(gzip.compress(TEXT.encode())[:-9])
    with pytest.raises(RecordError, match="truncated or damaged"):
        text_of(path)
    assert not is_text_table(tmp_path / "t.xlsx")


def test_an_empty_table_and_one_whose_rows_have_more_cells_than_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(" \n")
    with pytest.raises(RecordError, match="is empty"):
        text_of(tmp_path / "t.csv")
    with pytest.raises(RecordError, match="not a readable table"):
        table_of("a,b\n1,2,3\n", "t.csv")
