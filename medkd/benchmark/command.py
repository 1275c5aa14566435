"""``medkd benchmark``: options, and the choice between the synthetic world and a cohort."""

from __future__ import annotations

import argparse
from pathlib import Path

from medkd.errors import InputError, nearest
from medkd.parser import Parser, count, names

BENCHMARKS = ("privileged",)


def add_arguments(parser: Parser) -> None:
    """Add NAME and the options of a benchmark."""
    parser.add_argument("name", metavar="NAME", help="privileged: what each objective earns")
    parser.add_argument(
        "--cohort", metavar="NAME", help="measure on a real cohort; default: on synthetic data whose answer is known"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the cohort")
    parser.add_argument("--target", metavar="KEY", help="what to predict, a binary key that the cohort lists")
    parser.add_argument(
        "--task",
        metavar="NAME",
        help="task whose recipe for the cohort has the models' views; default: the only task that has one",
    )
    parser.add_argument(
        "--objectives",
        type=names,
        metavar="A,B",
        help="such as soft_labels,info_nce; default: all that can take part",
    )
    parser.add_argument("--seeds", type=count, metavar="N", help="seeds 0 to N-1; default 40, on a cohort 3")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/benchmark-NAME, with the cohort's name behind it"
    )
    parser.add_argument(
        "--jobs", type=count, metavar="N", help="processes; default: one per core; results do not depend on it"
    )
    parser.add_argument(
        "--fast", action="store_true", help="a few steps of a few seeds: shows that it runs, its numbers mean nothing"
    )


def main(namespace: argparse.Namespace) -> int:
    """Measure, and write ``results.csv``, the scores behind it and ``index.html``.

    Raises:
        InputError: a name is unknown, or the cohort cannot be used; nothing was written then.
    """
    if namespace.name not in BENCHMARKS:
        raise InputError(
            f"no benchmark '{namespace.name}'", where="medkd benchmark", remedy=nearest(namespace.name, BENCHMARKS)
        )
    from medkd import registry
    from medkd.benchmark.candidates import find_candidates
    from medkd.benchmark.privileged import on_cohort, on_synthetic_world

    candidates, excluded = find_candidates(registry, namespace.objectives or ())
    if namespace.cohort is not None:
        return on_cohort(namespace, candidates, excluded, registry)
    options = [f"--{name}" for name in ("root", "target", "task") if getattr(namespace, name) is not None]
    if options:
        raise InputError(f"{options[0]} is of a cohort", where="medkd benchmark", remedy="Name it with --cohort")
    return on_synthetic_world(namespace, candidates, excluded)
