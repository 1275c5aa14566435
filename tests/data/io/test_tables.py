"""Published tables in every wrapping that they come in, and damaged ones."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from medkd.data.io.tables import find_table, scan_table
from medkd.errors import InputError

TEXT = (
    "SUBJECT_ID,CHARTTIME,VALUENUM,NOTE\n"
    '1,2150-01-01 00:30:00,7.5,"two\nlines, one comma"\n'
    "2,soon,high,\n"
    "3,2150-01-03 12:00:00,,x\n"
)
COLUMNS = {"valuenum": pl.Float64, "subject_id": pl.Int64, "charttime": pl.Datetime}
ROWS = [(7.5, 1, datetime(2150, 1, 1, 0, 30)), (None, 2, None), (None, 3, datetime(2150, 1, 3, 12))]


def packed(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


def zipped(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return held.getvalue()


WRAPPINGS = {
    "labevents.csv": TEXT.encode(),
    "hosp/LABEVENTS.csv.gz": gzip.compress(TEXT.encode()),
    "demo.zip": zipped("demo-2.2/hosp/labevents.csv.gz", gzip.compress(TEXT.encode())),
    "demo.tar.gz": packed("demo-2.2/LabEvents.CSV", TEXT.encode()),
}


def laid(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.mark.parametrize("name", WRAPPINGS)
def test_a_table_reads_alike_however_it_is_wrapped_and_nothing_is_unpacked(tmp_path: Path, name: str) -> None:
    root = laid(tmp_path / "data", {name: WRAPPINGS[name]})
    frame = scan_table(root, "labevents", COLUMNS)
    assert frame.collect().rows() == frame.collect(engine="streaming").rows() == ROWS
    whole = scan_table(root, "LABEVENTS").collect()
    assert whole.columns == ["subject_id", "charttime", "valuenum", "note"]
    assert whole["note"].to_list() == ["two\nlines, one comma", None, "x"]
    assert [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()] == [name]


def test_what_is_asked_of_the_frame_is_what_is_read(tmp_path: Path) -> None:
    root = laid(tmp_path, {"labevents.csv.gz": WRAPPINGS["hosp/LABEVENTS.csv.gz"]})
    frame = scan_table(root, "labevents", COLUMNS)
    assert frame.filter(pl.col("subject_id") > 1).select("subject_id").collect().rows() == [(2,), (3,)]
    assert frame.head(1).select("charttime").collect().rows() == [(ROWS[0][2],)]
    assert frame.select(pl.len()).collect().item() == 3


def test_a_filter_on_a_number_a_time_or_both_keeps_the_same_rows_as_after_reading(tmp_path: Path) -> None:
    frame = scan_table(laid(tmp_path, {"labevents.csv": TEXT.encode()}), "labevents", COLUMNS)
    number, time = pl.col("subject_id") != 2, pl.col("charttime") > datetime(2150, 1, 2)
    for wanted in (number, time, number & time, pl.col("charttime").is_null()):
        assert frame.filter(wanted).collect().equals(frame.collect().filter(wanted))
        assert (
            frame.filter(wanted).select("valuenum").collect().equals(frame.collect().filter(wanted).select("valuenum"))
        )


@pytest.mark.parametrize("other", ["2150-01-02 08:15", "2150-01-02T08:15:00", "2150-01-02 08:15:00.000"])
def test_times_written_otherwise_are_read_too(tmp_path: Path, other: str) -> None:
    text = f"charttime\n2150-01-02 08:15:00\n{other}\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    (tmp_path / "b.csv").write_text(f"charttime\n{other}\n", encoding="utf-8")
    at = datetime(2150, 1, 2, 8, 15)
    assert scan_table(tmp_path, "b", {"charttime": pl.Datetime}).collect().rows() == [(at,)]
    assert scan_table(tmp_path, "a", {"charttime": pl.Datetime}).collect().rows() == [(at,), (at,)]


def test_a_plain_file_is_preferred_to_a_compressed_one_and_both_to_an_archive(tmp_path: Path) -> None:
    root = laid(tmp_path, WRAPPINGS)
    order = []
    for name in WRAPPINGS:
        found = find_table(root, "labevents")
        assert found is not None
        order.append(found.path.name)
        (root / name).unlink()
    # The first two are plain files; of two archives neither is better.
    assert order[:2] == ["labevents.csv", "LABEVENTS.csv.gz"]
    assert find_table(root, "labevents") is None


def test_a_missing_table_and_a_missing_column_are_named(tmp_path: Path) -> None:
    root = laid(tmp_path, {"labevents.csv": TEXT.encode()})
    with pytest.raises(InputError, match="no table chartevents"):
        scan_table(root, "chartevents")
    with pytest.raises(InputError, match=r"labevents\.csv has no column 'itemid'") as raised:
        scan_table(root, "labevents", {"itemid": pl.Int64})
    assert "subject_id, charttime" in str(raised.value)


@pytest.mark.parametrize("cut", [5, 200])
def test_a_truncated_gz_is_named_and_gives_no_rows(tmp_path: Path, cut: int) -> None:
    many = TEXT.encode() + b"".join(b"%d,2150-01-01 00:00:00,%d.5,y\n" % (row, row * 7919) for row in range(2000))
    root = laid(tmp_path, {"labevents.csv.gz": gzip.compress(many)[:-cut]})
    with pytest.raises(InputError, match=r"labevents\.csv\.gz is truncated or damaged"):
        scan_table(root, "labevents", COLUMNS).collect()
    with pytest.raises(InputError, match="truncated"):
        scan_table(root, "labevents", COLUMNS).group_by("subject_id").len().collect(engine="streaming")


@pytest.mark.parametrize("name", ["demo.zip", "demo.tar.gz"])
def test_a_truncated_archive_is_named(tmp_path: Path, name: str) -> None:
    root = laid(tmp_path, {name: WRAPPINGS[name][:-30]})
    with pytest.raises(InputError, match=f"{name} is truncated or damaged"):
        scan_table(root, "labevents").collect()


@pytest.mark.parametrize(
    "member", ["../labevents.csv", "/etc/labevents.csv", "a/../../labevents.csv", "..\\labevents.csv"]
)
@pytest.mark.parametrize(("name", "pack"), [("demo.zip", zipped), ("demo.tar.gz", packed)])
def test_a_member_that_climbs_out_is_refused(tmp_path: Path, member: str, name: str, pack: object) -> None:
    root = laid(tmp_path / "data", {name: pack(member, TEXT.encode())})  # type: ignore[operator]
    with pytest.raises(InputError, match="climbs out of its folder"):
        scan_table(root, "labevents")
    assert list(tmp_path.iterdir()) == [root]


def test_no_csv_at_all(tmp_path: Path) -> None:
    root = laid(tmp_path, {"labevents.csv.gz": b"not compressed", "empty.csv": b""})
    with pytest.raises(InputError, match=r"labevents\.csv\.gz is truncated or damaged"):
        scan_table(root, "labevents")
    with pytest.raises(InputError, match=r"empty\.csv has no column 'itemid'"):
        scan_table(root, "empty", {"itemid": pl.Int64})


@pytest.mark.parametrize(
    ("folder", "name", "rows"),
    [
        ("mimic-iii-clinical-database-demo-1.4", "labevents", 76_074),
        ("mimic-iv-clinical-database-demo-2.2", "admissions", 275),
    ],
)
def test_published_tables(shared: Path, folder: str, name: str, rows: int) -> None:
    frame = scan_table(shared / "data/icu" / folder, name, {"subject_id": pl.Int64, "hadm_id": pl.Int64})
    assert frame.select(pl.len(), pl.col("subject_id").null_count()).collect().row(0) == (rows, 0)


def test_times_of_a_spreadsheet_are_read_in_one_form_for_the_whole_column(tmp_path: Path) -> None:
    early, late = "1,4/9/2150 8:05\n" * 3000, "2,4/23/2150 20:15\n"
    (tmp_path / "a.csv").write_text(f"n,charttime\n{early}{late}", encoding="utf-8")
    frame = scan_table(tmp_path, "a", {"n": pl.Int64, "charttime": pl.Datetime})
    expected = {(1, datetime(2150, 4, 9, 8, 5)), (2, datetime(2150, 4, 23, 20, 15))}
    assert set(frame.collect(engine="streaming").rows()) == expected
    # Of the rows that are asked for none shows the form: the column does.
    assert set(frame.filter(pl.col("n") == 1).collect()["charttime"]) == {datetime(2150, 4, 9, 8, 5)}
    (tmp_path / "a.csv").write_text(f"n,charttime\n{early}", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.csv, column 'charttime'"):
        scan_table(tmp_path, "a", {"charttime": pl.Datetime}).collect()


def test_two_tables_of_one_name_are_refused(tmp_path: Path) -> None:
    laid(tmp_path, {"backup/hosp/labevents.csv": TEXT.encode(), "hosp/labevents.csv": TEXT.encode()})
    with pytest.raises(InputError, match=r"two tables labevents: hosp/labevents\.csv and backup/hosp/labevents\.csv"):
        find_table(tmp_path, "labevents")
    (tmp_path / "backup/hosp/labevents.csv").unlink()
    laid(tmp_path, {"hosp/labevents.csv.gz": gzip.compress(TEXT.encode())})
    assert str(find_table(tmp_path, "labevents")) == "labevents.csv"
    laid(tmp_path, {"new/labevents.csv.gz": gzip.compress(TEXT.encode())})
    with pytest.raises(InputError, match="two tables labevents"):
        find_table(tmp_path, "labevents")


def test_semicolons_separate_too_and_an_optional_column_is_null(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id;unit\n1;°F\n".encode("latin-1"))
    columns = {"id": pl.Int64, "unit": pl.String, "flag": pl.String}
    assert scan_table(tmp_path, "a", columns, optional=("flag",)).collect().rows() == [(1, "\ufffdF", None)]
    with pytest.raises(InputError, match="no column 'flag'"):
        scan_table(tmp_path, "a", columns)
