"""Networks that are trained side by side are those that would be trained alone."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from medkd import registry
from medkd.benchmark.candidates import find_candidates
from medkd.benchmark.dataset import StackedDatasets, stack
from medkd.benchmark.stacked.network import Perceptron, scores
from medkd.benchmark.stacked.training import AVERAGED, gradient_ratio, train
from medkd.benchmark.stacked.training_set import TeacherOutputs, TrainingSet, mixed_batches
from medkd.benchmark.stacked.training_step import Setting, StackedStep
from medkd.benchmark.synthetic.world import SyntheticWorld, synthetic_dataset
from medkd.evidence.statistics.metrics import measure

SEEDS, SAMPLES = (3, 5, 8), 120


@pytest.fixture
def datasets() -> StackedDatasets:
    return stack([synthetic_dataset(SyntheticWorld(), SAMPLES, 0.5, 200, seed) for seed in SEEDS])


@pytest.fixture
def training_set(datasets: StackedDatasets) -> TrainingSet:
    generator = torch.Generator().manual_seed(0)
    outputs = TeacherOutputs(
        torch.randn(3, SAMPLES, 2, generator=generator), torch.randn(3, SAMPLES, 16, generator=generator)
    )
    batches = mixed_batches(datasets.labelled, SAMPLES, 16, 12)
    return TrainingSet(datasets.views["student"], datasets.y, datasets.labelled, datasets.seeds, batches, outputs)


def test_one_of_many_is_the_network_trained_alone(training_set: TrainingSet):
    together = train(training_set, 5e-3, [Setting(0.3), Setting(3.0)], [5, 12])
    for index, seed in enumerate(SEEDS):
        for number, decay in enumerate((0.3, 3.0)):
            torch.manual_seed(seed)
            network = Perceptron(training_set.view.shape[-1])
            groups = [
                {"params": [p for p in network.parameters() if p.dim() > 1], "weight_decay": decay},
                {"params": [p for p in network.parameters() if p.dim() == 1], "weight_decay": 0.0},
            ]
            optimiser = torch.optim.AdamW(groups, lr=5e-3)
            average = copy.deepcopy(network)
            for step, rows in enumerate(training_set.batches):
                logits, _ = network(training_set.view[index, rows])
                known = rows < training_set.labelled
                loss = torch.nn.functional.cross_entropy(logits[known], training_set.y[index, rows][known])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                share = min(AVERAGED, (1 + step) / (10 + step))
                with torch.no_grad():
                    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
                        mean.mul_(share).add_(value, alpha=1 - share)
            for name, value in average.named_parameters():
                torch.testing.assert_close(
                    together[12][name][number * len(SEEDS) + index], value.detach(), rtol=1e-4, atol=1e-5
                )


def test_a_student_at_weight_zero_is_the_baseline(training_set: TrainingSet):
    candidate = find_candidates(registry, ["info_nce"])[0][0]
    student = train(training_set, 5e-3, [Setting(1.0, 0.0)], [12], lambda: candidate.build(SAMPLES))[12]
    for name, value in train(training_set, 5e-3, [Setting(1.0)], [12])[12].items():
        torch.testing.assert_close(student[name], value)


def test_weights_at_the_ratio_pull_alike(training_set: TrainingSet):
    for candidate in find_candidates(registry, ["soft_labels", "rkd", "similarity_preserving"])[0]:
        ratio = gradient_ratio(training_set, lambda candidate=candidate: candidate.build(SAMPLES))
        stacked = StackedStep(training_set, [Setting(0.0, 1.0)], lambda candidate=candidate: candidate.build(SAMPLES))
        label, distilled, _ = stacked.losses(stacked.inputs(0))
        weights = list(stacked.network.values())
        norms = [
            torch.stack(
                [
                    part.flatten(1).square().sum(dim=1)
                    for part in torch.autograd.grad(loss.sum(), weights, retain_graph=True, materialize_grads=True)
                ]
            )
            .sum(dim=0)
            .sqrt()
            .median()
            for loss in (label, ratio * distilled)
        ]
        assert 0.4 < norms[1] / norms[0] < 2.5


def test_a_baseline_with_much_data_comes_near_the_best_student():
    world = SyntheticWorld()
    datasets = stack([synthetic_dataset(world, 20_000, 1.0, 20_000, seed) for seed in (0, 1)])
    batches = mixed_batches(datasets.labelled, datasets.samples, 128, 1500)
    training_set = TrainingSet(datasets.views["student"], datasets.y, datasets.labelled, datasets.seeds, batches)
    log_odds = scores(train(training_set, 5e-3, [Setting(0.1)], [1500])[1500], datasets.scored["student"])
    values = [
        measure("auroc", one.scored_y, score[0].numpy()) for one, score in zip(datasets.each, log_odds, strict=True)
    ]
    assert world.bayes_student - 0.015 < np.mean(values) < world.bayes_student + 0.005
