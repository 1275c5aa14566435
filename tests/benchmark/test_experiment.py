"""One experiment: what decides an arm's setting and scores, and what must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medkd import registry
from medkd.benchmark.candidates import Candidate, find_candidates
from medkd.benchmark.dataset import Dataset, StackedDatasets, stack
from medkd.benchmark.experiment import BASELINE, TEACHER, Budget, Outcome, TunedSetting, aurocs, run_experiment
from medkd.benchmark.stacked.network import scores
from medkd.benchmark.stacked.training import train
from medkd.benchmark.stacked.training_set import TrainingSet, mixed_batches
from medkd.benchmark.stacked.training_step import Setting
from medkd.benchmark.synthetic.world import SyntheticWorld, synthetic_dataset

BUDGET = Budget(seeds=2, baseline_seeds=2, tuning_seeds=1, batch=8, stops=(2, 6), decays=(0.3, 3.0), ratios=(1.0,))
FIXED = {
    BASELINE: TunedSetting(0.3, 6),
    TEACHER: TunedSetting(0.3, 4),
    "soft_labels": TunedSetting(1.0, 5, 1.0, 0.5),
}
LABELLED = 30


def drawn(seeds: range) -> list[Dataset]:
    return [synthetic_dataset(SyntheticWorld(), 60, 0.5, 50, seed) for seed in seeds]


@pytest.fixture
def tuning() -> StackedDatasets:
    return stack(drawn(range(100, 102)))


@pytest.fixture
def reported() -> list[Dataset]:
    return drawn(range(2))


@pytest.fixture
def candidates() -> list[Candidate]:
    return find_candidates(registry, ["soft_labels"])[0]


def same(one: Outcome, other: Outcome) -> bool:
    return one.settings == other.settings and all(
        np.array_equal(first, second)
        for arm in one.scores
        for first, second in zip(one.scores[arm], other.scores[arm], strict=True)
    )


def test_labels_that_are_withheld_or_scored_decide_nothing(
    tuning: StackedDatasets, reported: list[Dataset], candidates: list[Candidate]
):
    def flipped(dataset: Dataset) -> Dataset:
        y = dataset.y.copy()
        y[LABELLED:] = 1 - y[LABELLED:]
        return replace(dataset, y=y, scored_y=1 - dataset.scored_y)

    before = run_experiment(tuning, stack(reported), "out_of_fold", candidates, BUDGET)
    after = run_experiment(tuning, stack([flipped(one) for one in reported]), "out_of_fold", candidates, BUDGET)
    assert same(before, after)
    trained = replace(reported[0], y=np.r_[1 - reported[0].y[:LABELLED], reported[0].y[LABELLED:]])
    assert not same(before, run_experiment(tuning, stack([trained, reported[1]]), "out_of_fold", candidates, BUDGET))


def test_an_objective_chooses_near_the_baseline_s_decay_and_among_the_stops(
    tuning: StackedDatasets, reported: list[Dataset], candidates: list[Candidate]
):
    measured: list[str] = []
    outcome = run_experiment(tuning, stack(reported), "out_of_fold", candidates, BUDGET, done=measured.append)
    assert measured == list(outcome.scores) == [BASELINE, TEACHER, "soft_labels"]
    for arm in (BASELINE, TEACHER):
        assert outcome.settings[arm].decay in BUDGET.decays
        assert (outcome.settings[arm].ratio, outcome.settings[arm].weight) == (0.0, 0.0)
    student, decay = outcome.settings["soft_labels"], outcome.settings[BASELINE].decay
    assert student.decay in (decay, decay / 10)
    assert student.steps in BUDGET.stops
    assert student.weight > 0


def test_fixed_settings_are_used_and_nothing_is_tuned(
    tuning: StackedDatasets, reported: list[Dataset], candidates: list[Candidate]
):
    other = stack(drawn(range(200, 202)))
    first, second = (
        run_experiment(each, stack(reported), "out_of_fold", candidates, BUDGET, FIXED) for each in (tuning, other)
    )
    assert first.settings == FIXED
    assert same(first, second)


def test_the_baseline_is_the_student_s_view_trained_on_labels_alone(
    tuning: StackedDatasets, reported: list[Dataset], candidates: list[Candidate]
):
    datasets = stack(reported)
    outcome = run_experiment(tuning, datasets, "out_of_fold", candidates, BUDGET, FIXED)
    batches = mixed_batches(LABELLED, 60, BUDGET.batch, BUDGET.stops[-1])
    training_set = TrainingSet(datasets.views["student"], datasets.y, LABELLED, datasets.seeds, batches)
    expected = scores(train(training_set, BUDGET.rate, [Setting(0.3)], [6])[6], datasets.scored["student"])
    for scored, values in zip(outcome.scores[BASELINE], expected, strict=True):
        np.testing.assert_array_equal(scored, values[0].numpy())
    values = aurocs(datasets, outcome.scores[BASELINE])
    truth = [one.scored_y for one in reported]
    assert values == pytest.approx([roc_auc_score(y, s) for y, s in zip(truth, outcome.scores[BASELINE], strict=True)])
