"""Vital signs: units are converted as in text books, and impossible values are not measurements."""

from __future__ import annotations

import pytest

from medkd.modalities.vitals import Vitals


@pytest.mark.parametrize(
    ("variable", "value", "unit", "ours", "expected"),
    [
        ("Temp", 98.6, "degF", "temperature", 37.0),
        ("temperature", 310.15, "K", "temperature", 37.0),
        ("SysABP", 16.0, "kPa", "abp_systolic", 120.0),
        ("O2Sat", 0.97, "fraction", "spo2", 97.0),
    ],
)
def test_units_are_converted_as_text_books_do(standard, variable, value, unit, ours, expected):
    name, converted, flaw = standard(Vitals, variable, value, unit)
    assert (name, flaw) == (ours, None)
    assert converted == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(("variable", "value"), [("Temp", -17.8), ("NISysABP", 0.0)])
def test_impossible_values_are_not_measurements(standard, variable, value):
    assert standard(Vitals, variable, value)[2] == "outside plausible limits"


@pytest.mark.parametrize(("variable", "value"), [("O2Sat", 100.0)])
def test_limits_themselves_are_measurements(standard, variable, value):
    assert standard(Vitals, variable, value)[2] is None
