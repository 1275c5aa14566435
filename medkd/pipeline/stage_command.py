"""``medkd stage RECIPE NAME --out DIR``: one stage, again, whether it was finished or not."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from medkd.errors import InputError, nearest
from medkd.parser import Parser

PREPARE = "prepare"
"""The name under which the cohort is prepared and nothing is run."""


def add_arguments(parser: Parser) -> None:
    """Add RECIPE, NAME and ``--out``."""
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="a task's recipe.yaml, or the resolved one in a run's folder"
    )
    parser.add_argument("name", metavar="NAME", help=f"the stage's name, such as split/seed0; or {PREPARE}")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="where the stage's outputs go")


def main(namespace: argparse.Namespace) -> int:
    """Run the stage.

    Raises:
        InputError: no such stage, or one that it needs is not finished.
    """
    from medkd import registry
    from medkd.data.io.atomic import removed_on_input_error
    from medkd.pipeline.run_setup import open_run
    from medkd.pipeline.runner import default_jobs

    with removed_on_input_error(namespace.out):
        graph = open_run(namespace.recipe, namespace.out, default_jobs(), registry)
        if namespace.name == PREPARE:
            print(f"prepared below {namespace.out}")
            return 0
        if namespace.name not in graph.stages:
            names = [PREPARE, *graph.stages]
            raise InputError(
                f"no stage '{namespace.name}'", where=namespace.recipe, remedy=nearest(namespace.name, names)
            )
    stage = graph.stages[namespace.name]
    for need in stage.needs.values():
        if not need.is_done(namespace.out):
            raise InputError(
                f"stage '{need.name}' comes first", where=namespace.out, remedy=f"Run: {need.command(namespace.out)}"
            )
    started = time.perf_counter()
    stage.execute(namespace.out)
    print(f"{stage.name}: done in {time.perf_counter() - started:.1f} s, in {stage.folder(namespace.out)}")
    return 0
