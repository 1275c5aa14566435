from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medkd.evidence.statistics.bootstrap import Block, bootstrap, multiplicities, strata_of
from medkd.evidence.statistics.metrics import METRICS

AUROC = {"auroc": METRICS["auroc"]}


def folds_of(y: np.ndarray, scores: dict[str, np.ndarray], subject: np.ndarray, folds: int, seeds: int) -> list[Block]:
    """Each seed cuts the subjects into folds of its own; all samples of a subject share a fold."""
    blocks = []
    for seed in range(seeds):
        fold_of = np.random.default_rng(seed).permutation(subject.max() + 1)[subject] % folds
        for fold in range(folds):
            rows = fold_of == fold
            readings = {arm: {"score": values[rows, None]} for arm, values in scores.items()}
            blocks.append(Block(seed, fold, subject[rows], y[rows, None], readings))
    return blocks


def test_equals_a_scikit_learn_loop_over_seeds_folds_and_arms() -> None:
    rng = np.random.default_rng(0)
    subject = rng.integers(150, size=200)
    y = (rng.random(200) < 0.3).astype(float)
    scores = {
        arm: np.round(y * power + rng.standard_normal(200), 1) for arm, power in (("student", 1.0), ("baseline", 0.7))
    }
    blocks = folds_of(y, scores, subject, folds=3, seeds=2)
    found = bootstrap(blocks, ["student", "baseline"], AUROC, replicates=40, seed=7)
    draws = np.hstack(list(multiplicities(strata_of(blocks, subject.max() + 1), 40, np.random.default_rng(7))))
    for arm in scores:
        for replicate in range(40):
            seeds = []
            for seed in (0, 1):
                top = bottom = 0.0
                for block in (block for block in blocks if block.seed == seed):
                    w, label = draws[block.subject, replicate], block.y[:, 0]
                    pairs = w[label == 1].sum() * w[label == 0].sum()
                    top += pairs * roc_auc_score(label, block.readings[arm]["score"][:, 0], sample_weight=w)
                    bottom += pairs
                seeds.append(top / bottom)
            assert found[arm, "auroc"].values[replicate] == pytest.approx(np.mean(seeds), abs=1e-12)


def test_an_offset_between_folds_is_not_charged() -> None:
    y, subject = np.array([0.0, 1, 0, 1]), np.arange(4)
    blocks = [
        Block(0, fold, subject[rows], y[rows, None], {"baseline": {"score": np.array([[0.1], [0.2]]) + 5 * fold}})
        for fold, rows in enumerate((slice(0, 2), slice(2, 4)))
    ]
    assert bootstrap(blocks, ["baseline"], AUROC, 10)["baseline", "auroc"].value == 1.0


def test_samples_of_a_subject_are_drawn_together() -> None:
    rng = np.random.default_rng(1)
    y = np.repeat((rng.random(60) < 0.4).astype(float), 5)
    score = np.repeat(y[::5] + rng.standard_normal(60), 5)
    clustered = bootstrap(
        folds_of(y, {"baseline": score}, np.repeat(np.arange(60), 5), 1, 1), ["baseline"], AUROC, 1500
    )
    alone = bootstrap(folds_of(y[::5], {"baseline": score[::5]}, np.arange(60), 1, 1), ["baseline"], AUROC, 1500)
    naive = bootstrap(folds_of(y, {"baseline": score}, np.arange(300), 1, 1), ["baseline"], AUROC, 1500)
    spread = [found["baseline", "auroc"].values.std() for found in (clustered, alone, naive)]
    assert spread[0] == pytest.approx(spread[1], rel=1e-9)
    assert spread[2] < 0.6 * spread[0]


def test_subjects_are_drawn_within_folds_where_all_seeds_share_them() -> None:
    y, subject = np.tile([0.0, 1.0], 20), np.arange(40)
    shared = [
        Block(seed, fold, subject[fold::2], y[fold::2, None], {"baseline": {"score": y[fold::2, None]}})
        for seed in (0, 1)
        for fold in (0, 1)
    ]
    assert len(np.unique(strata_of(shared, 40))) == 2
    assert len(np.unique(strata_of(folds_of(y, {"baseline": y}, subject, 4, 3), 40))) == 1


def test_a_fold_that_lost_its_positives_weighs_nothing() -> None:
    subject = np.arange(6)
    y = np.array([1.0, 0, 0, 1, 1, 0])
    score = np.array([0.9, 0.1, 0.2, 0.8, 0.7, 0.1])
    blocks = [
        Block(0, fold, subject[rows], y[rows, None], {"baseline": {"score": score[rows, None]}})
        for fold, rows in enumerate((slice(0, 3), slice(3, 6)))
    ]
    values = bootstrap(blocks, ["baseline"], AUROC, 300)["baseline", "auroc"].values
    assert np.isfinite(values).mean() > 0.8
    assert (values[np.isfinite(values)] == 1).all()


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """300 studies of one population.

    Two fixed scores, three seeds with partitions of their own, two samples per subject.
    """
    rng = np.random.default_rng(5)
    big = 400_000
    truth = np.repeat((rng.random(big) < 0.3).astype(float), 1)
    weak, strong = truth * 0.8 + rng.standard_normal(big), truth * 1.2 + rng.standard_normal(big)
    gain = roc_auc_score(truth, strong) - roc_auc_score(truth, weak)
    hits, studies = 0, 300
    for _ in range(studies):
        y = np.repeat((rng.random(90) < 0.3).astype(float), 2)
        person = np.repeat(rng.standard_normal((2, 90)), 2, axis=1)
        noise = np.sqrt(0.6) * person + np.sqrt(0.4) * rng.standard_normal((2, 180))
        blocks = folds_of(
            y, {"baseline": 0.8 * y + noise[0], "student": 1.2 * y + noise[1]}, np.repeat(np.arange(90), 2), 3, 3
        )
        found = bootstrap(blocks, ["student", "baseline"], AUROC, 200, seed=1)
        interval = found["student", "auroc"].minus(found["baseline", "auroc"]).interval(0.95)
        hits += interval["low"] <= gain <= interval["high"]
    # Three standard errors of a binomial share around the nominal 95 %.
    assert 0.912 <= hits / studies <= 0.988


def test_is_far_faster_than_a_scikit_learn_loop() -> None:
    """A tenth of benchmarks/bootstrap.py, with a margin for a busy machine: there the ratio is about 65."""
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.2).astype(float)
    score = np.round(y + rng.standard_normal(2000), 2)
    blocks = folds_of(y, {"baseline": score}, np.arange(2000) // 2, 1, 1)
    start = time.perf_counter()
    found = bootstrap(blocks, ["baseline"], AUROC, 100, seed=3)["baseline", "auroc"].values
    ours = time.perf_counter() - start
    draws = next(multiplicities(np.zeros(1000, dtype=np.int64), 100, np.random.default_rng(3)))[np.arange(2000) // 2]
    start = time.perf_counter()
    expected = [roc_auc_score(y, score, sample_weight=column) for column in draws.T]
    assert (time.perf_counter() - start) / ours > 15
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
