"""DICOM waveforms: groups, codes, padding and scale, on objects of our own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, GeneralECGWaveformStorage, generate_uid

from medkd.data.core.view import Part
from medkd.errors import RecordError
from medkd.modalities.ecg import ECG
from medkd.modalities.ecg.readers.recording_file import find_recordings, read_recording

RATE = 250
CODES = {"I": 1, "II": 2, "V1": 3, "V6": 8, "III": 61, "aVR": 62}


def heart(seconds: float = 10.0, height: float = 800.0) -> NDArray[np.int16]:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.round(height * np.exp(-(((time % 0.8) - 0.3) ** 2) / 0.0004) + 5 * np.sin(40 * time)).astype(np.int16)


def channel(code: str, scheme: str, meaning: str | None = None, unit: str | None = "uV") -> Dataset:
    source, definition = Dataset(), Dataset()
    source.CodeValue, source.CodingSchemeDesignator = code, scheme
    if meaning is not None:
        source.CodeMeaning = meaning
    definition.ChannelSourceSequence = Items([source])
    if unit is not None:
        measure = Dataset()
        measure.CodeValue, measure.CodingSchemeDesignator = unit, "UCUM"
        definition.ChannelSensitivity, definition.ChannelSensitivityUnitsSequence = "1", Items([measure])
        definition.ChannelSensitivityCorrectionFactor, definition.ChannelBaseline = "1", "0"
    return definition


def group(steps: Sequence[NDArray[np.int16]], channels: Sequence[Dataset], **more: Any) -> Dataset:
    item = Dataset()
    item.WaveformOriginality = more.pop("originality", "ORIGINAL")
    item.NumberOfWaveformChannels, item.NumberOfWaveformSamples = len(channels), len(steps[0])
    item.SamplingFrequency, item.WaveformBitsAllocated, item.WaveformSampleInterpretation = str(RATE), 16, "SS"
    item.ChannelDefinitionSequence = Items(channels)
    for key, value in more.items():
        setattr(item, key, value)
    item.add_new(0x54001010, "OW", np.stack(steps, axis=1).astype("<i2").tobytes())
    return item


def save(path: Path, *groups: Dataset) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = GeneralECGWaveformStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.WaveformSequence = Items(groups)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def mdc(lead: str, **more: Any) -> Dataset:
    return channel(f"2:{CODES[lead]}", "MDC", **more)


def test_groups_of_one_length_belong_together_and_the_derived_beat_does_not(tmp_path: Path) -> None:
    beat = group([heart(1.2)] * 2, [mdc("I"), mdc("aVR")], originality="DERIVED")
    path = save(tmp_path / "a.dcm", beat, group([heart()], [mdc("V1")]), group([heart(height=300)], [mdc("I")]))
    recording = read_recording(path)
    assert (recording.leads, recording.others) == (("V1", "I"), ())
    np.testing.assert_allclose(recording.values[1], heart(height=300) / 1000)
    with pytest.raises(RecordError, match="missing aVR"):
        ECG().select(recording, Part("ecg", ("aVR",)))


def test_groups_recorded_one_after_the_other_are_not_one(tmp_path: Path) -> None:
    groups = [
        group([heart(2.5)], [mdc(lead)], MultiplexGroupTimeOffset=str(2500 * number))
        for number, lead in enumerate(("I", "V6"))
    ]
    recording = read_recording(save(tmp_path / "a.dcm", *groups, group([heart()], [mdc("II")])))
    ecg = ECG()
    assert ecg.select(recording, Part("ecg", ("V6",))).seconds == 2.5
    assert ecg.select(recording, Part("ecg", ("II",))).seconds == 10
    with pytest.raises(RecordError, match="leads I, V6 of ECG a were recorded at different"):
        ecg.select(recording, Part("ecg", ("I", "V6")))


def test_the_code_decides_not_its_meaning(tmp_path: Path) -> None:
    channels = [
        channel("5.6.3-9-61", "SCPECG", meaning="Ableitung drei"),
        mdc("II", meaning="Lead I"),
        channel("MDC_ECG_LEAD_V6", "MDC"),
        channel("5.6.3-9-75", "SCPECG", meaning="Lead V1"),
        channel("L-1", "99LOCAL", meaning="Lead I"),
    ]
    recording = read_recording(save(tmp_path / "a.dcm", group([heart()] * 5, channels)))
    assert recording.leads == ("III", "II", "V6", "5.6.3-9-75 Lead V1", "I")


def test_padding_is_missing_and_an_empty_twin_gives_way(tmp_path: Path) -> None:
    padding = np.full(2500, -32768, np.int16)
    half = np.where(np.arange(2500) < 1250, heart(), -32768).astype(np.int16)
    item = group([padding, half, heart()], [mdc("I"), mdc("V1"), mdc("I")])
    item.add_new(0x5400100A, "OW", np.int16(-32768).tobytes())
    recording = read_recording(save(tmp_path / "a.dcm", item))
    np.testing.assert_allclose(recording.values[recording.leads.index("I")], heart() / 1000)
    assert np.isnan(recording.values[recording.leads.index("V1")]).sum() == 1250


def test_a_channel_without_scale_or_voltage_is_refused_by_name(tmp_path: Path) -> None:
    channels = [mdc("I", unit=None), mdc("II", unit="mm[Hg]"), mdc("V1")]
    recording = read_recording(save(tmp_path / "a.dcm", group([heart()] * 3, channels)))
    assert recording.leads == ("V1",)
    for lead, reason in (("I", "lead I is uncalibrated"), ("II", r"lead II is in 'mm\[Hg\]'")):
        with pytest.raises(RecordError, match=reason):
            ECG().select(recording, Part("ecg", (lead,)))


def test_files_without_suffix_are_found_by_their_mark(tmp_path: Path) -> None:
    for name in ("A/IM0001", "1.2.840.7", "1.2.840.8", "b.DICOM"):
        save(tmp_path / name, group([heart()], [mdc("I")]))
    save(tmp_path / "DICOMDIR", group([heart()], [mdc("I")]))
    (tmp_path / "README").write_text("nothing")
    assert find_recordings(tmp_path) == ["1.2.840.7", "1.2.840.8", "A/IM0001", "b.DICOM"]
    assert read_recording(tmp_path / "1.2.840.8").leads == ("I",)
    with pytest.raises(RecordError, match="README is not an ECG in a format that is read"):
        read_recording(tmp_path / "README")


def test_damage_is_told_in_our_words(tmp_path: Path) -> None:
    item = group([heart()], [mdc("I")])
    del item.NumberOfWaveformSamples
    with pytest.raises(RecordError, match="it is damaged, or lacks what the standard asks for") as caught:
        read_recording(save(tmp_path / "a.dcm", item))
    assert "Unable" not in str(caught.value)
