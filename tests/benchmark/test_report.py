"""The benchmark's page: what it shows of the results, and that no text of it is taken as markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from medkd.benchmark.candidates import Excluded
from medkd.benchmark.report import Page, ordered, render
from medkd.benchmark.results import Effect, ObjectiveResult

CENTRE = "1,000 pairs, 10 % labelled, out of fold"
PAGE = Page("A title", {"seeds": "2"}, ["A conclusion."], ["A method."], "medkd benchmark privileged", [])


def result(objective: str, gain: float, factor: str = "centre", level: str = CENTRE) -> ObjectiveResult:
    effect = Effect(gain, gain - 0.01, gain + 0.01, 0.5)
    return ObjectiveResult(factor, level, objective, 0.7, 0.7 + gain, 0.85, effect, Effect(10 * gain, 0.0, 1.0))


@pytest.fixture
def results() -> list[ObjectiveResult]:
    names = {"weak": 0.01, "strong": 0.03}
    levels = [("centre", CENTRE), ("samples", "2,000"), ("samples", "250"), ("labels", "100 %"), ("labels", "5 %")]
    return [result(name, gain, factor, level) for factor, level in levels for name, gain in names.items()]


def labels_of(page: str) -> list[str]:
    """Text alternatives of the figures."""
    return re.findall(r'aria-label="([^"]*)"', page)


def test_objectives_are_in_the_order_of_their_gain(results: list[ObjectiveResult]):
    assert [one.objective for one in ordered(results)] == ["strong", "weak"]
    page = render(PAGE, results)
    assert page.index("strong") < page.index("weak")


def test_levels_are_in_the_order_of_their_size_with_the_centre_among_them(results: list[ObjectiveResult]):
    described = next(text for text in labels_of(render(PAGE, results)) if "training pairs" in text)
    assert re.findall(r"([\d,]+): \+0\.030", described) == ["250", "1,000", "2,000"]
    described = next(text for text in labels_of(render(PAGE, results)) if "share of labels" in text)
    assert re.findall(r"(\d+ %): \+0\.030", described) == ["5 %", "10 %", "100 %"]


def test_a_factor_that_was_not_varied_has_no_figure(results: list[ObjectiveResult]):
    labels = labels_of(render(PAGE, [one for one in results if one.factor != "samples"]))
    assert not [text for text in labels if "training pairs" in text]
    assert [text for text in labels if "share of labels" in text]


def test_where_one_gap_is_not_known_gains_are_drawn(results: list[ObjectiveResult]):
    assert "share of the gap closed" in render(PAGE, results)
    unknown = [replace(one, gap_closed=None) if one.objective == "weak" else one for one in results]
    page = render(PAGE, unknown)
    assert "gain in AUROC" in page
    assert "share of the gap closed" not in page


def test_words_of_a_page_are_text(results: list[ObjectiveResult]):
    hostile = replace(PAGE, conclusions=["<b>5 < 6</b>"], excluded=[Excluded("<i>", "no & yes")])
    page = render(hostile, results)
    assert "&lt;b&gt;5 &lt; 6&lt;/b&gt;" in page
    assert "<b>5" not in page
    assert "no &amp; yes" in page
