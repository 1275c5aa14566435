"""``medkd tune TASK``: better values of a recipe, found on inner validation, and the recipe that holds them."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from medkd.parser import Parser, count, one_of
from medkd.pipeline.options import add_jobs_option, add_label_option, add_task_options

ARMS = ("baseline", "teacher", "student")
TRIALS, SEEDS, FOLDS = 20, 2, 1


def add_arguments(parser: Parser) -> None:
    """Add TASK and the options of a search."""
    add_task_options(parser)
    add_label_option(parser, "of several, the largest")
    parser.add_argument(
        "--arm",
        type=one_of("--arm", ARMS),
        metavar="ARM",
        help=f"one of {', '.join(ARMS)}; default: all three, in this order",
    )
    parser.add_argument(
        "--trials",
        type=count,
        default=TRIALS,
        metavar="N",
        help="trials per arm, those of earlier runs counted; default %(default)s",
    )
    parser.add_argument(
        "--seeds",
        type=count,
        default=SEEDS,
        metavar="N",
        help="splits that a trial is scored on, from seed 100; default %(default)s",
    )
    parser.add_argument(
        "--folds",
        type=count,
        default=FOLDS,
        metavar="N",
        help="outer folds of each split, taken out in turn; default %(default)s",
    )
    parser.add_argument("--timeout", type=count, metavar="MINUTES", help="begin no trial later; shared by the arms")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/tune-TASK-COHORT")
    add_jobs_option(parser)
    parser.epilog = (
        f"{parser.epilog}\n\nThe ranges are in the recipe under 'search'. "
        "A dotted option --STAGE.KEY VALUE reaches into a stage."
    )


def main(namespace: argparse.Namespace) -> int:
    """Search the arms that were asked for.

    Raises:
        InputError: the task, a range, the cohort or the data are wrong; nothing was written then.
    """
    from medkd import registry
    from medkd.pipeline.recipe import task_recipe
    from medkd.pipeline.runner import default_jobs
    from medkd.pipeline.tuning.search import SearchBudget, search

    recipe = task_recipe(
        registry.task(namespace.task),
        namespace.cohort,
        namespace.overrides,
        root=None if namespace.root is None else str(namespace.root),
        target=namespace.target,
        protocol=namespace.protocol,
        label_fractions=namespace.label_fractions,
    )
    budget = SearchBudget(
        arms=ARMS if namespace.arm is None else (namespace.arm,),
        trials=namespace.trials,
        seeds=namespace.seeds,
        folds=namespace.folds,
        minutes=namespace.timeout,
    )
    out = namespace.out or Path("runs") / f"tune-{recipe.task}-{recipe.cohort}"
    typed = shlex.join(["medkd", *sys.argv[1:]])
    return search(recipe, budget, out, namespace.jobs or default_jobs(), registry, typed)
