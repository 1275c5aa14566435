"""The page holds every table as a table, and no name in it can become markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.card.card_schema import read_card
from medkd.deploy.bundle.card.page import escape_markdown, render_card
from medkd.deploy.bundle.card.tripod import by_item
from tests.deploy.bundle.card.test_card import made
from tests.deploy.conftest import CALIBRATION, REPORT


def test_tables_are_tables(full_bundle: Path) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    text = (full_bundle / "CARD.md").read_text().split("---\n", 2)[2]
    html = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    card = read_card((full_bundle / "card.json").read_bytes(), "card.json")
    assert html.count("<table>") == 1 + sum(len(item.tables) for item in by_item(card))
    assert "|" not in re.sub(r"<[^>]+>", "", html)
    assert html.count("<li>passed") == 1


def test_names_with_markup_stay_text(learner: Path, tmp_path: Path) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    report = REPORT | {
        "task": "<script>alert(1)</script>",
        "cohort": "a | b\n\n# heading",
        "sentence": "[click](javascript:alert(1)) `code` **bold** &amp;",
        "subgroups": [
            {"by": "site", "group": "x|y|<b>z</b>", "n": 3, "suppressed": True, "reason": "few", "value": None}
        ],
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [("snake_case_name", "snake_case_name"), ("_it_", "\\_it\\_"), ("a\n# b", "a \\# b"), (0.5, "0.5")],
)
def test_escaping_leaves_plain_names_readable(text: object, shown: str) -> None:
    assert escape_markdown(text) == shown


def test_it_begins_with_its_version_and_says_the_abstract_once() -> None:
    card = made()
    page = render_card(card)
    _, front, body = page.split("---\n", 2)
    assert yaml.safe_load(front) == {"schema_version": card.schema_version}
    assert body.count(escape_markdown(card.sentence)) == 1
    assert "### 2 Abstract" not in body


def test_a_name_with_line_ends_cannot_leave_its_line() -> None:
    plain = made(REPORT | {"cohort": "a b c"})
    broken = made(REPORT | {"cohort": "a\nb\r\n\tc"})
    assert render_card(broken) == render_card(plain)
