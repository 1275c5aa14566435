"""Percentile bootstrap over rows, as other authors report it, to set their intervals beside ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.evidence.statistics.metrics import Array, Weighted, auprc, auroc


def row_bootstrap(
    y: Array, score: Array, metric: Weighted, replicates: int = 1000, seed: int = 0, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Value, low and high of a metric when single rows are drawn with replacement.

    Several classes are averaged, each against the rest.

    Rows are not independent where a subject has several: the interval is then too narrow.
    ``medkd.evidence.statistics.bootstrap`` draws subjects, and is what our reports use. A draw in which a class lacks
    positives or negatives is left out (the release that this repeats stops there).

    Args:
        y: "sample class", 0 or 1.
        score: "sample class".
        metric: for instance ``auroc``.
        replicates: number of draws.
        seed: of the draws.
        confidence: of the interval.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878, as released; Efron 1979.

    >>> row_bootstrap(np.array([[0.0], [1.0]] * 20), np.array([[0.1], [0.9]] * 20), auroc, replicates=10)
    (1.0, 1.0, 1.0)
    """
    weights = np.concatenate([np.ones((len(y), 1)), row_draws(len(y), replicates, seed)], axis=1)
    values = np.mean([metric(y[:, i], score[:, i], weights)[0] for i in range(y.shape[1])], axis=0)
    drawn = values[1:][np.isfinite(values[1:])]
    tail = 50 * (1 - confidence)
    low, high = np.percentile(drawn, [tail, 100 - tail]) if len(drawn) else (np.nan, np.nan)
    return float(values[0]), float(low), float(high)


def row_draws(count: int, replicates: int, seed: int) -> Array:
    """How often each row was drawn: "row replicate".

    >>> row_draws(3, 2, seed=0).sum(axis=0).tolist()
    [3.0, 3.0]
    """
    rng = np.random.default_rng(seed)
    drawn = [np.bincount(rng.integers(0, count, size=count), minlength=count) for _ in range(replicates)]
    return np.stack(drawn, axis=1).astype(np.float64) if drawn else np.zeros((count, 0))


def _bootstrap_ci(inputs: Mapping[str, Tensor], B: int, task: str) -> dict[str, Tensor]:  # noqa: N803
    labels, score = inputs["y_true"].numpy(), inputs["y_score"].numpy()
    score = score.reshape(len(score), -1)
    y: NDArray[np.float64] = labels.reshape(len(labels), -1).astype(np.float64)
    if task != "binary":
        y = (y == np.arange(score.shape[1])).astype(np.float64)
    return {
        "result": torch.tensor(
            [row_bootstrap(y, score, metric, B) for metric in (auroc, auprc)], dtype=torch.float64
        ).flatten()
    }


GOLDEN = {"oc_distill/bootstrap_ci": _bootstrap_ci}
