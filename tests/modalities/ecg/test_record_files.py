"""Files of ECG records: those that a header names are read, whatever they are called, and all others are not."""

from __future__ import annotations

from pathlib import Path

from medkd.modalities.ecg import ECG


def test_the_files_of_records_are_those_that_their_headers_name(tmp_path: Path) -> None:
    (tmp_path / "a.hea").write_text("# made up\na 2 500 5000\nshared.dat 16 1000\nshared.dat 16 1000\n")
    (tmp_path / "night.hea").write_text("night/2 1 500 200\nnight_1 100\nnight_2 100\n")
    for segment in ("night_1", "night_2"):
        (tmp_path / f"{segment}.hea").write_text(f"{segment} 1 500 100\n{segment}.dat 16 1000\n")
    (tmp_path / "odd.hea").write_bytes(b"odd 1 500 100\nM\xfcller.dat 16\n../../../etc/passwd 16\n")
    signals = ["shared.dat", "night_1.dat", "night_2.dat", "M\udcfcller.dat"]
    others = ["a.csv", "a.dat", "b.dcm.bak", "IM01.txt"]
    files = sorted([*(path.name for path in tmp_path.glob("*.hea")), *signals, *others, "b.dcm", "c.XML"])
    read = ECG().files_of(["a", "night", "odd", "b", "c.XML", "gone"], files, tmp_path)
    assert set(files) - read == set(others)


def test_a_header_that_cannot_be_read_has_no_further_files(tmp_path: Path) -> None:
    (tmp_path / "empty.hea").touch()
    files = ["empty.dat", "empty.hea", "lost.hea"]
    assert ECG().files_of(["empty", "lost"], files, tmp_path) == {"empty.hea", "lost.hea"}
