"""Paired, subject-clustered bootstrap of AUROC against a loop over scikit-learn: ``python benchmarks/bootstrap.py``."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
from sklearn.metrics import roc_auc_score

from medkd.evidence.statistics.bootstrap import Block, bootstrap, multiplicities
from medkd.evidence.statistics.metrics import METRICS

SAMPLES, SUBJECTS, REPLICATES, ARMS = 2000, 1500, 1000, ("student", "baseline")


def cohort() -> Block:
    """One test fold: 2,000 samples of 1,500 subjects, two arms, scores with ties."""
    rng = np.random.default_rng(0)
    subject = rng.integers(SUBJECTS, size=SAMPLES)
    subject[:SUBJECTS] = np.arange(SUBJECTS)
    y = (rng.random((SAMPLES, 1)) < 0.2).astype(float)
    readings = {arm: {"score": np.round(y * 0.8 + rng.standard_normal((SAMPLES, 1)), 2)} for arm in ARMS}
    return Block(0, 0, subject, y, readings)


def by_scikit_learn(block: Block, replicates: int) -> dict[str, np.ndarray]:
    """The same draws, one ``roc_auc_score`` a replicate and arm."""
    drawn = np.hstack(list(multiplicities(np.zeros(SUBJECTS, dtype=np.int64), REPLICATES, np.random.default_rng(0))))
    y = block.y[:, 0]
    weights = [drawn[block.subject, column] for column in islice(range(REPLICATES), replicates)]
    return {
        arm: np.array([roc_auc_score(y, block.readings[arm]["score"][:, 0], sample_weight=w) for w in weights])
        for arm in ARMS
    }


def main() -> None:
    """Print the ratio of times and the largest difference."""
    block = cohort()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        ours = bootstrap([block], ARMS, {"auroc": METRICS["auroc"]}, REPLICATES, seed=0)
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    theirs = by_scikit_learn(block, REPLICATES)
    loop = time.perf_counter() - start
    worst = max(float(np.abs(ours[arm, "auroc"].values - theirs[arm]).max()) for arm in ARMS)
    print(f"{REPLICATES} paired replicates over {SAMPLES} samples of {SUBJECTS} subjects, {len(ARMS)} arms")
    mine = float(np.median(times))
    print(
        f"medkd {mine:.3f} s · scikit-learn loop {loop:.2f} s · ratio {loop / mine:.0f}x · "
        f"largest difference {worst:.1e}"
    )


if __name__ == "__main__":
    main()
