"""Every file format that is at hand, and what a reader says of a damaged one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from medkd.data.core.view import Part
from medkd.errors import RecordError
from medkd.modalities.ecg import ECG, Recording
from medkd.modalities.ecg.readers.format16 import read_format16
from medkd.modalities.ecg.readers.recording_file import find_recordings, read_recording
from medkd.modalities.ecg.readers.wfdb_record import read_with_package
from medkd.modalities.ecg.recording import STANDARD


def headers(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.hea"))


@pytest.mark.parametrize(("folder", "count"), [("ptbxl", 500), ("brugada-huca", 363), ("formats", 8)])
def test_direct_reader_equals_the_package_on_every_record(shared: Path, folder: str, count: int) -> None:
    found = headers(shared / "data/ecg" / folder)
    assert len(found) == count
    for header in found:
        direct = read_format16(header, header.read_text())
        assert direct is not None, header
        theirs = wfdb.rdrecord(str(header.with_suffix("")))
        assert np.array_equal(direct.values, theirs.p_signal.T), header
        assert direct.rate == theirs.fs
        assert direct.leads == STANDARD
        assert [lead.lower() for lead in theirs.sig_name] == [lead.lower() for lead in STANDARD]


def test_gain_baseline_missing_samples_and_units_equal_the_package(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    digital = rng.integers(-3000, 3000, (400, 3))
    digital[5, 1] = -32768
    wfdb.wrsamp(
        "odd", fs=250, units=["mV", "uV", "mV"], sig_name=["V2", "i", "avf"], d_signal=digital, fmt=["16"] * 3,
        adc_gain=[1716.0, 4.88, 200.0], baseline=[6, -5, 0], write_dir=str(tmp_path),
    )  # fmt: skip
    header = tmp_path / "odd.hea"
    direct, theirs = read_format16(header, header.read_text()), read_with_package(header)
    assert direct is not None
    np.testing.assert_array_equal(direct.values, theirs.values)
    assert direct.leads == theirs.leads == ("V2", "I", "aVF")
    assert np.isnan(direct.values[1, 5])
    assert np.isnan(direct.values).sum() == 1
    assert direct.values[1, 0] == pytest.approx((digital[0, 1] + 5) / 4.88 / 1000)


@pytest.mark.parametrize("fmt", ["212", "24", "32"])
def test_other_formats_go_through_the_package(tmp_path: Path, fmt: str) -> None:
    values = np.sin(np.arange(500) / 20)[:, None] * [1.0, 0.5]
    wfdb.wrsamp(
        "other",
        fs=100,
        units=["mV"] * 2,
        sig_name=["II", "V1"],
        p_signal=values,
        fmt=[fmt] * 2,
        write_dir=str(tmp_path),
    )
    header = tmp_path / "other.hea"
    assert read_format16(header, header.read_text()) is None
    np.testing.assert_allclose(read_recording(tmp_path / "other").values, values.T, atol=2e-3)


@pytest.mark.parametrize("suffix", ["", ".hea", ".mat"])
def test_cinc_record_with_or_without_suffix(shared: Path, suffix: str) -> None:
    recording = ECG().read({"ecg": f"E07500{suffix}"}, shared / "data/ecg/formats/cinc2021_wfdb_mat")
    assert (recording.leads, recording.rate, recording.values.shape) == (STANDARD, 500.0, (12, 5000))
    assert recording.values[0, 0] == pytest.approx(-0.068)


def test_ludb_gains_and_baselines(shared: Path) -> None:
    recording = read_recording(shared / "data/ecg/formats/ludb/1")
    assert recording.values[0, 0] == pytest.approx((-120 - 6) / 1716)


@pytest.mark.parametrize("name", ["waveform_ecg.dcm", "waveform_ecg"])
def test_dicom_waveform_takes_the_rhythm_not_the_median_beat(shared: Path, name: str) -> None:
    recording = read_recording(shared / "data/ecg/formats/dicom" / name)
    assert (recording.leads, recording.rate, recording.values.shape) == (STANDARD, 1000.0, (12, 10000))
    assert recording.values[0, 0] == pytest.approx(0.1)
    assert_einthoven(recording, 0.01)


def test_annotated_ecg(shared: Path) -> None:
    recording = read_recording(shared / "data/ecg/formats/aecg_hl7/subject1_0.xml")
    assert set(recording.leads) == set(STANDARD)
    assert recording.rate == pytest.approx(500.0)
    assert recording.seconds == pytest.approx(10.0, abs=0.1)
    assert recording.values[0, 0] == pytest.approx(-2 * 2.5e-3)
    assert_einthoven(recording, 0.01)


def assert_einthoven(recording: Recording, millivolts: float) -> None:
    one, two, three = (recording.values[recording.leads.index(lead)] for lead in ("I", "II", "III"))
    assert np.abs(two - one - three).max() < millivolts


def test_every_readable_format_prepares_to_the_standard_form(shared: Path) -> None:
    ecg, folder = ECG(), shared / "data/ecg/formats"
    found = [name for name in find_recordings(folder) if "philips" not in name]
    assert len(found) == 10
    for name in found:
        values = ecg.prepare(ecg.select(ecg.read({"ecg": name}, folder), Part("ecg")))
        assert values.shape == (12, 1000)
        assert np.isfinite(values).all()
        assert 0.02 < values.std() < 2


def test_philips_sierra_xml(shared: Path) -> None:
    (path,) = (shared / "data/ecg/formats/philips_sierra_xml").glob("*.xml")
    recording = read_recording(path)
    assert (recording.leads, recording.rate, recording.values.shape) == (STANDARD, 500.0, (12, 5500))
    np.testing.assert_allclose(recording.values * 200, np.round(recording.values * 200), atol=1e-9)
    one, two, right = (recording.values[recording.leads.index(lead)] for lead in ("I", "II", "aVR"))
    assert np.median(np.abs(right + (one + two) / 2)) < 0.01


def test_xml_of_another_kind_says_which_is_read(tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_text("<mortaraecg/>")
    with pytest.raises(RecordError, match=r"kind 'mortaraecg'.*Export it as HL7 aECG") as caught:
        read_recording(tmp_path / "other.xml")
    assert "\n" not in str(caught.value)


def test_xml_that_expands_entities_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.xml").write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>')
    with pytest.raises(RecordError, match="is not readable XML"):
        read_recording(tmp_path / "bomb.xml")


def test_find_skips_hidden_files_and_keeps_folders(tmp_path: Path) -> None:
    for name in ("b/2.hea", "b/2.dat", "a/1.dcm", ".hidden/3.hea", "4.XML", "b/2.dcm", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert ECG().find(tmp_path) == ["4.XML", "a/1", "b/2.dcm", "b/2.hea"]


def damaged(shared: Path, tmp_path: Path) -> Path:
    for suffix in (".hea", ".dat"):
        shutil.copyfile(shared / f"data/ecg/ptbxl/records100/00000/00017_lr{suffix}", tmp_path / f"00017_lr{suffix}")
    return tmp_path / "00017_lr"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"ECG of record nothing is missing \(.*nothing\)"):
        read_recording(tmp_path / "nothing")


def test_missing_signal_file(shared: Path, tmp_path: Path) -> None:
    path = damaged(shared, tmp_path)
    path.with_name("00017_lr.dat").unlink()
    with pytest.raises(RecordError, match=r"record 00017_lr lacks its signal file 00017_lr\.dat"):
        read_recording(path)


@pytest.mark.parametrize("size", [0, 1, 24, 1001, 12000, 23999])
def test_truncated_signals(shared: Path, tmp_path: Path, size: int) -> None:
    path = damaged(shared, tmp_path)
    signals = path.with_name("00017_lr.dat")
    signals.write_bytes(signals.read_bytes()[:size])
    with pytest.raises(RecordError, match="record 00017_lr") as caught:
        read_recording(path)
    assert "\n" not in str(caught.value)


def test_changed_byte(shared: Path, tmp_path: Path) -> None:
    path = damaged(shared, tmp_path)
    signals = path.with_name("00017_lr.dat")
    content = bytearray(signals.read_bytes())
    content[100] ^= 4
    signals.write_bytes(content)
    with pytest.raises(RecordError, match="another checksum in lead III"):
        read_recording(path)


@pytest.mark.parametrize("line", ["00017_lr 12", "00017_lr 12 0 1000", "00017_lr 12 fast 1000"])
def test_no_sampling_rate(shared: Path, tmp_path: Path, line: str) -> None:
    path = damaged(shared, tmp_path)
    header = path.with_name("00017_lr.hea")
    header.write_text("\n".join([line, *header.read_text().splitlines()[1:]]))
    with pytest.raises(RecordError, match="states no sampling rate"):
        read_recording(path)


def test_what_is_cut_or_empty_is_told_by_its_sizes(shared: Path, tmp_path: Path) -> None:
    path = damaged(shared, tmp_path)
    header, signals = path.with_name("00017_lr.hea"), path.with_name("00017_lr.dat")
    whole, content = header.read_text(), signals.read_bytes()
    for text, held, reason in (
        ("", content, "header of ECG 00017_lr is empty"),
        ("PK\0\0", content, "header of ECG 00017_lr is not text"),
        (whole[:200], content, r"its header is cut short; it states 12 leads and describes \d"),
        (whole, content[:1000], r"00017_lr\.dat holds 1,000 bytes where the header states 24,000"),
    ):
        header.write_text(text)
        signals.write_bytes(held)
        with pytest.raises(RecordError, match=reason):
            read_recording(path)


@pytest.mark.parametrize("name", ["broken.dcm", "broken.xml", "broken.hea"])
def test_rubbish_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(range(1, 256)) * 3)
    with pytest.raises(RecordError) as caught:
        read_recording(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_lead_named_twice(shared: Path, tmp_path: Path) -> None:
    path = damaged(shared, tmp_path)
    header = path.with_name("00017_lr.hea")
    header.write_text(header.read_text().replace(" III\n", " ii\n"))
    ecg = ECG()
    recording = ecg.read({"ecg": "00017_lr"}, tmp_path)
    with pytest.raises(RecordError, match="names lead II twice"):
        ecg.select(recording, Part("ecg", ("II",)))
    assert ecg.prepare(ecg.select(recording, Part("ecg", ("I",)))).shape == (1, 1000)
