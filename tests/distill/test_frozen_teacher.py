"""A live teacher answers in eval mode, and cannot be reached by training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from medkd.data.core.signal import Signal
from medkd.data.splits.split import Split
from medkd.distill.frozen_teacher import FrozenTeacher
from medkd.distill.learner import FittedModel, learner_sha256
from medkd.errors import InputError
from medkd.pipeline.graph import Graph


@pytest.fixture
def folder(save_learner: Callable[..., FittedModel], tmp_path: Path) -> Path:
    save_learner(tmp_path / "teacher")
    return tmp_path / "teacher"


def test_its_answers_are_those_of_the_learner_it_was(folder: Path, graph: Graph, split: Split) -> None:
    teacher, ids = FrozenTeacher(folder), split.table["sample_id"].to_list()[:9]
    stored = graph.inputs.prepared("teacher")["ecg"]
    values = teacher.learner.statistics["ecg"].apply(torch.from_numpy(stored.values[stored.rows(ids)]))
    found = teacher({"ecg": Signal(values)})
    expected = FittedModel.load(folder).predict({"ecg": stored}, ids)
    torch.testing.assert_close(found.logits, expected.logits)
    assert not found.logits.requires_grad
    assert found.features, "a live teacher also has maps"


def test_answering_changes_nothing_and_draws_nothing(folder: Path) -> None:
    teacher = FrozenTeacher(folder)
    before = {key: value.clone() for key, value in teacher.learner.network.state_dict().items()}
    state = torch.get_rng_state()
    with torch.enable_grad():
        teacher({"ecg": Signal(torch.randn(4, 12, 80, generator=torch.Generator().manual_seed(0)))})
    assert torch.get_rng_state().equal(state)
    assert all(value.equal(before[key]) for key, value in teacher.learner.network.state_dict().items())
    assert not any(module.training for module in teacher.learner.network.modules())
    assert not any(parameter.requires_grad for parameter in teacher.learner.network.parameters())


def test_a_module_that_holds_it_neither_trains_nor_saves_it(folder: Path) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.teacher = FrozenTeacher(folder)

    holder = Holder()
    holder.train()
    assert not any(module.training for module in holder.teacher.learner.network.modules())
    assert list(holder.parameters()) == []
    assert holder.state_dict() == {}


def test_it_is_known_by_what_it_was_loaded_from(folder: Path) -> None:
    assert FrozenTeacher(folder).sha256 == learner_sha256(folder)


def test_a_teacher_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no learner here"):
        FrozenTeacher(tmp_path / "nobody")
