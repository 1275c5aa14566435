"""Scores of a run's forecasts beside two baselines: RMSE, MAE and Clarke zones on the same test samples.

    python -m medkd.tasks.gluconet.scores RUN

Baselines are fitted fold by fold on the training samples that the arms had, at the label fraction of the headline:
persistence says that glucose stays as it is, ridge is a line through the sensor's window.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from medkd.data.io.load import read_table
from medkd.data.splits.split import Split
from medkd.errors import InputError, MedkdError
from medkd.evidence.statistics.clarke import clarke_shares
from medkd.evidence.statistics.metrics import measure
from medkd.pipeline.prepared_cohort import PreparedCohort

Array = NDArray[np.float64]
SENSOR = "cgm"
PENALTY = 10.0
"""Of the ridge on values in mg/dL."""


def persistence(window: Array) -> Array:
    """The window's last value.

    >>> persistence(np.array([[90.0, 100.0]])).tolist()
    [100.0]
    """
    last: Array = window[:, -1]
    return last


def ridge(train: Array, y: Array, window: Array) -> Array:
    """The last value, plus a line through the window, fitted by penalised least squares.

    Args:
        train: "sample step", mg/dL.
        y: "sample", what came after.
        window: "sample step", to forecast from.

    >>> rise = np.arange(20.0)[:, None] * np.array([0.0, 1.0, 2.0])
    >>> ridge(rise, 3 * np.arange(20.0), np.array([[0.0, 5.0, 10.0]])).round(1).tolist()
    [15.0]
    """
    fitted = Ridge(PENALTY).fit(train, y - train[:, -1])
    forecast: Array = window[:, -1] + np.asarray(fitted.predict(window))
    return forecast


def table(run: Path) -> pl.DataFrame:
    """One row an arm, baseline and forecast: RMSE, MAE (mg/dL) and the share of each Clarke zone.

    Means over seeds, all folds together.

    Raises:
        InputError: the run has no test predictions, or is no forecast of glucose from ``cgm``.
    """
    predictions = read_table(run / "test_predictions.parquet", f"Run it to its end: medkd distill gluconet --out {run}")
    labels = float(predictions["label_fraction"].max())  # type: ignore[arg-type]
    arms = predictions.filter(pl.col("label_fraction") == labels).select("arm", "class", "seed", "y", "score")
    both = pl.concat(
        [arms, *(_baselines(run, labels, seed) for seed in arms["seed"].unique().sort())], how="vertical_relaxed"
    )
    rows = []
    for (arm, name), part in both.group_by("arm", "class", maintain_order=True):
        fits = [(fit["y"].to_numpy(), fit["score"].to_numpy()) for fit in part.partition_by("seed")]
        zones = [clarke_shares(y, score) for y, score in fits]
        means = {metric: float(np.mean([measure(metric, y, score) for y, score in fits])) for metric in ("rmse", "mae")}
        rows.append(
            {"arm": arm, "forecast": name, **means}
            | {zone: float(np.mean([held[zone] for held in zones])) for zone in zones[0]}
        )
    return pl.DataFrame(rows).sort("forecast", "rmse")


def _baselines(run: Path, labels: float, seed: int) -> pl.DataFrame:
    split = Split.load(run / "split" / f"seed{seed}" / "split.json")
    return pl.concat(list(_folds(run, split, labels, seed)))


def _folds(run: Path, split: Split, labels: float, seed: int) -> Iterator[pl.DataFrame]:
    inputs = PreparedCohort.load(run)
    if SENSOR not in inputs.stores["student"]:
        raise InputError(f"this run's student does not see {SENSOR}", where=run, remedy="Give a run of gluconet")
    stored = inputs.arrays("student")[SENSOR]
    samples = read_table(PreparedCohort.samples_file(run))
    for fold in split.evaluated:
        train, test = (
            split.role(role, (fold,), labels).select("sample_id").join(samples, on="sample_id", maintain_order="left")
            for role in ("train", "test")
        )
        seen, window = (
            np.asarray(stored.values[stored.rows(part["sample_id"])][:, 0], dtype=np.float64) for part in (train, test)
        )
        for column in inputs.target.columns:
            y = test[column].cast(pl.Float64)
            known = train[column].is_not_null().to_numpy()
            line = ridge(seen[known], train[column].cast(pl.Float64).to_numpy()[known], window)
            for arm, score in (("persistence", persistence(window)), ("ridge", line)):
                frame = pl.DataFrame({"arm": arm, "class": column, "seed": seed, "y": y, "score": score})
                yield frame.drop_nulls("y")


def main() -> int:
    """Print the table of a run."""
    parser = argparse.ArgumentParser(
        prog="python -m medkd.tasks.gluconet.scores", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    try:
        held = table(parser.parse_args().run)
    except MedkdError as error:
        print(f"medkd: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{'arm':<22}{'forecast':<12}{'RMSE':>8}{'MAE':>8}" + "".join(f"{zone:>8}" for zone in "ABCDE"))
    for row in held.iter_rows(named=True):
        zones = "".join(f"{100 * row[zone]:>7.2f}%" for zone in "ABCDE")
        print(f"{row['arm']:<22}{row['forecast']:<12}{row['rmse']:>8.2f}{row['mae']:>8.2f}{zones}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
