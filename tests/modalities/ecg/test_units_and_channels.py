"""Units, scales, names and channels: fresh files in which what a view needs is whole, or refused by its name."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from medkd.data.core.view import Part
from medkd.errors import RecordError
from medkd.modalities.ecg import ECG, Recording
from medkd.modalities.ecg.readers.recording_file import find_recordings, read_recording
from medkd.modalities.ecg.recording import canonical, millivolts

RATE, SAMPLES = 250, 2500


def beats(seed: int = 3, samples: int = SAMPLES) -> NDArray[np.float64]:
    """Leads I and II in mV, "lead time"."""
    time = np.arange(samples) / RATE
    wave = np.exp(-(((time % 0.9) - 0.4) ** 2) / 0.0005)
    noise = 0.005 * np.random.default_rng(seed).standard_normal((2, samples))
    return np.stack([0.7 * wave, 1.1 * wave]) + noise


def write(folder: Path, name: str, lines: list[str], steps: NDArray[np.int64], head: str = "") -> Path:
    text = [head or f"{name} {len(lines)} {RATE} {steps.shape[1]}", *lines]
    (folder / f"{name}.hea").write_bytes("\n".join(text).encode("latin-1"))
    steps.T.astype("<i2").tofile(folder / f"{name}.dat")
    return folder / f"{name}.hea"


def steps_of(millivolts_: NDArray[np.float64], gain: float) -> NDArray[np.int64]:
    return np.round(millivolts_ * gain).astype(np.int64)


def line(name: str, steps: NDArray[np.int64], gain: str, lead: str, form: str = "16") -> str:
    return f"{name}.dat {form} {gain} 16 0 {steps[0]} {(int(steps.sum()) + 32768) % 65536 - 32768} 0 {lead}"


def two_leads(name: str, steps: NDArray[np.int64], gain: str, form: str = "16") -> list[str]:
    return [line(name, row, gain, lead, form) for row, lead in zip(steps, ("I", "II"), strict=True)]


def prepared(path: Path, lead: str = "I") -> NDArray[np.float32]:
    ecg = ECG()
    return ecg.prepare(ecg.select(ecg.read({"ecg": path.name}, path.parent), Part("ecg", (lead,))))


@pytest.mark.parametrize("unit", ["\u00b5V", "uV", "microV", "UV", "mcV"])
def test_microvolts_in_every_spelling_or_not_at_all(tmp_path: Path, unit: str) -> None:
    steps = steps_of(beats(), 2000)
    path = write(tmp_path, "a", two_leads("a", steps, f"2(0)/{unit}"), steps)
    if unit == "mcV":
        with pytest.raises(RecordError, match="lead I is in 'mcV', which is not a voltage"):
            prepared(path)
    else:
        np.testing.assert_allclose(read_recording(path).values, beats(), atol=1e-3)


def test_units_of_voltage() -> None:
    assert [millivolts(unit) for unit in ("mVolt", "microV", "Volts", "nV", "MDC_DIM_MICRO_VOLT")] == [
        1.0, 1e-3, 1e3, 1e-6, 1e-3,
    ]  # fmt: skip
    assert [millivolts(unit) for unit in ("", "mmHg", "\ufffdV", "NU", "mV/mm")] == [None] * 5


@pytest.mark.parametrize("gain", ["0", "0(12)/mV", "0/uV"])
def test_a_lead_without_gain_is_refused_and_its_neighbour_is_not(tmp_path: Path, gain: str) -> None:
    steps = steps_of(beats(), 1000)
    path = write(tmp_path, "a", [line("a", steps[0], gain, "I"), line("a", steps[1], "1000/mV", "II")], steps)
    with pytest.raises(RecordError, match="lead I is uncalibrated"):
        prepared(path)
    assert np.ptp(prepared(path, "II")) > 0.5


def test_a_gain_without_unit_is_per_millivolt_as_the_format_has_it(tmp_path: Path) -> None:
    steps = steps_of(beats(), 200)
    path = write(tmp_path, "a", two_leads("a", steps, "200"), steps)
    np.testing.assert_allclose(read_recording(path).values, beats(), atol=5e-3)


def test_a_header_that_names_no_lead_says_so(tmp_path: Path) -> None:
    steps = steps_of(beats(), 200)
    with pytest.raises(RecordError, match=r"has 0 leads, 1 expected \(missing I\)"):
        prepared(write(tmp_path, "a", ["a.dat 16", "a.dat 16 200"], steps))
    (tmp_path / "none.hea").write_text("none 0 500 1000\n")
    missing = np.full((2, SAMPLES), -32768)
    write(tmp_path, "gap", two_leads("gap", missing, "1000(0)/mV"), missing)
    with pytest.raises(RecordError, match="no lead was recorded"):
        read_recording(tmp_path / "none")
    with pytest.raises(RecordError, match="lacks 2500 samples"):
        prepared(tmp_path / "gap.hea")


def test_a_scale_that_is_wrong_is_not_plausible(tmp_path: Path) -> None:
    steps = steps_of(beats(), 1000)
    loud = write(tmp_path, "loud", two_leads("loud", steps, "1/mV"), steps)
    with pytest.raises(RecordError, match=r"not plausible in lead I: -?\d.* to 7\d\d.* mV"):
        prepared(loud)
    faint = write(tmp_path, "faint", two_leads("faint", steps, "999/uV"), steps)
    with pytest.raises(RecordError, match="not plausible in lead I"):
        prepared(faint)


@pytest.mark.parametrize(
    "name",
    ["Lead I", "ECG lead I", "EKG-I", "I [mV]", "I (uV)", "D\u00e9rivation I", "DI", "mdc_ecg_lead_i", "Lead_I",
     "\u2160", "ECG I (Einthoven)", "i ecg", "Ableitung I"],
)  # fmt: skip
def test_lead_names_as_machines_write_them(name: str) -> None:
    assert canonical(name) == "I"


@pytest.mark.parametrize(
    "name", ["MLII", "ECG1", "ECG 1", "V", "-aVR", "ECG -aVR", "V3R", "Lead 1", "D1", "VR", "II+", ""]
)
def test_names_that_are_not_surely_a_lead(name: str) -> None:
    assert canonical(name) is None


def test_pressure_and_repeated_names_do_no_harm_elsewhere(tmp_path: Path) -> None:
    steps = np.concatenate([steps_of(beats(), 1000), steps_of(beats(4), 50)])
    leads = [("II", "1000/mV"), ("I", "1000/mV"), ("ART", "50/mmHg"), ("ART", "50/%")]
    path = write(
        tmp_path, "a", [line("a", row, gain, lead) for row, (lead, gain) in zip(steps, leads, strict=True)], steps
    )
    recording = ECG().read({"ecg": "a"}, tmp_path)
    assert recording.leads == ("II", "I")
    assert "ART" in recording.faults
    assert prepared(path).shape == (1, 1000)


def test_samples_of_a_frame_are_not_averaged(tmp_path: Path) -> None:
    steps = steps_of(beats(), 1000)
    slow = np.arange(SAMPLES // 5)
    frames = np.concatenate([steps[0].reshape(-1, 5), steps[1].reshape(-1, 5), slow[:, None]], axis=1)
    lines = two_leads("a", steps, "1000/mV", "16x5")
    path = write(tmp_path, "a", [*lines, line("a", slow, "1/bpm", "HR")], frames.T, f"a 3 {RATE / 5:g} {len(slow)}")
    recording = read_recording(path)
    assert (recording.rate, recording.leads) == (RATE, ("I", "II"))
    np.testing.assert_allclose(recording.values, beats(), atol=1e-3)


@pytest.mark.parametrize("form", ["212", "24", "80"])
def test_checksums_are_verified_in_every_format(tmp_path: Path, form: str) -> None:
    wave = np.round(100 * beats()).astype(np.int64).T
    options = {"fmt": [form] * 2, "adc_gain": [100.0] * 2, "baseline": [0] * 2, "write_dir": str(tmp_path)}
    wfdb.wrsamp("a", fs=RATE, units=["mV"] * 2, sig_name=["I", "II"], d_signal=wave, **options)
    read_recording(tmp_path / "a.hea")
    content = bytearray((tmp_path / "a.dat").read_bytes())
    content[300] ^= 1
    (tmp_path / "a.dat").write_bytes(content)
    with pytest.raises(RecordError, match="another checksum in lead I"):
        read_recording(tmp_path / "a.hea")


def test_segments_join_to_one_record_with_gaps(tmp_path: Path) -> None:
    steps = steps_of(beats(), 1000)
    for name, part in (("s1", steps[:, :1000]), ("s2", steps[:, 1000:])):
        write(tmp_path, name, two_leads(name, part, "1000/mV"), part)
    (tmp_path / "w.hea").write_text(f"w/3 2 {RATE} {SAMPLES + 500}\ns1 1000\n~ 500\ns2 1500\n")
    assert find_recordings(tmp_path) == ["w"]
    recording = read_recording(tmp_path / "w")
    assert recording.values.shape == (2, SAMPLES + 500)
    assert np.isnan(recording.values[:, 1000:1500]).all()
    np.testing.assert_allclose(np.delete(recording.values, slice(1000, 1500), axis=1), beats(), atol=1e-3)
    (tmp_path / "s2.hea").unlink()
    with pytest.raises(RecordError, match=r"lacks its segment s2\.hea"):
        read_recording(tmp_path / "w")


def test_the_listing_names_what_the_reader_reads(tmp_path: Path) -> None:
    names = ["a.hea", "a.mat.hea", "b.xml.hea", "c.hea", "c.dcm", "d.HEA", "e.hea", "e", "f.hea"]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(f"x 1 {number} 10\n")
    found = find_recordings(tmp_path)
    assert found == ["a", "a.mat.hea", "b.xml.hea", "c.dcm", "c.hea", "d.HEA", "e.hea", "f"]
    for name in found:
        with pytest.raises(RecordError) as caught:
            read_recording(tmp_path / name)
        assert any(caught.value.where.endswith(f"/{file}") for file in (name, f"{name}.hea"))


def test_two_files_that_a_name_could_mean_are_refused(tmp_path: Path) -> None:
    for name in ("p.hea", "p.dat.hea", "q.hea", "q.dcm"):
        (tmp_path / name).write_text("x")
    for name, pattern in (("p.dat", r"p\.dat\.hea or p\.hea"), ("q", r"q\.hea or q\.dcm")):
        with pytest.raises(RecordError, match=f"could be {pattern}"):
            read_recording(tmp_path / name)


@pytest.mark.parametrize("gap", [slice(0, 9), slice(4000, 4100), slice(10990, None)])
def test_missing_samples_outside_the_used_part_do_no_harm(gap: slice) -> None:
    values = beats(samples=11_000)
    whole = Recording(values[:1], ("I",), RATE, "long")
    values = values[:1].copy()
    values[:, gap] = np.nan
    np.testing.assert_allclose(ECG().prepare(whole.with_values(values)), ECG().prepare(whole), atol=5e-3)
    values[:, 5500] = np.nan
    with pytest.raises(RecordError, match="lacks 1 samples"):
        ECG().prepare(whole.with_values(values))


def test_a_long_record_is_filtered_around_its_middle_alone() -> None:
    values = beats(samples=RATE * 600)[:1]
    middle = (RATE * 600 - SAMPLES) // 2
    other = values.copy()
    other[:, : middle - 61 * RATE] += 1.0
    long = Recording(values, ("I",), RATE, "long")
    np.testing.assert_array_equal(ECG().prepare(long), ECG().prepare(long.with_values(other)))
    near = long.with_values(values[:, middle - 20 * RATE : middle + SAMPLES + 20 * RATE])
    np.testing.assert_allclose(ECG().prepare(long), ECG().prepare(near), atol=1e-6)


MUSE = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE RestingECG SYSTEM "restecg.dtd">
<RestingECG><Waveform><WaveformType>Median</WaveformType></Waveform><Waveform><WaveformType>Rhythm</WaveformType>
<SampleBase>250</SampleBase><SampleExponent>0</SampleExponent>{leads}</Waveform></RestingECG>"""
LEAD = """<LeadData><LeadSampleCountTotal>{count}</LeadSampleCountTotal>
<LeadAmplitudeUnitsPerBit>{step}</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>
<WaveFormData>{data}</WaveFormData><LeadSampleSize>2</LeadSampleSize><LeadID>{lead}</LeadID></LeadData>"""


def muse(path: Path, step: str = "4.88", count: int = SAMPLES) -> Path:
    rows = steps_of(beats(), 1000 / 4.88).astype("<i2")
    data = [base64.encodebytes(row.tobytes()).decode() for row in rows]
    leads = [
        LEAD.format(count=count, step=step, data=text, lead=lead) for text, lead in zip(data, ("I", "II"), strict=True)
    ]
    path.write_text(MUSE.format(leads="".join(leads)))
    return path


def test_muse_xml(tmp_path: Path) -> None:
    recording = read_recording(muse(tmp_path / "a.xml"))
    assert (recording.leads, recording.rate) == (("I", "II", "III", "aVR", "aVL", "aVF"), RATE)
    np.testing.assert_allclose(recording.values[:2], beats(), atol=3e-3)
    np.testing.assert_allclose(recording.values[3], -recording.values[:2].mean(axis=0), atol=1e-12)
    with pytest.raises(RecordError, match="lead I is uncalibrated"):
        prepared(muse(tmp_path / "b.xml", step="0"))
    with pytest.raises(RecordError, match="lead I has other samples than it states"):
        read_recording(muse(tmp_path / "c.xml", count=SAMPLES + 1))
