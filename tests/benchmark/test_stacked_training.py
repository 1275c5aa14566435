"""Networks that are trained side by side are those that would be trained alone."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from medkd.benchmark.candidates import contestants
from medkd.benchmark.dataset import TARGET, Problems, stacked, synthetic
from medkd.benchmark.stacked_network import Perceptron, scores
from medkd.benchmark.stacked_step import Course, Try
from medkd.benchmark.stacked_training import AVERAGED, gradient_ratio, train
from medkd.benchmark.synthetic_world import Family
from medkd.benchmark.training_set import Answers, Lesson, mixed_batches
from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.evidence.statistics.metrics import measure

SEEDS, SAMPLES = (3, 5, 8), 120


@pytest.fixture
def problems() -> Problems:
    return stacked([synthetic(Family(), SAMPLES, 0.5, 200, seed) for seed in SEEDS])


@pytest.fixture
def lesson(problems: Problems) -> Lesson:
    generator = torch.Generator().manual_seed(0)
    answers = Answers(torch.randn(3, SAMPLES, 2, generator=generator), torch.randn(3, SAMPLES, 16, generator=generator))
    batches = mixed_batches(problems.labelled, SAMPLES, 16, 12)
    return Lesson(problems.views["student"], problems.y, problems.labelled, problems.seeds, batches, answers)


def test_one_of_many_is_the_network_trained_alone(lesson: Lesson):
    together = train(lesson, 5e-3, [Try(0.3), Try(3.0)], [5, 12])
    for place, seed in enumerate(SEEDS):
        for number, decay in enumerate((0.3, 3.0)):
            torch.manual_seed(seed)
            network = Perceptron(lesson.view.shape[-1])
            groups = [
                {"params": [p for p in network.parameters() if p.dim() > 1], "weight_decay": decay},
                {"params": [p for p in network.parameters() if p.dim() == 1], "weight_decay": 0.0},
            ]
            optimiser = torch.optim.AdamW(groups, lr=5e-3)
            average = copy.deepcopy(network)
            for step, rows in enumerate(lesson.batches):
                logits, _ = network(lesson.view[place, rows])
                known = rows < lesson.labelled
                loss = torch.nn.functional.cross_entropy(logits[known], lesson.y[place, rows][known])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                kept = min(AVERAGED, (1 + step) / (10 + step))
                with torch.no_grad():
                    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
                        mean.mul_(kept).add_(value, alpha=1 - kept)
            for name, value in average.named_parameters():
                torch.testing.assert_close(
                    together[12][name][number * len(SEEDS) + place], value.detach(), rtol=1e-4, atol=1e-5
                )


@pytest.mark.parametrize(
    "name", ["soft_labels", "relational", "contrastive_representation", "class_memory", "embedding_mse"]
)
def test_an_objective_of_many_is_the_objective_alone(lesson: Lesson, name: str):
    contestant = contestants([name])[0][0]
    course = Course(
        lesson,
        [Try(0.0, 1.0)],
        lambda: contestant.build(12) if name != "contrastive_representation" else _all_rows(contestant),
    )
    alone = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        alone.append(contestant.build(12) if name != "contrastive_representation" else _all_rows(contestant))
    for step in range(3):
        seen = course.see(step)
        _, pulled, student = course.losses(seen)
        course.update(student, seen)
        _, y, known, logits, embedding, names = seen
        for place, objective in enumerate(alone):
            batch = Batch({}, {}, y[place], known[place], TARGET, names, names)
            called = (
                Output(student[0][place], student[1][place]),
                {"teacher": Output(logits[place], embedding[place])},
                batch,
            )
            value = torch.stack(list(objective(*called).values())).sum()
            torch.testing.assert_close(pulled[place], value, rtol=1e-4, atol=1e-5)
            objective.update(*called)
    for key, buffer in course.inside[1].items():
        torch.testing.assert_close(buffer, torch.stack([dict(one.named_buffers())[key] for one in alone]))


def _all_rows(contestant):
    """Without a draw of negatives, so that both sides see the same ones."""
    return contestant.kind(student_dim=16, teacher_dim=16, samples=SAMPLES, dim=16, negatives=SAMPLES)


def test_a_student_at_weight_zero_is_the_baseline(lesson: Lesson):
    contestant = contestants(["info_nce"])[0][0]
    student = train(lesson, 5e-3, [Try(1.0, 0.0)], [12], lambda: contestant.build(SAMPLES))[12]
    for name, value in train(lesson, 5e-3, [Try(1.0)], [12])[12].items():
        torch.testing.assert_close(student[name], value)


def test_weights_at_the_ratio_pull_alike(lesson: Lesson):
    for contestant in contestants(["soft_labels", "relational", "similarity_preserving"])[0]:
        ratio = gradient_ratio(lesson, lambda contestant=contestant: contestant.build(SAMPLES))
        course = Course(lesson, [Try(0.0, 1.0)], lambda contestant=contestant: contestant.build(SAMPLES))
        label, pulled, _ = course.losses(course.see(0))
        weights = list(course.network.values())
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
            for loss in (label, ratio * pulled)
        ]
        assert 0.4 < norms[1] / norms[0] < 2.5


def test_batches_mix_labelled_and_unlabelled():
    batches = mixed_batches(labelled=20, samples=100, size=16, steps=50)
    assert batches.shape == (50, 16)
    assert (batches[:, :8] < 20).all()
    assert (batches[:, 8:] >= 20).all()
    assert set(batches.flatten().tolist()) == set(range(100))
    assert mixed_batches(5, 5, 16, 3).shape == (3, 16)


def test_a_baseline_with_much_data_comes_near_the_best_student():
    family = Family()
    problems = stacked([synthetic(family, 20_000, 1.0, 20_000, seed) for seed in (0, 1)])
    batches = mixed_batches(problems.labelled, problems.samples, 128, 1500)
    lesson = Lesson(problems.views["student"], problems.y, problems.labelled, problems.seeds, batches)
    found = scores(train(lesson, 5e-3, [Try(0.1)], [1500])[1500], problems.scored["student"])
    values = [measure("auroc", one.scored_y, score[0].numpy()) for one, score in zip(problems.each, found, strict=True)]
    assert family.bayes_student - 0.015 < np.mean(values) < family.bayes_student + 0.005
