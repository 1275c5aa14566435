"""Conclusions that are drawn from results."""

from __future__ import annotations

import numpy as np
import pytest

from medkd.benchmark.conclusions import conclusions, earners
from medkd.benchmark.results import Effect, ObjectiveResult, corrected, paired

RNG = np.random.default_rng(0)


def result(
    objective: str,
    differences: np.ndarray,
    factor: str = "centre",
    level: str = "1,000 pairs, 10 % labelled, out of fold",
) -> ObjectiveResult:
    gain = paired(differences)
    privileged = paired(differences - 0.001) if factor == "centre" else None
    return ObjectiveResult(factor, level, objective, 0.70, 0.70 + gain.value, 0.85, gain, None, privileged)


@pytest.fixture
def results() -> list[ObjectiveResult]:
    steady = RNG.normal(0.03, 0.004, 16)
    results = []
    for factor, level in (
        ("centre", "1,000 pairs, 10 % labelled, out of fold"),
        ("labels", "100 %"),
        ("control", "shuffled teacher"),
    ):
        results.append(result("helper", steady if factor != "control" else np.zeros(16), factor, level))
        results.append(result("idle", np.zeros(16), factor, level))
        results.append(result("noisy", RNG.normal(0, 0.02, 16), factor, level))
        results.append(result("spoiler", -steady, factor, level))
    return corrected(results)


def test_a_no_op_earns_nowhere_and_is_named_as_such(results: list[ObjectiveResult]):
    assert earners(results) == {
        "helper": ["centre: 1,000 pairs, 10 % labelled, out of fold", "labels: 100 %"],
        "idle": [],
        "noisy": [],
        "spoiler": [],
    }
    lines = conclusions(results, "16 seeds")
    assert lines[-1] == "Earn their place nowhere here: idle, noisy, spoiler."
    assert any("harm: spoiler" in line for line in lines)
    assert lines[0].startswith("8 gains (4 objectives, 2 conditions; controls apart)")


def test_a_gain_that_the_self_teacher_gives_too_is_called_regularisation():
    steady = RNG.normal(0.03, 0.004, 16)
    shared = ObjectiveResult(
        "centre", "x", "sharer", 0.7, 0.73, 0.85, paired(steady), None, Effect(0.0, -0.01, 0.01, 0.9)
    )
    lines = conclusions(corrected([shared, result("idle", np.zeros(16))]), "16 seeds")
    assert any("may only regularise: sharer" in line for line in lines)
