"""The card says what the run found, and no name in it can become markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkd.deploy.bundle import Bundle
from medkd.deploy.card import INTENDED_USE, escape_markdown
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
        "| sex | female | 120 | 0.700 | 0.600 | 0.800 |",
        "not shown: 2 positive subjects, fewer than 10",
        "- passed: no subject in two parts of a split",
        "the deployed weights were refitted on all subjects",
        "Only 30% of the training subjects were labelled",
        "do not claim that the teacher helped",
        "| n, test_subjects | 363 |",
    ):
        assert expected in text


def test_names_with_markup_stay_text(learner: Path, tmp_path: Path) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    report = REPORT | {
        "task": "<script>alert(1)</script>",
        "cohort": "a | b\n\n# heading",
        "sentence": "[click](javascript:alert(1)) `code` **bold** &amp;",
        "subgroups": [{"by": "site", "group": "x|y|<b>z</b>", "n": 3, "suppressed": True, "reason": "few", "value": None}],
    }
    Bundle.write(tmp_path / "out", learner, CALIBRATION, report)
    lines = (tmp_path / "out" / "CARD.md").read_text().split("---\n", 2)[2]
    html = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(lines)
    assert "<script" not in html
    assert "<b>" not in html
    assert "<code>" not in html
    assert 'javascript:alert(1)"' not in html
    assert html.count("<h1>") == 1
    assert "x|y|&lt;b&gt;z&lt;/b&gt;" in html


def test_only_facts_of_recipe_and_cohort_are_taken_beside_the_run(learner: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'licence'"):
        Bundle.write(tmp_path / "out", learner, CALIBRATION, REPORT, card={"license": "MIT"})


def test_a_report_with_little_in_it_still_makes_a_card(learner: Path, tmp_path: Path) -> None:
    Bundle.write(tmp_path / "out", learner, {"temperature": 1, "threshold": None}, {"schema_version": 1})
    text = (tmp_path / "out" / "CARD.md").read_text()
    assert "Verdict: **invalid**" in text
    assert "None was made." in text


@pytest.mark.parametrize(
    ("text", "shown"), [("snake_case_name", "snake_case_name"), ("_it_", "\\_it\\_"), ("a\n# b", "a \\# b"), (0.5, "0.5")]
)
def test_escaping_leaves_plain_names_readable(text: object, shown: str) -> None:
    assert escape_markdown(text) == shown
