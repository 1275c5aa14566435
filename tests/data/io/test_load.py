"""Files of earlier steps: read as written, and one line where missing or damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkd.data.io.atomic import write_json
from medkd.data.io.load import read_array, read_json, read_table
from medkd.errors import InputError

READERS = [read_json, read_table, read_array]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, None]})
    assert read_json(tmp_path / "a.json") == {"b": [1, None]}
    table = pl.DataFrame({"x": [1, 2]})
    table.write_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").equals(table)
    np.save(tmp_path / "a.npy", np.arange(6.0))
    array = read_array(tmp_path / "a.npy")
    assert isinstance(array, np.memmap)
    assert array.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("read", READERS)
def test_a_missing_file_names_itself(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    with pytest.raises(InputError, match="no such file: gone") as refused:
        read(tmp_path / "gone")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"[1]"])
def test_a_damaged_file_is_one_line_with_the_callers_remedy(
    tmp_path: Path, read: Callable[[Path, str], Any], content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=r"file is damaged: .*Make it again") as refused:
        read(tmp_path / "file", "Make it again")
    assert "\n" not in str(refused.value)


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is damaged"):
        read_array(tmp_path / "objects.npy")
