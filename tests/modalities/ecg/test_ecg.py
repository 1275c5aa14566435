"""Selection, preparation, and that a view never sees what it does not name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from scipy import signal

from medkd.data.core.instantiate import instantiate
from medkd.data.core.view import Part, View
from medkd.errors import InputError, RecordError
from medkd.modalities.ecg import ECG, Recording
from medkd.modalities.ecg.filters import design, filtered
from medkd.modalities.ecg.recording import STANDARD


def part(text: str) -> Part:
    return View.parse(text).parts[0]


@pytest.fixture(scope="module")
def recording(shared: Path) -> Recording:
    return ECG().read({"ecg": "records100/00000/00017_lr"}, shared / "data/ecg/ptbxl")


@pytest.mark.parametrize("representation", ["rhythm", "median_beat"])
def test_a_view_never_sees_another_lead(recording: Recording, representation: Any) -> None:
    ecg = ECG(representation=representation)
    other = recording.values.copy()
    other[1:] = np.random.default_rng(0).standard_normal(other[1:].shape)
    other[6] = np.nan
    seen = ecg.prepare(ecg.select(recording, part("ecg[I]")))
    assert seen.shape == ecg.shape(part("ecg[I]"))
    np.testing.assert_array_equal(seen, ecg.prepare(ecg.select(recording.with_values(other), part("ecg[I]"))))


def test_selection_follows_the_view_not_the_file(tmp_path: Path) -> None:
    names = ["V6", "avr", "MDC_ECG_LEAD_II", "V1", "i", "V3", "AVL", "V2", "III", "V5", "avf", "V4"]
    # Waves that fulfil Einthoven and Goldberger, in the order of the names, around twelve levels.
    waves = np.array([1, -1, 1, 1, 1, 1, 0.5, 1, 0, 1, 0.5, 1])
    values = np.arange(12.0) + waves * np.sin(np.arange(300))[:, None]
    wfdb.wrsamp(
        "shuffled", fs=100, units=["mV"] * 12, sig_name=names, p_signal=values, fmt=["16"] * 12, write_dir=str(tmp_path)
    )
    ecg = ECG()
    raw = ecg.read({"ecg": "shuffled"}, tmp_path)
    chosen = ecg.select(raw, part("ecg[II,aVR,i]"))
    assert chosen.leads == ("II", "aVR", "I")
    assert chosen.values.mean(axis=1).round().tolist() == [2, 1, 4]
    assert ecg.select(raw, part("ecg")).leads == STANDARD


def test_a_watch_has_lead_i_alone(recording: Recording) -> None:
    watch = ECG().select(recording, part("ecg[I]"))
    assert ECG().prepare(ECG().select(watch, part("ecg[I]"))).shape == (1, 1000)
    with pytest.raises(RecordError, match=r"has 1 leads, 12 expected \(missing II, III"):
        ECG().select(watch, part("ecg"))


def test_missing_lead_names_the_remedy(recording: Recording) -> None:
    lacking = Recording(recording.values[:11], recording.leads[:11], 100.0, "00017")
    with pytest.raises(RecordError) as caught:
        ECG().select(lacking, part("ecg"))
    assert str(caught.value) == (
        "ECG of record 00017 has 11 leads, 12 expected (missing V6). "
        "To train on 11, name them: ecg[I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5]."
    )


def test_unknown_lead_names_are_told(recording: Recording) -> None:
    strange = Recording(recording.values, ("X", *recording.leads[1:]), 100.0, "00017")
    with pytest.raises(RecordError, match=r"missing I; unknown X"):
        ECG().select(strange, part("ecg[I]"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("ecg[V7]", "'V7' is not a lead"), ("ecg[I,i]", "names a lead twice"), ("ecg[0:24h]", "an ECG has no hours")],
)
def test_view_that_an_ecg_does_not_have(recording: Recording, text: str, message: str) -> None:
    for act in (ECG().shape, lambda p: ECG().select(recording, p)):
        with pytest.raises(InputError, match=message):
            act(part(text))


def spoilt(recording: Recording, how: Callable[[np.ndarray], None]) -> Recording:
    values = recording.values.copy()
    how(values)
    return recording.with_values(values)


def test_missing_samples_flat_leads_and_short_records(recording: Recording) -> None:
    def lose(values: np.ndarray) -> None:
        values[2, 10:13] = np.nan

    def flatten(values: np.ndarray) -> None:
        values[6] = 0.7

    with pytest.raises(RecordError, match=r"record 00017_lr lacks 3 samples \(NaN\) in III"):
        ECG().prepare(spoilt(recording, lose))
    with pytest.raises(RecordError, match="is flat in V1"):
        ECG().prepare(spoilt(recording, flatten))
    with pytest.raises(RecordError, match=r"is 0\.5 s long, 1 s at least"):
        ECG().prepare(recording.with_values(recording.values[:, :50]))
    with pytest.raises(RecordError, match="is 9 s long, 10 s at least"):
        ECG(shorter="refuse").prepare(recording.with_values(recording.values[:, :900]))
    with pytest.raises(RecordError):
        ECG().prepare(recording.with_values(recording.values[:, :0]))


def test_shorter_is_padded_and_longer_cut_or_windowed(recording: Recording) -> None:
    short = ECG().prepare(recording.with_values(recording.values[:, :700]))
    assert short.shape == (12, 1000)
    assert not short[:, 700:].any()
    assert short[:, :700].any(axis=1).all()
    twice = recording.with_values(np.concatenate([recording.values, recording.values[:, :500]], axis=1))
    assert ECG().windows(twice).shape == (1, 12, 1000)
    windows = ECG(longer="windows").windows(twice)
    assert windows.shape == (2, 12, 1000)
    np.testing.assert_array_equal(windows[0][:, 500:], windows[1][:, :500])
    np.testing.assert_array_equal(ECG().prepare(twice), ECG(longer="windows").prepare(twice))


def test_filter_equals_scipy() -> None:
    values = np.random.default_rng(0).standard_normal((3, 2000)).cumsum(axis=1)
    for rate, low, high, notch in ((100.0, 0.5, 40.0, 0.0), (500.0, 0.5, 0.0, 50.0), (250.0, 0.0, 30.0, 60.0)):
        expected = signal.sosfiltfilt(design(rate, low, high, notch), values, axis=1, padlen=round(rate))
        np.testing.assert_allclose(filtered(values, rate, low, high, notch), expected, atol=1e-12)
    assert filtered(values, 100.0, 0.0, 0.0, 0.0) is values


def test_wander_and_mains_are_removed_and_the_heart_is_kept(recording: Recording) -> None:
    time = np.arange(5000) / 500
    raw = Recording(signal.resample_poly(recording.values, 5, 1, axis=1), recording.leads, 500.0, "up")
    noisy = raw.with_values(raw.values + 0.5 * np.sin(2 * np.pi * 0.1 * time) + 0.3 * np.sin(2 * np.pi * 50 * time))
    ecg = ECG(notch=50.0)
    clean, back = ecg.prepare(raw), ecg.prepare(noisy)
    inner = slice(150, -150)
    assert np.abs(clean[:, inner] - back[:, inner]).max() < 0.02
    assert np.corrcoef(clean[0, inner], ECG().prepare(recording)[0, inner])[0, 1] > 0.98


@pytest.mark.parametrize("view", ["ecg[I]", "ecg"])
def test_median_beat_of_every_record(shared: Path, view: str) -> None:
    ecg, root = ECG(representation="median_beat"), shared / "data/ecg/ptbxl"
    beats = [
        ecg.prepare(ecg.select(ecg.read({"ecg": f"records100/00000/{n:05d}_lr"}, root), part(view)))
        for n in range(1, 501, 5)
    ]
    values = np.stack(beats)
    assert values.shape == (100, *ecg.shape(part(view)))
    energy = np.abs(np.diff(values, axis=2)).sum(axis=1)
    steepest = energy.argmax(axis=1)
    assert (np.abs(steepest - 30) <= 7).mean() > 0.9


def test_too_few_beats(recording: Recording) -> None:
    with pytest.raises(RecordError, match="fewer than 3 beats"):
        ECG(representation="median_beat").prepare(recording.with_values(recording.values[:, :150]))


def test_digest_ignores_augmentation_and_notices_the_rest() -> None:
    assert ECG(augment_noise=0.2).digest == ECG().digest
    digests = {
        ECG().digest,
        ECG(notch=50.0).digest,
        ECG(bandpass=(1.0, 40.0)).digest,
        ECG(representation="median_beat").digest,
    }
    assert len(digests) == 4


def test_spec_makes_an_equal_one() -> None:
    ecg = ECG(notch=50.0, leads=("i", "II"), augment_shift=0.1)
    assert instantiate(ecg.to_dict(), ECG) == ecg
    assert dataclasses.replace(ecg, leads=["I", "II"]) == ecg


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": 0},
        {"seconds": -1},
        {"representation": "beat"},
        {"bandpass": (40, 0.5)},
        {"bandpass": (0.5,)},
        {"leads": ("V9",)},
        {"longer": "cut"},
        {"augment_noise": -1},
        {"augment_mask": 1.0},
        {"beat": (0.0, 0.5)},
        {"beat": ()},
        {"leads": ()},
    ],
)
def test_fields_that_cannot_be_used(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ECG(**fields)
