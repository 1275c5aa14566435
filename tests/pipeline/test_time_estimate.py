"""Time estimate: what it adds up, and that it times without changing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medkd.pipeline import time_estimate
from medkd.pipeline.graph import Graph, make_graph
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.time_estimate import OVERHEAD, estimate, minutes


@pytest.fixture(scope="module")
def graph(fast_run: Path) -> Graph:
    return make_graph(load_recipe(fast_run / "recipe.yaml"), PreparedCohort.load(fast_run))


def fit(role: str, steps: int | None, epochs: int, **model: Any) -> FitStage:
    return FitStage(
        f"{role}-{steps}-{epochs}",
        config={"model_input": role, "model": model, "data": {"steps": steps}, "trainer": {"max_epochs": epochs}},
    )


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Roles that were timed; a step of the teacher takes 3 s, one of the student 1 s."""
    roles: list[str] = []

    def seconds(cohort: PreparedCohort, one: FitStage) -> float:
        roles.append(one.config["model_input"])
        return {"teacher": 3.0, "student": 1.0}[one.config["model_input"]]

    monkeypatch.setattr(time_estimate, "_seconds_per_step", seconds)
    return roles


def test_minutes_are_steps_of_all_fits_over_the_jobs(graph: Graph, timed: list[str]):
    fits = [fit("teacher", 100, 2), fit("student", 50, 1), fit("student", 10, 4), fit("student", None, 1)]
    seconds = 3 * 200 + 50 + 40 + 20 + 4 * OVERHEAD
    assert minutes(fits, graph.cohort, 1) == pytest.approx(seconds / 60)
    assert minutes(fits, graph.cohort, 4) == pytest.approx(seconds / 240)
    # Networks of one role are alike: each role is timed once per estimate.
    assert timed == ["teacher", "student"] * 2


def test_trees_grow_once_whatever_the_steps_say(graph: Graph, timed: list[str]):
    assert minutes([fit("teacher", 1000, 100, learner={})], graph.cohort, 1) == pytest.approx(0.1)


def test_no_estimate_is_below_a_tenth_of_a_minute(graph: Graph, timed: list[str]):
    assert minutes([], graph.cohort, 8) == minutes([fit("student", 1, 1)], graph.cohort, 8) == 0.1


def test_a_run_is_announced_by_what_is_left_of_it(graph: Graph, timed: list[str]):
    everything = list(graph.stages.values())
    fits = sum(isinstance(stage, FitStage) for stage in everything)
    assert estimate(graph, [], 2) == f"{len(everything)} stages, all finished: nothing to run again"
    assert estimate(graph, everything, 2).startswith(f"{fits} fits to make (0 of {len(everything)} stages are finished")
    assert estimate(graph, everything[-1:], 2).startswith(f"0 fits to make ({len(everything) - 1} of")


def test_timing_a_real_network_gives_a_time_and_leaves_the_run_alone(graph: Graph, fast_run: Path):
    before = {path: path.stat().st_mtime_ns for path in fast_run.rglob("*") if path.is_file()}
    line = estimate(graph, [stage for stage in graph.stages.values() if isinstance(stage, FitStage)], 1)
    assert 0.1 <= float(line.rpartition("about ")[2].split()[0]) < 60
    assert {path: path.stat().st_mtime_ns for path in fast_run.rglob("*") if path.is_file()} == before
