"""Small files that claim to be huge, and names that climb out of an archive."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

from medkd.data.events import event_file as events
from medkd.data.events.events import read_events
from medkd.data.io.archive import read_members
from medkd.data.io.tables import scan_table
from medkd.errors import InputError, RecordError
from medkd.modalities.codes.published_file import published_bytes
from medkd.modalities.ecg.readers.recording_file import read_recording

MEBIBYTE = 1 << 20


def bomb(path: Path, members: int = 1) -> Path:
    """A zip of a few hundred kB whose members unpack to 300 MiB in all."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            with archive.open(f"table{number}.csv", "w", force_zip64=True) as handle:
                for _ in range(300 // members):
                    handle.write(b"\0" * MEBIBYTE)
    assert path.stat().st_size < MEBIBYTE
    return path


@pytest.mark.parametrize("members", [1, 10])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, members: int):
    seen: list[int] = []
    held = read_members(bomb(tmp_path / "bomb.zip", members))
    with pytest.raises(InputError, match=r"bomb\.zip unpacks to"):
        seen.extend(len(content) for _, content in held)
    assert sum(seen) < 256 * MEBIBYTE


def test_a_tar_bomb_is_refused(tmp_path: Path):
    path = tmp_path / "bomb.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=9) as archive:
        member = tarfile.TarInfo("table.csv")
        member.size = 300 * MEBIBYTE
        archive.addfile(member, _Zeros(member.size))
    with pytest.raises(InputError, match=r"bomb\.tar\.gz unpacks to"):
        list(read_members(path))


class _Zeros(io.RawIOBase):
    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        given = min(self.left, size if size >= 0 else self.left)
        self.left -= given
        return b"\0" * given


def test_a_reference_file_that_is_a_gzip_bomb(tmp_path: Path):
    path = tmp_path / "icd.json.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(300):
            stream.write(b" " * MEBIBYTE)
    with pytest.raises(InputError, match=r"icd\.json\.gz unpacks to"):
        published_bytes(path)


def test_an_honest_archive_is_read(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"hours,variable,value\n" * 100_000)
    ((name, content),) = read_members(tmp_path / "set.zip")
    assert (name, len(content)) == ("a.csv", 2_100_000)


def test_an_event_file_of_too_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "MOST_ROWS", 1_000)
    table = pl.DataFrame({"hours": [0.0] * 1_001, "variable": ["heart_rate"] * 1_001, "value": [1.0] * 1_001})
    table.write_parquet(tmp_path / "stay.parquet")
    with pytest.raises(RecordError, match="holds 1,001 rows"):
        read_events(tmp_path / "stay.parquet", None)


def test_a_deflated_dicom_is_refused_unread(tmp_path: Path):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = TwelveLeadECGWaveformStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.add_new(0x00091010, "OB", b"\0" * (64 * MEBIBYTE))
    data.save_as(tmp_path / "ecg.dcm", enforce_file_format=True)
    assert (tmp_path / "ecg.dcm").stat().st_size < MEBIBYTE
    with pytest.raises(RecordError, match="is deflated"):
        read_recording(tmp_path / "ecg.dcm")


@pytest.mark.parametrize(
    "line", [b"\0" * MEBIBYTE, b"1,2\n" * (MEBIBYTE // 4)], ids=["without a line's end", "of many rows"]
)
def test_a_table_that_is_a_gzip_bomb(tmp_path: Path, line: bytes):
    with gzip.open(tmp_path / "table.csv.gz", "wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(300):
            stream.write(line)
    with pytest.raises(InputError, match=r"table\.csv\.gz unpacks to"):
        scan_table(tmp_path, "table")
