"""Items 1 to 18 state what the run did, in the words of its own settings, and nothing that it did not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medkd.deploy.bundle.card import methods
from medkd.deploy.bundle.card.card_schema import Card, CardSubgroup, Interval, LeakCheck
from medkd.deploy.bundle.card.formatting import Content
from tests.deploy.bundle.card.test_card import made


@pytest.fixture
def card() -> Card:
    return made()


def text(fill: Callable[[Card], Content], card: Card, **change: Any) -> str:
    """The sentences of one item, of a card with some fields changed."""
    return " ".join(fill(card.model_copy(update=change))[0])


def regression(card: Card) -> dict[str, Any]:
    target = card.target.model_copy(update={"kind": "regression", "names": ["potassium"], "units": "mmol/l"})
    return {"target": target, "calibration": {**card.calibration, "threshold": {"potassium": None}}}


def test_a_value_is_not_called_a_probability(card: Card) -> None:
    change = regression(card)
    for fill in (methods.intended_use, methods.output):
        assert "a calibrated probability of brugada" in text(fill, card)
        assert "a value of potassium in mmol/l" in text(fill, card, **change)
        assert "probability" not in text(fill, card, **change)
    assert "Temperature 1.000." in text(methods.output, card)
    assert "Temperature" not in text(methods.output, card, **change)
    assert "temperature" not in text(methods.evaluation, card, **change)


@pytest.mark.parametrize(
    ("protocol", "seeds", "expected", "excluded"),
    [
        (
            "kfold:5",
            3,
            "5-fold cross-validation: each subject is tested once a seed, repeated with 3 seeds",
            "official",
        ),
        ("holdout", 1, "A fifth of the subjects was held out", "seeds"),
        ("official", 1, "the official validation part is the inner validation", "a quarter"),
        ("leave one site out", 1, "leave one site out.", "-fold"),
    ],
)
def test_the_division_is_that_of_the_protocol(
    card: Card, protocol: str, seeds: int, expected: str, excluded: str
) -> None:
    said = text(methods.division, card, protocol=protocol, n={"seeds": seeds})
    assert expected in said
    assert excluded not in said


def test_a_failed_leak_check_cannot_be_read_as_passed(card: Card) -> None:
    checks = [LeakCheck(check="copies", passed=False), LeakCheck(check="subjects", passed=True)]
    said = text(methods.division, card, leak_audit=checks)
    assert "- FAILED: copies - passed: subjects" in said
    assert "Leak audit: None was made." in text(methods.division, card, leak_audit=[])


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("youden", "where sensitivity + specificity is largest"),
        ("sensitivity:0.95", "the highest that reaches a sensitivity of 0.95"),
        ("the ward's own rule", "the ward's own rule"),
    ],
)
def test_the_rule_of_the_threshold_is_in_words(card: Card, rule: str, shown: str) -> None:
    calibration = {**card.calibration, "operating_point": {"chosen_for": rule, "sensitivity": 0.81}}
    assert f"Threshold, on the calibrated probability: {shown}." in text(methods.output, card, calibration=calibration)
    none = {**calibration, "threshold": {"brugada": None}}
    assert "Threshold" not in text(methods.output, card, calibration=none)


@pytest.mark.parametrize(("hour", "shown"), [(0.0, "at a sample's time zero"), (24.0, "at hour 24 after"), (None, "")])
def test_the_hour_of_prediction_is_stated_where_there_is_one(card: Card, hour: float | None, shown: str) -> None:
    said = text(methods.outcome, card, prediction_hour=hour)
    assert shown in said
    assert ("nothing later is seen" in said) == (hour is not None)


def test_settings_of_augmentation_are_not_those_of_the_input(card: Card) -> None:
    (ecg,) = card.modalities
    (table,) = methods.definitions(card)[1]
    settings = {**ecg.settings, "augment_noise": 0.5, "filters": [], "note": ""}
    again = card.model_copy(update={"modalities": [ecg.model_copy(update={"settings": settings})]})
    assert methods.definitions(again)[1] == [table]
    other = ecg.model_copy(update={"settings": {**ecg.settings, "seconds": 7.5}})
    assert "seconds 7.5" in methods.definitions(card.model_copy(update={"modalities": [other]}))[1][0].rows[0][3]


def test_what_is_missing_is_treated_by_the_kind_of_the_input(card: Card) -> None:
    (ecg,) = card.modalities
    vitals = ecg.model_copy(update={"part": "vitals[0:24h]", "may_be_unobserved": True})
    said = text(methods.missing, card, modalities=[ecg, vitals], participants={"unlabelled": 4})
    assert "A record without a usable ecg[I] is set aside." in said
    assert "Cells of vitals[0:24h] that were not observed stay empty" in said
    assert "4 samples have no label" in said
    assert "label" not in text(methods.missing, card, participants={"unlabelled": 0})


def test_sites_and_groups_are_claimed_only_where_they_were_measured(card: Card) -> None:
    interval = Interval(value=0.7, low=0.6, high=0.8)
    rows = [
        CardSubgroup(by=by, group="a", n=9, suppressed=False, reason="", gain=interval, **interval.model_dump())
        for by in ("site", "sex", "site")
    ]
    assert not text(methods.centres, card, subgroups=rows[1:2])
    assert "sites are mixed in every fold" in text(methods.centres, card, subgroups=rows)
    assert "measured by site, sex." in text(methods.fairness, card, subgroups=rows)
    assert not text(methods.fairness, card, subgroups=[])


@pytest.mark.parametrize(("fraction", "shown"), [(0.3, True), (1.0, False), (None, False)])
def test_labels_that_were_withheld_are_stated(card: Card, fraction: float | None, shown: bool) -> None:
    assert ("of the training subjects kept their label" in text(methods.making, card, label_fraction=fraction)) == shown
