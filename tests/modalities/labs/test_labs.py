"""Laboratory results: units are converted as in text books, and impossible values are not measurements."""

from __future__ import annotations

import pytest

from medkd.modalities.labs import Labs


@pytest.mark.parametrize(
    ("variable", "value", "unit", "ours", "expected"),
    [
        ("Creatinine", 88.4, "umol/L", "creatinine", 1.0),
        ("Glucose", 5.55, "mmol/L", "glucose", 100.0),
        ("BUN", 7.14, "mmol/L", "bun", 20.0),
        ("Bilirubin", 17.1, "umol/L", "bilirubin_total", 1.0),
        ("Hgb", 140.0, "g/L", "hemoglobin", 14.0),
        ("Calcium", 2.5, "mmol/L", "calcium", 10.0),
        ("Phosphate", 1.0, "mmol/L", "phosphate", 3.1),
        ("Mg", 0.823, "mmol/L", "magnesium", 2.0),
        ("Cholesterol", 5.0, "mmol/L", "cholesterol", 193.3),
        ("PaO2", 13.0, "kPa", "pao2", 97.5),
        ("K", 4.1, "mEq/L", "potassium", 4.1),
        ("Platelets", 250.0, "K/uL", "platelets", 250.0),
        ("HCT", 0.45, "L/L", "hematocrit", 45.0),
    ],
)
def test_units_are_converted_as_text_books_do(standard, variable, value, unit, ours, expected):
    name, converted, flaw = standard(Labs, variable, value, unit)
    assert (name, flaw) == (ours, None)
    assert converted == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(("variable", "value"), [("pH", 735.0), ("Calcium", 1.2)])
def test_impossible_values_are_not_measurements(standard, variable, value):
    assert standard(Labs, variable, value)[2] == "outside plausible limits"
