"""Distillation of a task: every stage of its recipe, from the cohort's files to a report and a bundle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medkd.data.core.registry import Registry
from medkd.data.io.atomic import write_text
from medkd.pipeline.graph import Graph
from medkd.pipeline.recipe import Recipe
from medkd.pipeline.run_setup import begin
from medkd.pipeline.runner import default_jobs, pending, run_stages
from medkd.pipeline.time_estimate import estimate


@dataclass(frozen=True)
class FinishedRun:
    """A run whose stages are all finished.

    Args:
        folder: holds ``report.json``, ``report.html`` and ``bundle/``.
        graph: its stages.
        stages_run: number of stages that were not finished before.
        seconds: that they took.
    """

    folder: Path
    graph: Graph
    stages_run: int
    seconds: float


def run_task(
    recipe: Recipe,
    registry: Registry,
    command: str,
    out: Path | None = None,
    jobs: int | None = None,
    announce: Callable[[str], object] | None = None,
) -> FinishedRun:
    """Run every stage that is not finished.

    Args:
        recipe: of the task.
        registry: that holds the cohort.
        command: what a user typed, kept in ``command.txt`` and in the report's provenance.
        out: the run's folder; by default ``runs/TASK-COHORT``.
        jobs: fits at once; by default one per core, one on a GPU. Results do not depend on it.
        announce: called with the number of fits and an estimate of their time, before they begin.

    Raises:
        InputError: the recipe, the cohort or the data are wrong; nothing was written then.
    """
    run, jobs = out or Path("runs") / f"{recipe.task}-{recipe.cohort}", jobs or default_jobs()
    graph = begin(recipe, run, jobs, registry)
    write_text(run / "command.txt", command + "\n")
    stages = list(graph.stages.values())
    todo = pending(stages, run)
    if announce:
        announce(estimate(graph, todo, jobs))
    started = time.perf_counter()
    run_stages(stages, run, jobs)
    return FinishedRun(run, graph, len(todo), time.perf_counter() - started)
