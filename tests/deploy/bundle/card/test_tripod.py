"""The card is laid out by the checklist, every item once, and an item is stated only where the run knows it."""

from __future__ import annotations

import re
from pathlib import Path

from medkd.deploy.bundle.card.card_schema import read_card
from medkd.deploy.bundle.card.tripod import ITEMS, by_item, not_stated
from tests.deploy.bundle.card.test_card import made


def test_it_is_laid_out_by_item_of_the_checklist(full_bundle: Path) -> None:
    card = read_card((full_bundle / "card.json").read_bytes(), "card.json")
    items = by_item(card)
    held = {item.number: item for item in items}
    assert list(held) == sorted(held, key=lambda number: (int(re.sub(r"\D", "", number)), number))
    assert {re.sub(r"\D", "", number) for number in held} == {str(number) for number in range(1, 28)}
    assert len(held) == len(items) == 52
    assert held["20a"].tables[0].rows == (("samples found", "400"), ("no label", "37"), ("samples kept", "363"))
    assert ("brugada", "76", "287") in held["13"].tables[0].rows
    assert ("ecg: no unit", "5") in held["7"].tables[-1].rows
    assert ("brugada", "present", "0.600", "60") in held["15"].tables[-1].rows
    assert any(row[:4] == ("brugada", "76", "76", "0.920") for table in held["23a"].tables for row in table.rows)
    assert any("Subjects with brugada: 76. With fewer than 100" in line for line in held["26"].lines)
    assert any("40 training samples by 6 summaries" in line for line in held["27a"].lines)
    # What no run can know is not made up.
    assert not {"17", "18a", "18b", "18c", "18d", "19"} & {item.number for item in items if item.is_stated}
    text = (full_bundle / "CARD.md").read_text()
    for item in items:
        assert (f"### {item.number} {item.title}\n" in text) == (item.is_stated and item.number != "2")
        assert (f"- {item.number} {item.title}\n" in text) != item.is_stated
    assert "91% of test items (90% wanted) and abstained in 40%" in text


def test_what_nobody_fills_is_stated_of_no_run_and_the_rest_is_told_apart() -> None:
    for card in (made(), made({})):
        items = by_item(card)
        silent = not_stated(items)
        assert len(silent) + sum(item.is_stated for item in items) == len(items)
        assert {f"{number} {title}" for _, number, title, fill in ITEMS if fill is None} <= set(silent)
    assert len(not_stated(by_item(made({})))) > len(not_stated(by_item(made())))


def test_an_item_with_empty_tables_alone_is_not_stated() -> None:
    flow = {item.number: item for item in by_item(made())}["20a"]
    assert (flow.tables, flow.is_stated) == ((), False)
    counted = made(flow=[{"reason": "samples found", "count": 0}])
    assert {item.number: item for item in by_item(counted)}["20a"].is_stated
