"""``medkd cohort build|check|describe NAME``: a data set's prepared form, whether it can be used, what it holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from medkd.errors import InputError
from medkd.parser import Parser, one_of, shard
from medkd.pipeline.options import add_cohort_options

ACTIONS = ("build", "check", "describe")


def add_arguments(parser: Parser) -> None:
    """Add ACTION, NAME and the options of the cohort."""
    parser.add_argument(
        "action", metavar="ACTION", type=one_of("medkd cohort ACTION", ACTIONS), help=", ".join(ACTIONS)
    )
    parser.add_argument("name", metavar="NAME", help="see: medkd list cohorts")
    add_cohort_options(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where build puts samples, splits and prepared arrays")
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="build only the subjects of part I of N; without it, build joins the parts",
    )


def main(namespace: argparse.Namespace) -> int:
    """Describe a cohort, check it, or build it.

    Returns:
        0, or 1 where a check did not pass.

    Raises:
        InputError: the cohort cannot be opened, or nothing in it can be used; nothing was written then.
    """
    from medkd import registry
    from medkd.data.loading.shard import Shard
    from medkd.pipeline.cohort_build.build import CohortSource, build, build_part, check, describe_cohort

    if namespace.shard and namespace.action != "build":
        raise InputError(
            f"'{namespace.action}' takes no shard", where="--shard", remedy="Only build does its work in parts"
        )
    source = CohortSource(registry.cohort(namespace.name), namespace.root, namespace.target, namespace.protocol)
    out: Path = namespace.out or Path("runs") / f"cohort-{namespace.name}"
    if namespace.action == "describe":
        return describe_cohort(source)
    if namespace.action == "check":
        return check(source, namespace.out)
    return build_part(source, Shard(*namespace.shard), out) if namespace.shard else build(source, out)
