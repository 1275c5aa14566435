"""Learners: saved and loaded they predict the same, run nothing unasked, and as live teachers never change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from medkd.data.core.signal import Signal
from medkd.data.loading.store import Prepared
from medkd.data.splits.split import Split
from medkd.distill.learner import FittedModel, FrozenTeacher, learner_sha256
from medkd.errors import InputError
from medkd.pipeline.graph import Graph


@pytest.fixture
def learner(save_learner: Callable[..., FittedModel], tmp_path: Path) -> FittedModel:
    return save_learner(tmp_path / "learner")


@pytest.fixture
def prepared(graph: Graph) -> dict[str, Prepared]:
    return graph.cohort.arrays("teacher")


@pytest.fixture
def ids(split: Split) -> list[str]:
    return split.table["sample_id"].to_list()


def test_saved_and_loaded_it_gives_the_same_bits(
    learner: FittedModel, prepared: dict[str, Prepared], ids: list[str], tmp_path: Path
) -> None:
    loaded = FittedModel.load(tmp_path / "learner")
    expected, found = learner.predict(prepared, ids), loaded.predict(prepared, ids)
    assert found.logits.equal(expected.logits)
    assert found.embedding is not None
    assert expected.embedding is not None
    assert found.embedding.equal(expected.embedding)
    assert (loaded.model_input, loaded.target, loaded.statistics, loaded.network_config) == (
        learner.model_input,
        learner.target,
        learner.statistics,
        learner.network_config,
    )
    loaded.save(tmp_path / "again")
    for name in ("learner.yaml", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "learner" / name).read_bytes()


def test_it_is_plain_text_and_safetensors(learner: FittedModel, tmp_path: Path) -> None:
    assert sorted(path.name for path in (tmp_path / "learner").iterdir()) == ["learner.yaml", "model.safetensors"]
    held = yaml.safe_load((tmp_path / "learner" / "learner.yaml").read_text())
    assert held["schema_version"] == 1
    assert held["statistics"]["ecg"]["split_sha256"] == learner.statistics["ecg"].split_sha256
    assert load_file(tmp_path / "learner" / "model.safetensors").keys() == learner.network.state_dict().keys()


def test_answers_stand_in_the_order_asked_whatever_the_batch(
    learner: FittedModel, prepared: dict[str, Prepared], ids: list[str]
) -> None:
    whole = dict(zip(ids, learner.predict(prepared, ids).logits[:, 0].tolist(), strict=True))
    turned = list(reversed(ids))[:40] + ids[:1]
    for size in (1, 7, 1000):
        found = learner.predict(prepared, turned, batch_size=size).logits[:, 0].tolist()
        assert found == pytest.approx([whole[name] for name in turned], abs=1e-5)


def test_signals_are_normalised_by_its_own_statistics(
    learner: FittedModel, prepared: dict[str, Prepared], ids: list[str]
) -> None:
    values = np.array(prepared["ecg"].values[prepared["ecg"].rows(ids[:5])], dtype=np.float64)
    fitted = learner.statistics["ecg"]
    normal = (values - np.array(fitted.mean)[:, None]) / np.array(fitted.std)[:, None]
    with torch.inference_mode():
        expected = learner.network({"ecg": Signal(torch.from_numpy(normal.astype(np.float32)))}).logits
    torch.testing.assert_close(learner.predict(prepared, ids[:5]).logits, expected, atol=1e-4, rtol=1e-4)


def test_asking_changes_nothing(learner: FittedModel, prepared: dict[str, Prepared], ids: list[str]) -> None:
    before = {key: value.clone() for key, value in learner.network.state_dict().items()}
    learner.network.train()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    output = learner.predict(prepared, ids)
    assert not output.logits.requires_grad
    assert torch.get_rng_state().equal(state), "no dropout"
    assert all(value.equal(before[key]) for key, value in learner.network.state_dict().items())
    assert output.logits.equal(learner.predict(prepared, ids).logits)


def test_an_absent_signal_is_masked_as_it_was_in_training(
    learner: FittedModel, prepared: dict[str, Prepared], ids: list[str]
) -> None:
    stored = prepared["ecg"]
    values = np.array(stored.values)
    lost = stored.rows(ids[2:3])[0]
    values[lost] = 0
    status = pl.Series("status", ["absent" if row == lost else "ok" for row in range(len(values))])
    without = {"ecg": replace(stored, values=values, index=stored.index.with_columns(status))}
    seen: list[Signal] = []
    learner.network.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]["ecg"]))
    learner.predict(without, ids[:5])
    (signal,) = seen
    assert signal.mask is not None
    assert not signal.mask[2].any()
    assert not signal.values[2].any()
    assert signal.mask[[0, 1, 3, 4]].all()


def test_a_sample_that_was_not_prepared_is_refused(
    learner: FittedModel, prepared: dict[str, Prepared], ids: list[str]
) -> None:
    with pytest.raises(InputError, match="1 samples were not prepared"):
        learner.predict(prepared, [*ids[:3], "nobody"])


def test_its_sha256_changes_with_weights_and_with_settings(learner: FittedModel, tmp_path: Path) -> None:
    folder = tmp_path / "learner"
    first = learner_sha256(folder)
    learner.save(folder)
    assert learner_sha256(folder) == first
    weights = load_file(folder / "model.safetensors")
    weights["stem.0.0.weight"] += 1e-6
    save_file(weights, folder / "model.safetensors")
    assert learner_sha256(folder) != first
    replace(learner, statistics={"ecg": replace(learner.statistics["ecg"], mean=(0.0,) * 12)}).save(folder)
    assert learner_sha256(folder) != first


@pytest.mark.parametrize("missing", ["learner.yaml", "model.safetensors"])
def test_half_a_learner_is_none(learner: FittedModel, tmp_path: Path, missing: str) -> None:
    (tmp_path / "learner" / missing).unlink()
    for ask in (FittedModel.load, learner_sha256):
        with pytest.raises(InputError, match="no learner here"):
            ask(tmp_path / "learner")


@pytest.mark.parametrize("where", ["network", "modality"])
def test_a_class_outside_the_allow_list_is_refused_before_it_is_imported(
    learner: FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (tmp_path / "evil_package.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "learner" / "learner.yaml"
    held = yaml.safe_load(file.read_text())
    (held if where == "network" else held["modalities"]).update(
        {"network" if where == "network" else "ecg": {"class_path": "evil_package.Evil"}}
    )
    file.write_text(yaml.safe_dump(held))
    with pytest.raises(InputError, match="outside the allowed packages"):
        FittedModel.load(tmp_path / "learner")
    assert not (tmp_path / "ran").exists()
    assert "evil_package" not in sys.modules


def test_text_that_would_run_is_not_read(learner: FittedModel, tmp_path: Path) -> None:
    file = tmp_path / "learner" / "learner.yaml"
    file.write_text(file.read_text() + f"extra: !!python/object/apply:os.mkdir ['{tmp_path / 'ran'}']\n")
    with pytest.raises((yaml.YAMLError, InputError)):
        FittedModel.load(tmp_path / "learner")
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def teacher_folder(save_learner: Callable[..., FittedModel], tmp_path: Path) -> Path:
    save_learner(tmp_path / "teacher")
    return tmp_path / "teacher"


def test_a_frozen_teacher_predicts_like_the_model_it_was(teacher_folder: Path, graph: Graph, split: Split) -> None:
    teacher, ids = FrozenTeacher(teacher_folder), split.table["sample_id"].to_list()[:9]
    stored = graph.cohort.arrays("teacher")["ecg"]
    values = teacher.learner.statistics["ecg"].apply(torch.from_numpy(stored.values[stored.rows(ids)]))
    found = teacher({"ecg": Signal(values)})
    expected = FittedModel.load(teacher_folder).predict({"ecg": stored}, ids)
    torch.testing.assert_close(found.logits, expected.logits)
    assert not found.logits.requires_grad
    assert found.features, "a live teacher also has maps"


def test_a_frozen_teacher_changes_nothing_and_draws_nothing(teacher_folder: Path) -> None:
    teacher = FrozenTeacher(teacher_folder)
    before = {key: value.clone() for key, value in teacher.learner.network.state_dict().items()}
    state = torch.get_rng_state()
    with torch.enable_grad():
        teacher({"ecg": Signal(torch.randn(4, 12, 80, generator=torch.Generator().manual_seed(0)))})
    assert torch.get_rng_state().equal(state)
    assert all(value.equal(before[key]) for key, value in teacher.learner.network.state_dict().items())
    assert not any(module.training for module in teacher.learner.network.modules())
    assert not any(parameter.requires_grad for parameter in teacher.learner.network.parameters())


def test_a_module_that_holds_a_frozen_teacher_neither_trains_nor_saves_it(teacher_folder: Path) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.teacher = FrozenTeacher(teacher_folder)

    holder = Holder()
    holder.train()
    assert not any(module.training for module in holder.teacher.learner.network.modules())
    assert list(holder.parameters()) == []
    assert holder.state_dict() == {}


def test_a_frozen_teacher_has_the_sha256_of_its_folder(teacher_folder: Path) -> None:
    assert FrozenTeacher(teacher_folder).sha256 == learner_sha256(teacher_folder)


def test_a_missing_teacher_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no learner here"):
        FrozenTeacher(tmp_path / "nobody")
