"""``medkd distill TASK``: all stages of a task, from the cohort's files to a report and a bundle."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from medkd.data.io.atomic import write_text
from medkd.data.io.load import read_json
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.runner import default_jobs, pending, run_stages
from medkd.pipeline.setup import begin
from medkd.pipeline.summary import program_typed, summary
from medkd.pipeline.time_estimate import estimate
from medkd.registry import find_task

FAST = {"fast": True, "seeds": 1, "protocol": "kfold:3", "label_fractions": (1.0,), "evidence": {"replicates": 200}}
FIXED_BY_FAST = {"--protocol": "protocol", "--seeds": "seeds", "--labels": "label_fractions"}


def main(namespace: argparse.Namespace, overrides: list[str]) -> int:
    """Run every stage that is not finished; print what will be done first, and what was found last.

    Raises:
        InputError: the task, the recipe, the cohort or the data are wrong; nothing was written then.
    """
    folder = find_task(namespace.task)
    own = folder / f"{namespace.cohort}.yaml"
    chosen = {name: getattr(namespace, name) for name in ("cohort", "target", "protocol", "seeds", "label_fractions")}
    chosen["root"] = None if namespace.root is None else str(namespace.root)
    if namespace.fast:
        if given := [option for option, name in FIXED_BY_FAST.items() if chosen[name] is not None]:
            print(
                f"--fast sets one seed, kfold:3 of which two folds are tested, and all labels: {', '.join(given)} does not count"
            )
        chosen |= FAST
    recipe = load_recipe(own if namespace.cohort and own.is_file() else folder / "recipe.yaml", overrides, **chosen)
    run = namespace.out or Path("runs") / f"{recipe.task}-{recipe.cohort}"
    jobs = namespace.jobs or default_jobs()
    graph = begin(recipe, run, jobs)
    write_text(run / "command.txt", shlex.join(["medkd", *sys.argv[1:]]) + "\n")
    stages = list(graph.stages.values())
    todo = pending(stages, run)
    print(estimate(graph, todo, jobs))
    started = time.perf_counter()
    run_stages(stages, run, jobs)
    report = read_json(run / "report.json", graph.stages["evidence"].remedy(run))
    print(summary(report, run, len(todo), time.perf_counter() - started, program_typed()))
    return 0
