"""Cells of a card are text: counts whole, shares rounded, and what is not known a word."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from medkd.deploy.bundle.card.formatting import Table, figure, metric_name, percent, with_interval
from medkd.evidence.statistics.metrics import METRICS


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.99951, "1.000"), (1, "1"), (1.0, "1.000"), (290, "290"), (-0.0213, "-0.021"), (True, "True"), (None, "none")],
)
def test_counts_are_not_given_decimals_and_shares_are(value: object, shown: str) -> None:
    assert figure(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "0%"), (0.1 + 0.2, "30%"), (0.001234, "0.123%"), (0.9994, "99.9%"), (1.0, "100%"), (None, "none")],
)
def test_percent_has_three_digits_wherever_the_point_is(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_an_interval_is_shown_only_where_there_is_one() -> None:
    assert with_interval(SimpleNamespace(value=-0.01, low=-0.05, high=0.03)) == "-0.010 (-0.050 to 0.030)"
    assert with_interval(SimpleNamespace(value=0.5, low=None, high=None)) == "0.500"
    assert with_interval(SimpleNamespace(value=None, low=None, high=None)) == "none"


def test_a_table_takes_rows_that_can_be_read_only_once() -> None:
    rows = [("women", 120, 0.7), ("men", None, 0.81234)]
    listed = Table.of(["group", "n", "value"], rows, "by sex")
    assert Table.of(iter(["group", "n", "value"]), (iter(row) for row in rows), "by sex") == listed
    assert listed.rows == (("women", "120", "0.700"), ("men", "none", "0.812"))
    assert Table.of(["group"], ()).rows == ()


def test_metrics_have_distinct_titles_and_another_name_is_kept() -> None:
    assert len({metric_name(name) for name in METRICS}) == len(METRICS)
    assert metric_name("net benefit at 0.2") == "net benefit at 0.2"
