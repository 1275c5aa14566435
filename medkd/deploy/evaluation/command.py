"""``medkd evaluate``.

What a bundle is worth on patients that it never saw, before anything runs and in the months after.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from medkd.data.core.target import Target
from medkd.data.io.load import read_json, read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.layout import REPORT
from medkd.deploy.evaluation.evaluated import Evaluated
from medkd.deploy.evaluation.evaluation import evaluate
from medkd.deploy.evaluation.external_cohort import OutsideCohort, input_shift
from medkd.deploy.evaluation.labels import truth_of
from medkd.deploy.evaluation.outcomes import read_outcomes
from medkd.deploy.evaluation.recalibration import Subset
from medkd.deploy.evaluation.temporal import PERIODS
from medkd.deploy.inference.plan import PARQUET, QUARANTINE, RUN
from medkd.deploy.inference.predict import predict
from medkd.errors import InputError, nearest
from medkd.evidence.report_schema import read_report

SCORES = "scores"


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd evaluate BUNDLE --cohort NAME`` or ``medkd evaluate --predictions RUN --outcomes CSV``."""
    given = {key: value for key, value in vars(namespace).items() if value is not None}
    out = Path(given["out"])
    shared = {
        "recalibrate": given.get("recalibrate"),
        "trust": given.get("trust", ()),
        "key": given.get("require_signed"),
        "fast": bool(given.get("fast")),
    }
    if "predictions" in given or "outcomes" in given:
        for option in ("predictions", "outcomes"):
            if option not in given:
                raise InputError(
                    f"--{option} is missing", where="medkd evaluate", remedy="Give --predictions RUN and --outcomes CSV"
                )
        if "cohort" in given:
            raise InputError(
                "--cohort and --predictions ask for two things", where="medkd evaluate", remedy="Give one of them"
            )
        found = evaluate_outcomes(
            Path(given["predictions"]),
            Path(given["outcomes"]),
            out,
            bundle=given.get("bundle"),
            manifest=given.get("manifest"),
            period=given.get("period", "month"),
            **shared,
        )
    else:
        for option in ("bundle", "cohort"):
            if option not in given:
                word = "BUNDLE" if option == "bundle" else "--cohort"
                raise InputError(
                    f"{word} is missing", where="medkd evaluate", remedy="Give BUNDLE --cohort NAME --root DIR"
                )
        found = evaluate_cohort(
            Path(given["bundle"]), given["cohort"], given.get("root"), out, target=given.get("target"), **shared
        )
    print("\n".join([found["sentence"], *found["details"]]))
    print(f"The page: {out / 'evaluation.html'}")
    return 0


def evaluate_cohort(
    bundle: Path,
    cohort: str,
    root: Path | None,
    out: Path,
    *,
    target: str | None = None,
    recalibrate: str | None = None,
    trust: Sequence[str] = (),
    key: Path | None = None,
    fast: bool = False,
) -> dict[str, Any]:
    """External validation: score a cohort, and hold what was said against what happened.

    Args:
        bundle: the bundle's folder, which is not changed.
        cohort, root: the data set and its folder; a synthetic one needs none.
        out: gets ``evaluation.json``, ``evaluation.html``, ``evaluation_predictions.parquet`` and the folder
            ``scores``.
        target: the cohort's key for what the bundle predicts; by default the bundle's own.
        recalibrate: see ``Subset.parse``; the figures are then of all others.
        trust: packages beside medkd whose classes the bundle may name.
        key: public key by which the bundle must have been signed.
        fast: fewer bootstrap replicates.

    Returns:
        What ``evaluation.json`` holds.

    Raises:
        InputError: the cohort does not have the bundle's target, none of its samples could be scored, or something
            cannot be read.
    """
    subset = None if recalibrate is None else Subset.parse(recalibrate)
    _check_out(out, bundle)
    loaded = Bundle.load(bundle, trust, key=key)
    outside = OutsideCohort.open(cohort, root, out, loaded.target, target)
    predict(bundle, outside.root, out / SCORES, trust=trust, key=key)
    table, run = read_table(out / SCORES / PARQUET), read_json(out / SCORES / RUN)
    report = read_report(bundle / REPORT)
    what = Evaluated(
        "external validation",
        cohort,
        outside.target,
        loaded.calibration.threshold,
        report,
        loaded,
        in_sample=str(report.get("cohort", "")).lower() == cohort.lower(),
        psi=input_shift(loaded, outside.root, out),
    )
    truth = truth_of(outside.samples, outside.target)
    flow = [*outside.flow, *_missing(outside.samples, table, out / SCORES, truth, outside.target)]
    return evaluate(what, table, truth, run, out, flow, subset=subset, fast=fast)


