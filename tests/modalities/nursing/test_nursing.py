"""Nursing observations: units are converted as in text books, and impossible values are not measurements."""

from __future__ import annotations

import pytest

from medkd.modalities.nursing import Nursing


@pytest.mark.parametrize(
    ("variable", "value", "unit", "ours", "expected"),
    [
        ("FiO2", 40.0, "%", "fio2", 0.4),
        ("Weight", 154.3, "lb", "weight", 70.0),
        ("Height", 70.0, "in", "height", 177.8),
    ],
)
def test_units_are_converted_as_text_books_do(standard, variable, value, unit, ours, expected):
    name, converted, flaw = standard(Nursing, variable, value, unit)
    assert (name, flaw) == (ours, None)
    assert converted == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(("variable", "value"), [("Height", 431.8), ("GCS", 2)])
def test_impossible_values_are_not_measurements(standard, variable, value):
    assert standard(Nursing, variable, value)[2] == "outside plausible limits"


@pytest.mark.parametrize(("variable", "value"), [("FiO2", 0.21), ("FiO2", 1.0), ("Urine", 0.0)])
def test_limits_themselves_are_measurements(standard, variable, value):
    assert standard(Nursing, variable, value)[2] is None
