"""A step of stacked networks: the loss that each would have alone, and labels that must not reach it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from medkd import registry
from medkd.benchmark.candidates import Candidate, find_candidates
from medkd.benchmark.dataset import TARGET, stack
from medkd.benchmark.stacked.training_set import TeacherOutputs, TrainingSet, mixed_batches
from medkd.benchmark.stacked.training_step import Setting, StackedStep
from medkd.benchmark.synthetic.world import SyntheticWorld, synthetic_dataset
from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.objectives.objective import Objective

SEEDS, SAMPLES = (3, 5, 8), 120


@pytest.fixture
def training_set() -> TrainingSet:
    datasets = stack([synthetic_dataset(SyntheticWorld(), SAMPLES, 0.5, 200, seed) for seed in SEEDS])
    generator = torch.Generator().manual_seed(0)
    outputs = TeacherOutputs(
        torch.randn(3, SAMPLES, 2, generator=generator), torch.randn(3, SAMPLES, 16, generator=generator)
    )
    batches = mixed_batches(datasets.labelled, SAMPLES, 16, 12)
    return TrainingSet(datasets.views["student"], datasets.y, datasets.labelled, datasets.seeds, batches, outputs)


@pytest.mark.parametrize("name", ["soft_labels", "rkd", "crd", "class_memory", "embedding_mse"])
def test_an_objective_of_many_is_the_objective_alone(training_set: TrainingSet, name: str):
    candidate = find_candidates(registry, [name])[0][0]
    stacked = StackedStep(
        training_set,
        [Setting(0.0, 1.0)],
        lambda: candidate.build(12) if name != "crd" else _all_rows(candidate),
    )
    alone = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        alone.append(candidate.build(12) if name != "crd" else _all_rows(candidate))
    for step in range(3):
        inputs = stacked.inputs(step)
        _, distilled, student = stacked.losses(inputs)
        stacked.update(student, inputs)
        _, y, known, logits, embedding, names = inputs
        for index, objective in enumerate(alone):
            batch = Batch({}, {}, y[index], known[index], TARGET, names, names)
            arguments = (
                Output(student[0][index], student[1][index]),
                {"teacher": Output(logits[index], embedding[index])},
                batch,
            )
            value = torch.stack(list(objective(*arguments).values())).sum()
            torch.testing.assert_close(distilled[index], value, rtol=1e-4, atol=1e-5)
            objective.update(*arguments)
    for key, buffer in stacked.objective_state[1].items():
        torch.testing.assert_close(buffer, torch.stack([dict(one.named_buffers())[key] for one in alone]))


def _all_rows(candidate: Candidate) -> Objective:
    """Without a draw of negatives, so that both sides see the same ones."""
    return candidate.kind(student_dim=16, teacher_dim=16, samples=SAMPLES, dim=16, negatives=SAMPLES)


def test_an_unlabelled_sample_s_class_changes_no_loss(training_set: TrainingSet):
    y = training_set.y.clone()
    y[:, training_set.labelled :] = 1 - y[:, training_set.labelled :]
    candidate = find_candidates(registry, ["soft_labels"])[0][0]
    losses = []
    for one in (training_set, replace(training_set, y=y)):
        step = StackedStep(one, [Setting(0.0, 1.0)], lambda: candidate.build(SAMPLES))
        losses.append(torch.stack(step.losses(step.inputs(0))[:2]))
    assert losses[0].equal(losses[1])
    assert losses[0][0].equal(_supervised_alone(training_set))


def _supervised_alone(training_set: TrainingSet) -> torch.Tensor:
    """The supervised loss of networks that have no objective."""
    step = StackedStep(training_set, [Setting(0.0)], None)
    return step.losses(step.inputs(0))[0]


def test_a_data_set_s_rows_of_their_own_are_gathered(training_set: TrainingSet):
    rows = torch.stack([training_set.batches.roll(shift, 0) for shift in range(3)], dim=1)
    step = StackedStep(replace(training_set, batches=rows), [Setting(0.0), Setting(1.0)], None)
    view, y, known, logits, _, _ = step.inputs(2)
    for copy in range(2):
        for dataset in range(3):
            index, wanted = 3 * copy + dataset, rows[2, dataset]
            assert view[index].equal(training_set.view[dataset, wanted])
            assert y[index, :, 0].equal(training_set.y[dataset, wanted].float())
            assert known[index, :, 0].equal(wanted < training_set.labelled)
            assert training_set.teacher is not None
            assert logits[index].equal(training_set.teacher.logits[dataset, wanted])


def test_only_an_objective_with_a_memory_changes_it(training_set: TrainingSet):
    for name, remembers in (("class_memory", True), ("soft_labels", False)):
        candidate = find_candidates(registry, [name])[0][0]
        step = StackedStep(training_set, [Setting(0.0, 1.0)], lambda candidate=candidate: candidate.build(SAMPLES))
        before = {key: value.clone() for key, value in step.objective_state[1].items()}
        inputs = step.inputs(0)
        step.update(step.losses(inputs)[2], inputs)
        changed = [key for key, value in step.objective_state[1].items() if not value.equal(before[key])]
        assert bool(changed) is remembers
