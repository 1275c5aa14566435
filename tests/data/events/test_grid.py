"""Variables over hours: cells, windows, units and limits, and that no future reaches a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from medkd.data.core.view import Part
from medkd.data.events.events import Events
from medkd.data.events.grid import Grid
from medkd.data.events.variables import Variable, variables_in
from medkd.errors import InputError

TABLE = {
    "pulse": Variable("1/min", 10, 300, {"hz": (60.0, 0.0)}, ("HR",)),
    "warmth": Variable("Cel", 25, 45, {"degf": (5 / 9, -160 / 9)}, ("Temp", "T")),
}


@dataclass(frozen=True)
class Small(Grid):
    """Two variables."""

    name: ClassVar[str] = "small"

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        return TABLE


def events(*rows: tuple[float, int, float]) -> Events:
    hours, variable, value = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.array([]),) * 3
    return Events(hours.astype(float), variable.astype(np.int64), value.astype(np.float32), tuple(TABLE))


def grid(modality: Grid, raw: Events, part: Part) -> NDArray[np.float32]:
    return modality.prepare(modality.select(raw, part))


def test_a_cell_holds_the_mean_the_last_or_the_sum() -> None:
    raw = events((0.0, 0, 60), (0.5, 0, 90), (0.9, 0, 81), (1.0, 0, 70))
    part = Part("small", ("pulse",), (0, 2))
    assert {
        aggregate: grid(Small(aggregate=aggregate), raw, part).tolist() for aggregate in ("mean", "last", "sum")
    } == {  # type: ignore[arg-type]
        "mean": [[77.0, 70.0]],
        "last": [[81.0, 70.0]],
        "sum": [[231.0, 70.0]],
    }


def test_a_window_begins_with_its_first_hour_and_ends_before_its_last() -> None:
    raw = events((-0.01, 0, 50), (0.0, 0, 60), (1.999, 0, 70), (2.0, 0, 80))
    np.testing.assert_array_equal(grid(Small(), raw, Part("small", ("pulse",), (0, 2))), [[60, 70]])
    np.testing.assert_array_equal(grid(Small(), raw, Part("small", ("pulse",), (-1, 1))), [[50, 60]])


def test_steps_that_do_not_divide_the_window_and_fractions_of_an_hour() -> None:
    raw = events(*((place / 10, 0, 60 + place) for place in range(10)))
    np.testing.assert_array_equal(grid(Small(step=0.1), raw, Part("small", ("pulse",), (0, 1))), [np.arange(60, 70)])
    assert Small(step=2).shape(Part("small", (), (0, 5))) == (2, 3)
    late = grid(Small(step=2), events((4.9, 0, 60)), Part("small", ("pulse",), (0, 5)))
    np.testing.assert_array_equal(late, [[np.nan, np.nan, 60]])


def test_nothing_observed_is_nan_of_the_right_shape() -> None:
    part = Part("small", (), (0, 3))
    for raw in (events(), events((7.0, 0, 60))):
        values = grid(Small(), raw, part)
        assert values.shape == Small().shape(part) == (2, 3)
        assert values.dtype == np.float32
        assert np.isnan(values).all()


def test_a_part_shows_its_variables_in_its_order() -> None:
    raw = events((0.0, 0, 60), (0.0, 1, 37))
    np.testing.assert_array_equal(grid(Small(), raw, Part("small", ("warmth", "pulse"), (0, 1))), [[37], [60]])
    assert Small(variables=("warmth",)).names(Part("small")) == ("warmth",)
    assert Small().window(Part("small")) == (0.0, 24.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variables": ("puls",)}, "Did you mean 'pulse'"),
        ({"step": 0}, "step 0"),
        ({"hours": -1}, "hours -1"),
        ({"aggregate": "max"}, "aggregate max"),
    ],
)
def test_settings_that_make_no_grid_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as raised:
        Small(**options)  # type: ignore[arg-type]
    assert words in str(raised.value)


def test_a_variable_that_is_not_shown_is_refused_with_its_neighbour() -> None:
    with pytest.raises(InputError, match="no variable 'pulse'"):
        Small(variables=("warmth",)).names(Part("small", ("pulse",)))


WHEN = st.floats(-50, 100, allow_nan=False)
EVENT = st.tuples(WHEN, st.integers(0, 1), st.floats(0, 300, width=32))


@given(
    past=st.lists(EVENT, max_size=20),
    future=st.lists(EVENT, max_size=20),
    end=st.sampled_from([1.0, 6.0, 12.0, 24.0]),
    step=st.sampled_from([0.5, 1.0, 5.0]),
)
def test_what_happens_at_or_after_the_windows_end_changes_nothing(
    past: list[tuple[float, int, float]], future: list[tuple[float, int, float]], end: float, step: float
) -> None:
    later = [(end + abs(hour), variable, value) for hour, variable, value in future]
    before = sorted(row for row in past if row[0] < end)
    for aggregate in ("mean", "last", "sum"):
        modality = Small(step=step, aggregate=aggregate)  # type: ignore[arg-type]
        part = Part("small", (), (0, end))
        np.testing.assert_array_equal(
            grid(modality, events(*before), part), grid(modality, events(*before, *sorted(later)), part)
        )


def standard(rows: dict[str, list[object]]) -> list[tuple[object, ...]]:
    size = len(rows["variable"])
    table = pl.DataFrame({"series": ["a"] * size, "hours": [0.0] * size} | rows, strict=False)
    found = Small().standardise(table.lazy()).collect()
    return [
        (name, None if value is None else round(value, 3), flaw)
        for name, value, flaw in found.select("variable", "value", "flaw").rows()
    ]


def test_names_and_units_are_those_of_the_table_whatever_their_case() -> None:
    rows = {
        "variable": ["hr", "Pulse ", "TEMP", "t"],
        "value": [1.0, 80.0, 98.6, 37.0],
        "unit": ["Hz", "1/min", "degF", None],
    }
    assert standard(rows) == [
        ("pulse", 60.0, None),
        ("pulse", 80.0, None),
        ("warmth", 37.0, None),
        ("warmth", 37.0, None),
    ]


def test_a_value_that_is_no_measurement_is_marked_with_the_reason() -> None:
    rows = {
        "variable": ["pulse", "pulse", "pulse", "pulse", "pulse", "pulse", "smell"],
        "value": [10.0, 9.99, 300.0, 301.0, float("nan"), None, 1.0],
    }
    flaws = [flaw for _, _, flaw in standard(rows)]
    outside = "outside plausible limits"
    assert flaws == [None, outside, None, outside, "no number", "no number", "variable not used"]


def test_limits_hold_after_conversion_and_an_unknown_unit_is_no_guess() -> None:
    rows = {
        "variable": ["warmth", "warmth", "pulse", "pulse"],
        "value": [98.6, 30.0, 80.0, 80.0],
        "unit": ["degF", "degF", "furlong", ""],
    }
    assert [flaw for _, _, flaw in standard(rows)] == [None, "outside plausible limits", "unit not known", None]


def test_words_and_missing_times_are_flaws() -> None:
    rows: dict[str, list[object]] = {"variable": ["pulse", "pulse"], "value": ["80", "fast"], "hours": [None, 0.0]}
    assert [flaw for _, _, flaw in standard(rows)] == ["no time", "no number"]


def test_extraction_writes_what_can_be_used_and_counts_the_rest(tmp_path: Path) -> None:
    table = pl.LazyFrame(
        {
            "series": ["a", "a", "b", "b"],
            "hours": [1.0, 2.0, 1.0, 2.0],
            "variable": ["HR", "HR", "HR", "smell"],
            "value": [80.0, 0.0, 400.0, 1.0],
        }
    )
    files, aside = Small().extract(table, tmp_path)
    assert files == {"a": "small/00000.parquet"}
    assert [(out.count, out.reason) for out in aside] == [
        (2, "small: outside plausible limits"),
        (1, "small: variable not used"),
    ]
    read = Small().read({"small": files["a"], "sample_id": "a-1", "series": "a", "zero_hour": 1.0}, tmp_path)
    np.testing.assert_array_equal(grid(Small(), read, Part("small", ("pulse",), (0, 2))), [[80, np.nan]])


def test_a_sample_without_a_series_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("hours,pulse\n0,80\n")
    read = Small().read({"small": "one.csv", "sample_id": "x"}, tmp_path)
    assert grid(Small(), read, Part("small", (), (0, 1)))[0].tolist() == [80.0]


def test_a_table_of_variables_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "variables.yaml"
    path.write_text(
        "pulse: {unit: 1/min, low: 10, high: 300, units: {Hz: 60, odd: [2, -1]}, names: [HR]}\n"
        'sex: {unit: "1", low: 0, high: 1}\n'
    )
    assert variables_in(path) == {
        "pulse": replace(TABLE["pulse"], units={"hz": (60.0, 0.0), "odd": (2.0, -1.0)}),
        "sex": Variable("1", 0, 1, {}),
    }
