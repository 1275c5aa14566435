"""The card says what the run found, and no name in it can become markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.card.card_schema import INTENDED_USE, Card, read_card, weakest
from medkd.deploy.bundle.card.page import render_card
from medkd.errors import InputError
from tests.deploy.conftest import CALIBRATION, REPORT


def test_every_figure_comes_from_the_run(bundle_folder: Path) -> None:
    card = json.loads((bundle_folder / "card.json").read_text())
    assert card["intended_use"] == INTENDED_USE
    assert card["figures"]["student"] == {"value": 0.77, "low": 0.67, "high": 0.87}
    assert card["figures"]["gain of control shuffled_teacher"]["value"] == -0.05
    assert card["student_metrics"]["brier"]["value"] == 0.15
    assert card["calibration"]["threshold"] == {"brugada": 0.31}
    assert card["cohort"] == {"name": "brugada_huca", "licence": "CC BY-SA 4.0"}
    assert card["provenance"]["versions.torch"] == "2.15.0"
    text = (bundle_folder / "CARD.md").read_text()
    for expected in (
        INTENDED_USE,
        "| student | 0.770 | 0.670 | 0.870 |",
        "| AUROC, student | 0.770 (0.670 to 0.870) |",
        "| sex | female | 120 | 0.700 | 0.600 | 0.800 |",
        "not shown: 2 positive subjects, fewer than 10",
        "- passed: no subject in two parts of a split",
        "the deployed weights were refitted on all subjects",
        "Only 30% of the training subjects were labelled",
        "do not claim that the teacher helped",
        "| test subjects, over all folds and seeds | 363 |",
        "Weakest subgroups by AUROC (over all 0.770): sex female 0.700 (0.600 to 0.800), n = 120.",
        "External validation: every figure comes from resampling brugada_huca.",
        "Conformal sets: the bundle has no quantiles.",
        "- 18a Funding",
    ):
        assert expected in text


def test_a_card_of_the_version_before_is_still_read(bundle_folder: Path) -> None:
    card = json.loads((bundle_folder / "card.json").read_text())
    required = {name for name, field in Card.model_fields.items() if field.is_required()}
    old = {key: value for key, value in card.items() if key in required} | {"schema_version": 1}
    found = read_card(json.dumps(old).encode(), "card.json")
    assert found.weakest[0].group == "female"
    assert found.metric_title == "AUROC"
    assert "Verdict: **no evidence**" in render_card(found)
    with pytest.raises(InputError, match="newer"):
        read_card(json.dumps({**old, "schema_version": 3}).encode(), "card.json")


def test_the_weakest_are_those_with_the_largest_error_where_less_is_better() -> None:
    rows = [
        {"by": "site", "group": str(value), "value": value, "suppressed": value == 9} for value in (1, 5, 3, 9, 2, 4)
    ]
    assert [row["value"] for row in weakest(rows, 2, higher_is_better=False)] == [5, 4, 3]
    assert [row["value"] for row in weakest(rows, 2, higher_is_better=True)] == [1]


def test_only_facts_of_recipe_and_cohort_are_taken_beside_the_run(learner: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'licence'"):
        Bundle.write(tmp_path / "out", learner, CALIBRATION, REPORT, card={"license": "MIT"})


def test_a_report_with_little_in_it_still_makes_a_card(learner: Path, tmp_path: Path) -> None:
    Bundle.write(tmp_path / "out", learner, {"temperature": 1, "threshold": None}, {"schema_version": 1})
    text = (tmp_path / "out" / "CARD.md").read_text()
    assert "Verdict: **invalid**" in text
    assert "None was made." in text
    assert "- 20a Flow of participants" in text
