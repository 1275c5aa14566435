"""A card is made of the run's facts alone, each in its place."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.data.core.target import Target
from medkd.deploy.bundle.calibration import Calibration
from medkd.deploy.bundle.card.card import CardFacts, make_card, parse_facts
from medkd.deploy.bundle.card.card_schema import Card, read_card
from medkd.errors import InputError
from tests.deploy.bundle.test_preprocessing import PREPROCESSING
from tests.deploy.conftest import REPORT

TARGET = Target("brugada", "binary", ("brugada",), rule="1 or 2")


def made(report: dict[str, Any] = REPORT, **facts: Any) -> Card:
    calibration = Calibration(temperature=1.0, threshold={"brugada": 0.3})
    return make_card(report, TARGET, PREPROCESSING, calibration, b"weights", parse_facts(facts), {"stage": "refit"})


def test_it_can_be_read_again() -> None:
    card = made(flow=[{"reason": "samples found", "count": 400}])
    assert read_card(card.model_dump_json().encode(), "card.json") == card
    assert card.flow[0].count == 400
    assert card.modalities[0].shape == [1, 1000]
    assert card.modalities[0].standardised


def test_few_events_and_failed_checks_are_limits() -> None:
    report = REPORT | {"leak_audit": [{"check": "copies", "passed": False, "detail": "patient-17"}]}
    card = made(report, participants={"outcomes": {"brugada": {"with": 76, "without": 287}}})
    assert "Subjects with brugada: 76. With fewer than 100 its figures are imprecise." in card.limits
    assert not any("without brugada" in limit for limit in card.limits)
    assert "A leak check failed: copies." in card.limits
    assert "patient-17" not in card.model_dump_json()


def test_an_empty_report_makes_a_card_that_claims_nothing() -> None:
    card = made({})
    assert (card.verdict, card.figures, card.subgroups) == ("invalid", {}, [])
    assert "Leak audit: none was made." in card.not_done


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"license": "MIT"}, "Did you mean 'licence'"),
        ({"flow": [{"reason": "found"}]}, "no 'flow.0.count'"),
        ({"purpose": 3}, "purpose is 3"),
    ],
)
def test_other_facts_are_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_facts(facts)
    assert parse_facts({}) == CardFacts()
