"""Vital signs, laboratory results, nursing observations: names, units and limits hang together."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from medkd.data.events.grid import Grid
from medkd.modalities.labs import Labs
from medkd.modalities.nursing import Nursing
from medkd.modalities.vitals import Vitals

KINDS = (Vitals, Labs, Nursing)


def standard(
    kind: type[Grid], variable: str, value: float, unit: str | None = None
) -> tuple[str | None, float | None, str | None]:
    table = pl.LazyFrame(
        {"series": ["a"], "hours": [0.0], "variable": [variable], "value": [value], "unit": [unit]},
        schema_overrides={"unit": pl.String},
    )
    row = kind().standardise(table).collect().select("variable", "value", "flaw").row(0)
    return row[0], row[1], row[2]


@pytest.mark.parametrize("kind", KINDS)
def test_limits_are_in_order_and_no_name_means_two_things(kind: type[Grid]) -> None:
    table = kind.table()
    assert all(held.low < held.high for held in table.values())
    names = list(
        itertools.chain.from_iterable({name.lower(), *map(str.lower, held.names)} for name, held in table.items())
    )
    assert len(names) == len(set(names))
    assert all(held.unit.lower() not in held.units for held in table.values())


def test_no_name_belongs_to_two_modalities() -> None:
    names = [{alias.lower() for name, held in kind.table().items() for alias in (name, *held.names)} for kind in KINDS]
    assert not any(one & other for one, other in itertools.combinations(names, 2))


@pytest.mark.parametrize(
    ("kind", "variable", "value", "unit", "expected"),
    [
        (Vitals, "Temp", 98.6, "degF", ("temperature", 37.0)),
        (Vitals, "temperature", 310.15, "K", ("temperature", 37.0)),
        (Vitals, "SysABP", 16.0, "kPa", ("abp_systolic", 120.0)),
        (Vitals, "O2Sat", 0.97, "fraction", ("spo2", 97.0)),
        (Labs, "Creatinine", 88.4, "umol/L", ("creatinine", 1.0)),
        (Labs, "Glucose", 5.55, "mmol/L", ("glucose", 100.0)),
        (Labs, "BUN", 7.14, "mmol/L", ("bun", 20.0)),
        (Labs, "Bilirubin", 17.1, "umol/L", ("bilirubin_total", 1.0)),
        (Labs, "Hgb", 140.0, "g/L", ("hemoglobin", 14.0)),
        (Labs, "Calcium", 2.5, "mmol/L", ("calcium", 10.0)),
        (Labs, "Phosphate", 1.0, "mmol/L", ("phosphate", 3.1)),
        (Labs, "Mg", 0.823, "mmol/L", ("magnesium", 2.0)),
        (Labs, "Cholesterol", 5.0, "mmol/L", ("cholesterol", 193.3)),
        (Labs, "PaO2", 13.0, "kPa", ("pao2", 97.5)),
        (Labs, "K", 4.1, "mEq/L", ("potassium", 4.1)),
        (Labs, "Platelets", 250.0, "K/uL", ("platelets", 250.0)),
        (Labs, "HCT", 0.45, "L/L", ("hematocrit", 45.0)),
        (Nursing, "FiO2", 40.0, "%", ("fio2", 0.4)),
        (Nursing, "Weight", 154.3, "lb", ("weight", 70.0)),
        (Nursing, "Height", 70.0, "in", ("height", 177.8)),
    ],
)
def test_units_are_converted_as_text_books_do(
    kind: type[Grid], variable: str, value: float, unit: str, expected: tuple[str, float]
) -> None:
    name, found, flaw = standard(kind, variable, value, unit)
    assert (name, flaw) == (expected[0], None)
    assert found == pytest.approx(expected[1], rel=5e-3)


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        (Labs, "pH", 735.0),
        (Vitals, "Temp", -17.8),
        (Vitals, "NISysABP", 0.0),
        (Nursing, "Height", 431.8),
        (Labs, "Calcium", 1.2),
        (Nursing, "GCS", 2),
    ],
)
def test_what_no_body_shows_is_no_measurement(kind: type[Grid], variable: str, value: float) -> None:
    assert standard(kind, variable, value)[2] == "outside plausible limits"


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [(Nursing, "FiO2", 0.21), (Nursing, "FiO2", 1.0), (Vitals, "O2Sat", 100.0), (Nursing, "Urine", 0.0)],
)
def test_limits_themselves_are_measurements(kind: type[Grid], variable: str, value: float) -> None:
    assert standard(kind, variable, value)[2] is None
