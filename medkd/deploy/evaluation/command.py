"""``medkd evaluate``: options, and the sentences that are printed at the end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from medkd.deploy.bundle.trust_options import add_trust_arguments
from medkd.deploy.evaluation.settings import DEFAULTS, PERIODS, EvaluateSettings
from medkd.errors import InputError
from medkd.parser import Parser, one_of


def add_arguments(parser: Parser) -> None:
    """Add BUNDLE and the options of ``EvaluateSettings``."""
    parser.add_argument("bundle", nargs="?", type=Path, metavar="BUNDLE", help="folder that medkd distill left")
    parser.add_argument("--cohort", metavar="NAME", help="see: medkd list cohorts")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="folder of the data set; not needed for demo_* cohorts"
    )
    parser.add_argument(
        "--target", metavar="KEY", help="the cohort's key for what the bundle predicts; default: the bundle's own"
    )
    parser.add_argument(
        "--predictions", type=Path, metavar="RUN", help="in place of a bundle: what medkd predict left months ago"
    )
    parser.add_argument(
        "--outcomes", type=Path, metavar="CSV", help="with --predictions: what has become of the patients"
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="with --predictions: sample_id and subject_id, where patients have several",
    )
    parser.add_argument(
        "--period",
        type=one_of("--period", tuple(PERIODS)),
        default=DEFAULTS.period,
        metavar="P",
        help="with --predictions: week, month, quarter or year; default %(default)s",
    )
    parser.add_argument(
        "--recalibrate",
        metavar="WHO",
        help="refit calibration and threshold on 0.3 of the subjects, or on COLUMN=VALUE",
    )
    parser.add_argument("--fast", action="store_true", help="100 bootstrap replicates")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="where the evaluation goes")
    add_trust_arguments(parser)


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd evaluate BUNDLE --cohort NAME`` or ``medkd evaluate --predictions RUN --outcomes CSV``."""
    from medkd import registry
    from medkd.deploy.evaluation.evaluate import evaluate_cohort, evaluate_outcomes

    settings, out = EvaluateSettings.from_namespace(namespace), Path(namespace.out)
    options = {name: value for name, value in vars(namespace).items() if value is not None}
    if "predictions" in options or "outcomes" in options:
        _require(
            options, {"predictions": "--predictions", "outcomes": "--outcomes"}, "--predictions RUN, --outcomes CSV"
        )
        if "cohort" in options:
            raise InputError(
                "--cohort and --predictions ask for two things", where="medkd evaluate", remedy="Give one of them"
            )
        evaluation = evaluate_outcomes(
            Path(options["predictions"]),
            Path(options["outcomes"]),
            out,
            settings,
            bundle=options.get("bundle"),
            manifest=options.get("manifest"),
        )
    else:
        _require(options, {"bundle": "BUNDLE", "cohort": "--cohort"}, "BUNDLE --cohort NAME --root DIR")
        evaluation = evaluate_cohort(
            Path(options["bundle"]), options["cohort"], options.get("root"), out, settings, registry=registry
        )
    print("\n".join([evaluation["sentence"], *evaluation["details"]]))
    print(f"The page: {out / 'evaluation.html'}")
    return 0


def _require(options: dict[str, Any], words: dict[str, str], remedy: str) -> None:
    for name, word in words.items():
        if name not in options:
            raise InputError(f"{word} is missing", where="medkd evaluate", remedy=f"Give {remedy}")