def evaluate_outcomes(
    run: Path,
    outcomes: Path,
    out: Path,
    *,
    bundle: Path | None = None,
    manifest: Path | None = None,
    period: str = "month",
    recalibrate: str | None = None,
    trust: Sequence[str] = (),
    key: Path | None = None,
    fast: bool = False,
) -> dict[str, Any]:
    """The months after: hold what a finished run said against outcomes that have arrived since.

    Args:
        run: the folder that ``medkd predict`` left.
        outcomes: see ``read_outcomes``.
        out: as for ``evaluate_cohort``.
        bundle: that made the run; with it, development's figures and the coverage of its sets are shown too.
        manifest: a table with ``sample_id`` and ``subject_id``, where a patient has several samples or outcomes come by
            patient.
        period: week, month, quarter or year.
        recalibrate, trust, key, fast: as for ``evaluate_cohort``.

    Raises:
        InputError: the run is not finished or of another bundle, or nothing matches.
    """
    subset = None if recalibrate is None else Subset.parse(recalibrate)
    if period not in PERIODS:
        raise InputError(f"no period '{period}'", where="--period", remedy=nearest(period, PERIODS))
    _check_out(out, bundle, run)
    table, record = read_table(run / PARQUET, "Repeat medkd predict"), read_json(run / RUN, "Repeat medkd predict")
    what = Evaluated.of_run(record, run, bundle, trust, key)
    aside = pl.read_csv(run / QUARANTINE, infer_schema=False)["item"].to_list() if (run / QUARANTINE).is_file() else []
    predicted = table.select("sample_id", *(["subject_id"] if "subject_id" in table.columns else []))
    if manifest is not None:
        predicted = predicted.select("sample_id").join(
            _subjects(manifest), on="sample_id", how="left", maintain_order="left"
        )
    found = read_outcomes(outcomes, what.target, predicted, aside)
    flow = [("predictions in the run", table.height), *found.unmatched]
    return evaluate(what, table, found.table, record, out, flow, subset=subset, fast=fast, period=period)


def _subjects(manifest: Path) -> pl.DataFrame:
    try:
        table = (
            pl.read_parquet(manifest)
            if manifest.suffix.lower() == ".parquet"
            else pl.read_csv(manifest, infer_schema=False)
        )
        return table.select(pl.col("sample_id", "subject_id").cast(pl.String)).unique("sample_id")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            "manifest cannot be read", where=manifest, remedy="Give a table with sample_id and subject_id"
        ) from error


def _missing(
    samples: pl.DataFrame, table: pl.DataFrame, scores: Path, truth: pl.DataFrame, target: Target
) -> list[tuple[str, int]]:
    """Why samples of the cohort are not in the figures."""
    aside = pl.read_csv(scores / QUARANTINE, infer_schema=False).height if (scores / QUARANTINE).is_file() else 0
    lacking = samples.join(table, on="sample_id", how="anti").height
    unlabelled = truth.filter(pl.all_horizontal(pl.col(f"y_{name}").is_null() for name in target.names)).height
    rows = [
        ("set aside: could not be read or used (scores/quarantine.csv)", min(aside, lacking)),
        ("not scored", max(0, lacking - aside)),
    ]
    return [row for row in [*rows, ("unlabelled", unlabelled)] if row[1]]


def _check_out(out: Path, *places: Path | None) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", where="--out", remedy="Give a folder")
    for place in places:
        if place is not None and out.resolve().is_relative_to(place.resolve()):
            raise InputError(
                f"{out} lies in {place}, which must not change", where="--out", remedy="Give another folder"
            )
