"""Limb leads that contradict each other, on real recordings whose leads are exchanged, turned over or swapped."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from medkd.data.core.view import Part
from medkd.errors import RecordError
from medkd.modalities.ecg import ECG, Recording
from medkd.modalities.ecg.agreement import LIMB, contradictions
from medkd.modalities.ecg.readers.recording_file import read_recording


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Recording]:
    headers = [*(shared / "data/ecg").rglob("*.hea"), *(shared / "data/ecg/formats").rglob("*.[dx][cm][ml]")]
    return [read_recording(path) for path in sorted(headers)]


def turned(recording: Recording, lead: str) -> Recording:
    values = recording.values.copy()
    values[recording.leads.index(lead)] *= -1
    return recording.with_values(values)


def exchanged(recording: Recording, one: str, other: str) -> Recording:
    values = recording.values.copy()
    rows = [recording.leads.index(lead) for lead in (one, other)]
    values[rows] = values[rows[::-1]]
    return recording.with_values(values)


def test_every_real_recording_agrees(recordings: list[Recording]) -> None:
    assert len(recordings) > 870
    assert {recording.name: found for recording in recordings if (found := contradictions(recording))} == {}


@pytest.mark.parametrize(("one", "other"), list(combinations(LIMB, 2)))
def test_two_exchanged_leads_are_named(recordings: list[Recording], one: str, other: str) -> None:
    for recording in recordings[::40]:
        assert {one, other} <= set(contradictions(exchanged(recording, one, other)))


@pytest.mark.parametrize("lead", LIMB)
def test_a_lead_upside_down_is_named(recordings: list[Recording], lead: str) -> None:
    for recording in recordings[::40]:
        found = contradictions(turned(recording, lead))
        assert lead in found
        assert len(found) <= 2


def test_swapped_arms_are_told_by_v6(recordings: list[Recording]) -> None:
    found = []
    for recording in recordings[::10]:
        arms = exchanged(exchanged(turned(recording, "I"), "II", "III"), "aVR", "aVL")
        found.append("the arms' electrodes" in contradictions(arms).get("I", ""))
    assert np.mean(found) > 0.5


def test_a_fault_refuses_the_views_that_see_it(shared: Path) -> None:
    ecg = ECG()
    recording = read_recording(shared / "data/ecg/ptbxl/records100/00000/00001_lr")
    wrong = turned(recording, "aVR")
    wrong = Recording(wrong.values, wrong.leads, wrong.rate, wrong.name, contradictions(wrong))
    assert ecg.select(wrong, Part("ecg", ("I",))).leads == ("I",)
    with pytest.raises(RecordError, match="lead aVR is upside down"):
        ecg.select(wrong, Part("ecg"))


def test_what_cannot_tell_is_not_doubted() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 5000))
    assert contradictions(Recording(noise, ("I", "II"), 500.0)) == {}
    assert contradictions(Recording(noise[:, :100], ("I", "V6"), 500.0)) == {}
    assert contradictions(Recording(np.full((3, 5000), np.nan), ("I", "II", "III"), 500.0)) == {}
