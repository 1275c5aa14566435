"""Calm while the predictions hold, and worried soon after they no longer do."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from medkd.data.core.target import Target
from medkd.deploy.evaluation.labels import labelled_predictions
from medkd.deploy.evaluation.temporal import over_time
from medkd.evidence.settings import EvidenceSettings
from tests.deploy.evaluation.conftest import CD

SETTINGS = EvidenceSettings(replicates=50)
START = date(2025, 1, 1)


def watched(shift: float, since: int, days: int = 360, a_day: int = 8, target: Target = CD) -> dict[str, Any]:
    """Outcomes whose log odds move by ``shift`` from day ``since`` on."""
    rng = np.random.default_rng(5)
    n = days * a_day
    day = np.arange(n) // a_day
    p = rng.beta(2, 8, n)
    y = (rng.random(n) < expit(logit(p) + shift * (day >= since))).astype(float)
    ids = [f"s{place:05d}" for place in range(n)]
    name = target.names[0]
    predictions = pl.DataFrame(
        {"sample_id": ids, f"p_{name}": p, f"p_cal_{name}": p, "set": None, "drift": 0.4},
        schema_overrides={"set": pl.String},
    )
    times = [START + timedelta(days=int(one)) for one in day]
    truth = pl.DataFrame({"sample_id": ids, "subject_id": ids, f"y_{name}": y, "time": times})
    return over_time(labelled_predictions(predictions, truth, target, {name: 0.3}, SETTINGS), target, SETTINGS)


def test_nobody_worries_while_the_predictions_hold() -> None:
    found = watched(0.0, 0)
    assert [row["from"] for row in found["rows"]] == [f"2025-{month:02d}-01" for month in range(1, 13)]
    assert [chart["crossed"] for chart in found["cusum"]["conduction disturbance"]] == [None, None]
    states = [row["classes"]["conduction disturbance"]["state"] for row in found["rows"]]
    assert states.count("in control") >= 10
    assert "alarm" not in states
    for row in found["rows"]:
        one = row["classes"]["conduction disturbance"]
        assert one["alarm"][0] < one["warning"][0] < 1 < one["warning"][1] < one["alarm"][1]
        assert one["ratio"] == pytest.approx(one["observed"] / one["expected"])
        assert row["drifted"]["value"] == 0.0
        assert row["abstaining"] is None


@pytest.mark.parametrize("shift", [0.7, -0.9])
def test_a_change_is_seen_soon_after_it_came_and_not_before(shift: float) -> None:
    since = 200
    found = watched(shift, since)
    up, down = found["cusum"]["conduction disturbance"]
    seen, other = (up, down) if shift > 0 else (down, up)
    came = START + timedelta(days=since)
    assert came < date.fromisoformat(seen["crossed"]) < came + timedelta(days=60)
    assert other["crossed"] is None
    # A point for each patient would tell what became of whom.
    assert len(seen["path"]) == 360 * 8 // 20
    assert max(point["value"] for point in seen["path"]) == pytest.approx(seen["highest"], abs=1e-4)
    late = [row["classes"]["conduction disturbance"] for row in found["rows"] if row["from"] > "2025-08"]
    assert {row["state"] for row in late} <= {"warning", "alarm"}
    assert all((row["ratio"] > 1) == (shift > 0) for row in late)


def test_a_small_period_is_not_shown_and_says_why() -> None:
    found = watched(0.0, 0, days=33, a_day=6)
    assert [row["suppressed"] for row in found["rows"]] == [False, True]
    assert found["rows"][1] == {
        "from": "2025-02-01",
        "n": 12,
        "subjects": 12,
        "suppressed": True,
        "reason": "12 subjects, fewer than 20",
    }
