"""R peaks and median beats of real records against NeuroKit2, which finds its peaks in another way, in lead II.

Neither is the truth: the bounds below hold agreement, not correctness. Over all 363 records of Brugada-HUCA our peaks
include 99.6 % of NeuroKit2's, and 99.1 % of ours are among its own; over 300 of PTB-XL 99.0 % and 98.0 %.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from medkd.modalities.ecg.beats import median_beat, r_peaks
from medkd.modalities.ecg.filters import filtered
from medkd.modalities.ecg.readers.recording_file import find_recordings, read_recording
from medkd.modalities.ecg.recording import Recording

neurokit2 = pytest.importorskip("neurokit2", reason="NeuroKit2 is not installed: medkd[dev] has it")

RECORDS = 60
TOLERANCE = 0.1
"""Seconds between two peaks of the same beat."""
BEFORE, AFTER = 0.3, 0.5


@pytest.fixture(scope="module", params=["brugada-huca", "ptbxl"])
def records(request: pytest.FixtureRequest, shared: Path) -> list[Recording]:
    folder = shared / "data/ecg" / request.param
    return [read_recording(folder / path) for path in find_recordings(folder)[:RECORDS]]


def peaks_by_neurokit(record: Recording) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = neurokit2.ecg_clean(record.values[record.leads.index("II")], sampling_rate=round(record.rate))
        _, found = neurokit2.ecg_peaks(clean, sampling_rate=round(record.rate))
    return np.asarray(found["ECG_R_Peaks"])


def matched(peaks: np.ndarray, others: np.ndarray, record: Recording) -> tuple[int, int]:
    """How many peaks have one of the others beside them, and how many there are; not within 0.3 s of an edge.

    A peak is matched once: peaks of one detector are further apart than twice the tolerance.
    """
    edge = 0.3 * record.rate
    inner = peaks[(peaks >= edge) & (peaks < record.values.shape[1] - edge)]
    distance = np.abs(inner[:, None] - others[None, :]) if len(others) else np.full((len(inner), 1), np.inf)
    return int((distance.min(axis=1) <= TOLERANCE * record.rate).sum()), len(inner)


def test_r_peaks_agree_with_neurokit(records):
    pairs = [(r_peaks(record.values, record.rate), peaks_by_neurokit(record), record) for record in records]
    found, theirs = np.sum([matched(other, ours, record) for ours, other, record in pairs], axis=0)
    confirmed, ours = np.sum([matched(ours, other, record) for ours, other, record in pairs], axis=0)
    assert theirs > 8 * RECORDS
    assert found / theirs >= 0.98, f"sensitivity {found / theirs:.4f}"
    assert confirmed / ours >= 0.96, f"positive predictive value {confirmed / ours:.4f}"


def test_the_median_beat_agrees_with_one_around_neurokit_peaks(records):
    """Correlation in lead II, at the best shift of up to 60 ms: the two mark different points of a QRS complex."""
    agreement = []
    for record in records:
        values = filtered(record.values, record.rate, 0.5, 40.0, notch=0.0)
        lead, rate = record.leads.index("II"), round(record.rate)
        ours = median_beat(values, record.rate, BEFORE, AFTER)
        assert ours is not None
        length, starts = ours.shape[1], peaks_by_neurokit(record) - round(BEFORE * rate)
        best = -1.0
        for shift in range(-round(0.06 * rate), round(0.06 * rate) + 1):
            begins = starts + shift
            begins = begins[(begins >= 0) & (begins + length <= values.shape[1])]
            theirs = np.median([values[lead, begin : begin + length] for begin in begins], axis=0)
            best = max(best, float(np.corrcoef(theirs, ours[lead])[0, 1]))
        agreement.append(best)
    assert np.median(agreement) > 0.98
    assert np.quantile(agreement, 0.05) > 0.93
