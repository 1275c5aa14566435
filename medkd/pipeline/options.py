"""Options that several commands of the pipeline share; nothing heavy is imported for them."""

from __future__ import annotations

from pathlib import Path

from medkd.parser import Parser, count, fractions, protocol


def add_cohort_options(parser: Parser) -> None:
    """Add ``--root``, ``--target`` and ``--protocol``."""
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="folder of the data set; not needed for demo_* cohorts"
    )
    parser.add_argument("--target", metavar="KEY", help="what to predict, a key that the cohort lists")
    parser.add_argument(
        "--protocol", type=protocol, metavar="P", help="holdout, official or kfold:K; default: the cohort's own"
    )


def add_task_options(parser: Parser) -> None:
    """Add TASK and ``--cohort``, with the options of the cohort, and the dotted options of the recipe."""
    parser.add_argument("task", metavar="TASK", help="see: medkd list tasks; or a folder with a recipe.yaml")
    parser.add_argument("--cohort", metavar="NAME", help="see: medkd list cohorts; default: the task's own")
    add_cohort_options(parser)
    parser.accept_overrides()


def add_label_option(parser: Parser, several: str) -> None:
    """Add ``--labels``; ``several`` says what becomes of several fractions."""
    parser.add_argument(
        "--labels",
        dest="label_fractions",
        type=fractions,
        metavar="F",
        help=f"fraction of subjects that keep their label; {several}",
    )


def add_jobs_option(parser: Parser) -> None:
    """Add ``--jobs``."""
    parser.add_argument(
        "--jobs",
        type=count,
        metavar="N",
        help="fits at once; default: one per core, one on a GPU; results do not depend on it",
    )
