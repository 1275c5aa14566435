"""Items 20 to 27: what was measured, with its interval, and what was not measured left out."""

from __future__ import annotations

import pytest

from medkd.deploy.bundle.card import results
from medkd.deploy.bundle.card.card_schema import Card, CardSubgroup, Interval
from medkd.deploy.bundle.card.page import render_card
from medkd.evidence.verdict import Verdict
from tests.deploy.bundle.card.test_card import made
from tests.deploy.conftest import CONFORMAL, COVERAGE

NOTHING = Interval(value=None, low=None, high=None)


@pytest.fixture
def card() -> Card:
    return made()


def group(by: str, name: str, value: float | None, *, suppressed: bool = False) -> CardSubgroup:
    return CardSubgroup(
        by=by,
        group=name,
        n=12,
        value=value,
        low=None if value is None else value - 0.1,
        high=None if value is None else value + 0.1,
        suppressed=suppressed,
        reason="few" if suppressed else "",
        gain=NOTHING,
    )


def test_a_suppressed_groups_value_reaches_no_character_of_the_page(card: Card) -> None:
    hidden = [group("site", "small", None, suppressed=True), group("site", "large", 0.7)]
    slipped = [group("site", "small", 0.123, suppressed=True), group("site", "large", 0.7)]
    page = render_card(card.model_copy(update={"subgroups": hidden}))
    assert render_card(card.model_copy(update={"subgroups": slipped})) == page
    assert page.count("not shown: few") == 2, "by subgroup, and by site"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_is_explained(card: Card, verdict: Verdict) -> None:
    (line,), _ = results.interpretation(card.model_copy(update={"verdict": str(verdict)}))
    assert line == f"Verdict: {verdict}, that is: {verdict.meaning}."
    assert verdict.meaning


def test_a_verdict_of_a_later_version_is_shown_without_a_meaning(card: Card) -> None:
    (line,), _ = results.interpretation(card.model_copy(update={"verdict": "helps twice"}))
    assert line == "Verdict: helps twice, that is: not stated."


def test_coverage_is_claimed_only_of_a_bundle_with_sets(card: Card) -> None:
    measured = card.model_copy(update={"coverage": COVERAGE})
    assert results.coverage_lines(measured) == []
    with_sets = measured.model_copy(update={"calibration": {**card.calibration, "conformal": CONFORMAL}})
    (line,) = results.coverage_lines(with_sets)
    assert "held the truth in 91% of test items (90% wanted) and abstained in 40%" in line
    assert results.coverage_lines(with_sets.model_copy(update={"coverage": {}})) == []


def test_spread_is_of_seeds_and_sites_alone(card: Card) -> None:
    rows = [group("sex", "female", 0.7), group("site", "A", 0.6)]
    change = {"subgroups": rows, "seed_sd": {"student": 0.0123, "teacher": None}}
    seeds, sites = results.heterogeneity(card.model_copy(update=change))[1]
    assert seeds.rows == (("student", "0.012"),)
    assert sites.rows == (("A", "12", "0.600", "0.500", "0.700"),)


def test_participants_are_counted_or_summarised(card: Card) -> None:
    known = {
        "samples": 400,
        "unlabelled": 0,
        "sites": None,
        "age": {"median": 61.0, "q1": 50.5, "q3": 70.0, "known": 380},
        "outcomes": {"los": {"median": 3.5, "q1": 2.0, "q3": 7.0, "samples": 390}, "death": {"with": 9, "without": 1}},
    }
    (table,) = results.participants(card.model_copy(update={"participants": known}))[1]
    assert table.rows == (
        ("samples", "400"),
        ("unlabelled", "0"),
        ("age, median (quartiles)", "61 (50.5 to 70), known of 380 subjects"),
        ("los, median (quartiles)", "3.5 (2 to 7) of 390 samples"),
        ("death, subjects with and without", "9 and 1"),
    )
