"""Paired bootstrap over test subjects, vectorised over replicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medkd.evidence.statistics.metrics import Array, Metric

_CHUNK = 1_000_000
"""Subject x replicate weights in memory at a time: 8 MB, which fits the processor's cache."""


@dataclass(frozen=True)
class Block:
    """The predictions of all arms for one test fold under one seed.

    Args:
        subject: "sample", row of the subject in the draw.
        y: "sample class", 0 or 1 (or a value); NaN where unlabelled.
        readings: arm → score, calibrated or decision → "sample class".
    """

    seed: int
    fold: int
    subject: NDArray[np.int64]
    y: Array
    readings: Mapping[str, Mapping[str, Array]]


@dataclass(frozen=True)
class Replicates:
    """A statistic: as measured per seed, and in every replicate with the seeds averaged.

    Args:
        seeds: "seed".
        values: "replicate"; NaN where a replicate left it undefined.
    """

    seeds: Array
    values: Array

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(self.seeds.mean())

    def minus(self, other: Replicates, sign: float = 1.0) -> Replicates:
        """The paired difference; ``sign`` -1 orients it where less is better."""
        return Replicates(sign * (self.seeds - other.seeds), sign * (self.values - other.values))

    def interval(self, confidence: float) -> dict[str, float | None]:
        """``value, low, high``: percentiles of the defined replicates; all null where the value is undefined.

        >>> Replicates(np.array([1.0, 3.0]), np.arange(101.0)).interval(0.5)
        {'value': 2.0, 'low': 25.0, 'high': 75.0}
        """
        known = self.values[np.isfinite(self.values)]
        if not np.isfinite(self.value) or not len(known):
            return {"value": None, "low": None, "high": None}
        low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
        return {"value": self.value, "low": float(low), "high": float(high)}


def bootstrap(
    blocks: Sequence[Block],
    arms: Sequence[str],
    metrics: Mapping[str, Metric],
    replicates: int,
    seed: int = 0,
    categorical: bool = False,
) -> dict[tuple[str, str], Replicates]:
    """Every metric of every arm, in the same draws of subjects.

    **Estimand.** A value is computed within a fold, folds are weighted by the metric's mass (pairs for AUROC), classes
    are averaged, and an arm's value is the mean over seeds. A fold left without a positive has mass zero and drops out
    of that replicate.

    **Draws.** The unit is the subject: all its samples get its multiplicity. A subject is tested once under every seed,
    so the seeds' errors are correlated through the subjects; therefore a replicate draws each subject's multiplicity
    *once* and uses it under all seeds and in all arms. Where all seeds share one partition (official folds, one seed)
    subjects are drawn within its folds. Where each seed has its own, no draw can fix the sizes of all folds at once;
    subjects are then drawn from all of them, values are still computed within each seed's own folds, and fold sizes
    vary a little from replicate to replicate, which does not narrow an interval. The spread between seeds is not part
    of the interval.

    Args:
        blocks: one for each seed and fold.
        arms: those of the blocks' arms to measure.
        metrics: by name.
        replicates: number of draws.
        seed: of the draws; the same seed and subjects give the same draws in every call.
        categorical: the classes exclude one another (multiclass).

    Returns:
        (arm, metric's name) → its replicates.
    """
    within = {name: metric for name, metric in metrics.items() if not metric.pooled}
    across = {name: metric for name, metric in metrics.items() if metric.pooled}
    pooled = _pool(blocks) if across else []
    subjects = 1 + max(int(block.subject.max()) for block in blocks)

    def run(multiplicity: Array) -> dict[tuple[str, str], Array]:
        values = _measure(blocks, arms, within, multiplicity, categorical)
        return values | _measure(pooled, arms, across, multiplicity, categorical)

    measured = run(np.ones((subjects, 1)))
    drawn: dict[tuple[str, str], list[Array]] = {key: [] for key in measured}
    for multiplicity in multiplicities(strata_of(blocks, subjects), replicates, np.random.default_rng(seed)):
        for key, values in run(multiplicity).items():
            drawn[key].append(values.mean(axis=0))
    return {key: Replicates(measured[key][:, 0], np.concatenate(drawn[key])) for key in measured}


