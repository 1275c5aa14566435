"""Shared cases of ECG files: what each must give, listed and read as ``predict`` does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medkd import registry
from medkd.data.core.view import Part
from medkd.deploy.inference.items import find_items
from medkd.errors import RecordError
from medkd.modalities.ecg import ECG

Outcome = NDArray[np.float32] | str
LEAD_I = Part("ecg", ("I",))


@pytest.fixture
def outcomes(shared: Path, tmp_path: Path) -> Callable[..., dict[str, Outcome]]:
    """Makes a case's input, and gives what each item of it comes to: the prepared lead I, or the reason against it."""

    def run(case: str, source: str = "", ecg: ECG | None = None) -> dict[str, Outcome]:
        folder, made = shared / "cases" / case, tmp_path / "input"
        if not folder.is_dir():
            pytest.skip(f"no case {case} in {shared}; set MEDKD_SHARED to a folder that has it")
        if not made.exists():
            subprocess.run([sys.executable, folder / "make.py", made], check=True, timeout=120)
        ecg = ecg or ECG()
        items = find_items(made / source, {"ecg": ecg}, registry=registry)
        return {
            row["sample_id"]: items.flaws.get(row["sample_id"]) or outcome(ecg, row, items.root)
            for row in items.table.iter_rows(named=True)
        }

    return run


def outcome(ecg: ECG, row: dict[str, str], root: Path) -> Outcome:
    try:
        return ecg.prepare(ecg.select(ecg.read(row, root), LEAD_I))
    except RecordError as error:
        reason = str(error)
    assert "\n" not in reason
    return reason


def same(outcomes: dict[str, Outcome], one: str, other: str, millivolts: float = 2e-3) -> bool:
    first, second = outcomes[one], outcomes[other]
    assert not isinstance(first, str), first
    assert not isinstance(second, str), second
    return bool(np.abs(first - second).max() <= millivolts)


def test_a_unit_in_latin_1_is_the_same_unit(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g01_latin1_micro")
    assert same(result, "plain", "latin1", 0.01)
    assert same(result, "utf8", "latin1", 0.0)


def test_a_gain_that_the_file_does_not_state_is_set_aside(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g02_gain_zero")
    assert not isinstance(result["plain"], str)
    for name in ("gain_zero", "gain_zero_mv"):
        assert "lead I is uncalibrated" in result[name]


def test_dicom_padding_is_missing(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g03_dicom_padding")
    assert not isinstance(result["plain"], str)
    assert "lacks 3750 samples" in result["padded"]


def test_the_item_is_read_from_its_own_file(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g07_wrong_record")
    assert same(result, "P1.dat", "truth_of_second", 0.0)
    assert not same(result, "P1", "P1.dat")


def test_what_was_found_is_read(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g08_found_then_missing")
    assert set(result) == {"plain", "rec.dat", "scan.xml"}
    assert same(result, "plain", "rec.dat", 0.0)
    assert same(result, "plain", "scan.xml", 0.0)


def test_dicom_without_suffix_is_found_by_its_mark(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g10_dicom_without_suffix")
    assert set(result) == {"with", "DICOM/IM000001", "1.2.826.0.1.3680043.8.498.1234", "x", "y"}
    assert not [reason for reason in result.values() if isinstance(reason, str)]
    by_list = outcomes("g10_dicom_without_suffix", "manifest.csv")
    assert same({**result, **by_list}, "b", "DICOM/IM000001", 0.0)
    assert len(outcomes("g10_dicom_without_suffix", "DICOM")) == 1


def test_a_name_in_other_bytes_is_one_item_set_aside(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g14_name_bytes")
    assert not isinstance(result.pop("plain"), str)
    assert [("not UTF-8" in str(reason)) for reason in result.values()] == [True]


@pytest.mark.parametrize(
    ("case", "name", "millivolts"),
    [("g17_monitor_channels", "monitor", 0.0), ("g18_twice_elsewhere", "twice", 0.0), ("g19_frames", "frames", 0.0)],
)
def test_a_channel_that_nobody_asked_for_does_no_harm(
    outcomes: Callable[..., dict[str, Outcome]], case: str, name: str, millivolts: float
) -> None:
    assert same(outcomes(case), "plain", name, millivolts)


def test_segments_are_one_record(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g20_segments")
    assert set(result) == {"whole", "nothing"}
    assert not isinstance(result["whole"], str)
    assert "no lead was recorded" in result["nothing"]


def test_every_group_of_a_dicom_is_looked_at(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    assert same(outcomes("g21_dicom_groups"), "plain", "four", 0.0)


def test_leads_are_told_by_their_code(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g22_dicom_codes")
    for name in ("absent_scpecg", "empty_scpecg", "absent_mdc", "empty_mdc"):
        assert same(result, "plain", name, 0.0)


def test_muse_and_philips_say_what_they_lack(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g23_muse_xml")
    assert "is GE MUSE XML without a rhythm waveform" in result["muse"]
    assert "is Philips Sierra XML without a waveform" in result["philips"]


def test_lead_names_as_machines_write_them(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g28_lead_names")
    for number in range(5):
        assert same(result, "plain", f"n{number}", 0.0)


def test_a_gap_outside_the_used_part_does_no_harm(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    assert same(outcomes("g29_gap_outside"), "whole", "gap_at_end", 1e-6)


def test_leads_that_contradict_each_other_are_set_aside(outcomes: Callable[..., dict[str, Outcome]]) -> None:
    result = outcomes("g30_arms_swapped")
    assert not isinstance(result["plain"], str)
    assert "the arms' electrodes are exchanged" in result["arms"]
    assert "leads I and II are exchanged" in result["columns"]
