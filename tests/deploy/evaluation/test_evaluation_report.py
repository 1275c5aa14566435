"""Files of an evaluation: each whole, nothing of a patient where aggregates belong, and worry where it is due."""

from __future__ import annotations

import copy
import json
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkd.deploy.evaluation.evaluation_report import render, write_evaluation
from medkd.errors import InputError, MedkdError

SCORED = pl.DataFrame({"sample": ["item-00001"], "y": [1.0]})


def test_what_cannot_be_written_whole_leaves_what_was_there(evaluation: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "again"
    write_evaluation(out, evaluation, SCORED)
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert json.loads((out / "evaluation.json").read_text()) == evaluation
    assert pl.read_parquet(out / "evaluation_predictions.parquet").equals(SCORED)
    assert stat.S_IMODE((out / "evaluation_predictions.parquet").stat().st_mode) == 0o600
    with pytest.raises(MedkdError, match="does not fit its schema"):
        write_evaluation(out, evaluation | {"kind": "guess"}, SCORED.clear())
    rows = copy.deepcopy(evaluation)
    rows["settings"]["worst"] = [{"subject_id": "p17"}]
    with pytest.raises((InputError, MedkdError)) as refused:
        write_evaluation(out, rows, SCORED.clear())
    assert "p17" not in str(refused.value)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def verdict(evaluation: dict[str, Any]) -> str:
    """The class of the page's first card: "invalid" is red."""
    page = render(evaluation)
    return page.partition('<section class="card verdict ')[2].partition('"')[0]


def test_worry_is_shown_where_figures_may_mislead(evaluation: dict[str, Any]) -> None:
    calm = evaluation | {"fast": False, "in_sample": False}
    charts = [{**chart, "crossed": ""} for chart in calm["over_time"]["cusum"]["conduction disturbance"]]
    calm["over_time"] = calm["over_time"] | {"cusum": {"conduction disturbance": charts}}
    assert verdict(calm) == "regularises-only"
    crossed = copy.deepcopy(calm)
    crossed["over_time"]["cusum"]["conduction disturbance"][1]["crossed"] = "2025-01-15"
    for worrying in (calm | {"fast": True}, calm | {"in_sample": True}, crossed):
        assert verdict(worrying) == "invalid"
    assert verdict(calm | {"over_time": None}) == "regularises-only"


def test_the_page_asks_nothing_of_any_server_and_is_the_same_each_time(evaluation: dict[str, Any]) -> None:
    page = render(evaluation)
    assert render(copy.deepcopy(evaluation)) == page
    assert "default-src 'none'" in page
    for sign in ("<script", "src=", "@import", "url(http"):
        assert sign not in page


def test_of_many_summaries_the_twelve_that_moved_most_are_shown(evaluation: dict[str, Any]) -> None:
    moved = {f"ecg/lead{number:02d}/mean": 1.0 - number / 100 for number in range(20)}
    page = render(evaluation | {"input": evaluation["input"] | {"psi": moved}})
    assert [name in page for name in moved] == [True] * 12 + [False] * 8