def multiplicities(strata: NDArray[np.int64], replicates: int, rng: np.random.Generator) -> Iterator[Array]:
    """How often each subject was drawn, "subject replicate", some replicates at a time; each stratum keeps its size.

    >>> next(multiplicities(np.array([0, 0, 1]), 4, np.random.default_rng(0))).sum(axis=0).tolist()
    [3.0, 3.0, 3.0, 3.0]
    """
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    step = max(1, _CHUNK // len(strata))
    for start in range(0, replicates, step):
        count = min(step, replicates - start)
        table = np.zeros((len(strata), count))
        for rows in members:
            picked = rng.integers(len(rows), size=(count, len(rows)))
            cells = picked * count + np.arange(count)[:, None]
            table[rows] = np.bincount(cells.ravel(), minlength=len(rows) * count).reshape(len(rows), count)
        yield table


def strata_of(blocks: Sequence[Block], subjects: int) -> NDArray[np.int64]:
    """The stratum of each subject: its fold where all seeds share one partition, else 0 for everybody."""
    seeds = sorted({block.seed for block in blocks})
    fold_of = np.full((subjects, len(seeds)), -1)
    for block in blocks:
        fold_of[block.subject, seeds.index(block.seed)] = block.fold
    kinds, stratum = np.unique(fold_of, axis=0, return_inverse=True)
    shared = len(kinds) <= max(len(np.unique(column)) for column in fold_of.T)
    return stratum.reshape(-1).astype(np.int64) if shared else np.zeros(subjects, dtype=np.int64)


def _measure(
    blocks: Sequence[Block], arms: Sequence[str], metrics: Mapping[str, Metric], multiplicity: Array, categorical: bool
) -> dict[tuple[str, str], Array]:
    """(arm, metric's name) → values "seed replicate"."""
    keys = [(arm, name) for arm in arms for name in metrics]
    if not keys:
        return {}
    seeds = sorted({block.seed for block in blocks})
    shape = (len(seeds), blocks[0].y.shape[1], multiplicity.shape[1])
    top, bottom = {key: np.zeros(shape) for key in keys}, {key: np.zeros(shape) for key in keys}
    for block in blocks:
        for column in range(shape[1]):
            rows = np.flatnonzero(np.isfinite(block.y[:, column]))
            y, weights, cell = (
                block.y[rows, column],
                multiplicity[block.subject[rows]],
                (seeds.index(block.seed), column),
            )
            for arm, name in keys:
                metric = metrics[name]
                value, mass = metric.function(y, block.readings[arm][metric.reads][rows, column], weights)
                top[arm, name][cell] += np.where(mass > 0, value, 0.0) * mass
                bottom[arm, name][cell] += mass
    return {key: _over_classes(top[key], bottom[key], categorical and metrics[key[1]].summed) for key in keys}


def _over_classes(top: Array, bottom: Array, summed: bool) -> Array:
    """The mean (or sum) of the classes that are defined, "seed class replicate" to "seed replicate"."""
    defined = (bottom > 0).sum(axis=1)
    total = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0).sum(axis=1)
    divisor = np.ones_like(total) if summed else defined
    result: Array = np.divide(total, divisor, out=np.full_like(total, np.nan), where=defined > 0)
    return result


def _pool(blocks: Sequence[Block]) -> list[Block]:
    """One block per seed, all its folds together."""
    pooled = []
    for seed in sorted({block.seed for block in blocks}):
        folds = [block for block in blocks if block.seed == seed]
        readings = {
            arm: {kind: np.concatenate([fold.readings[arm][kind] for fold in folds]) for kind in kinds}
            for arm, kinds in folds[0].readings.items()
        }
        subject, y = np.concatenate([fold.subject for fold in folds]), np.concatenate([fold.y for fold in folds])
        pooled.append(Block(seed, -1, subject, y, readings))
    return pooled
