from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import medkd.tasks
from medkd import registry
from medkd.data.loading.statistics import Statistics
from medkd.data.splits.split import Split
from medkd.distill.bank import BankMeta
from medkd.distill.bank_builder import build_bank
from medkd.distill.folds import Member
from medkd.distill.learner import FittedModel, learner_sha256
from medkd.networks.resnet1d import ResNet1d
from medkd.pipeline.graph import Graph
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.run_setup import begin

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def graph(run: Path) -> Graph:
    """A prepared run on sixty synthetic patients, its split drawn; nothing is fitted yet."""
    recipe = load_recipe(
        TASK,
        ["cohort_options.subjects=60", "teacher.data.batch_size=8", "student.data.batch_size=8"],
        protocol="kfold:3",
        seeds=1,
        label_fractions=(0.5,),
        fast=True,
    )
    made = begin(recipe, run, jobs=1, registry=registry)
    made.stages["split/seed0"].execute(run)
    return made


@pytest.fixture(scope="session")
def configure(graph: Graph, run: Path) -> Callable[..., Path]:
    """The configuration of one named fit, written into a folder, with changes."""

    def write(out: Path, name: str, **changes: Any) -> Path:
        stage = graph.stages[name]
        held = stage.fit_config(run)  # type: ignore[attr-defined]
        held["trainer"] |= {
            "default_root_dir": str(out),
            "logger": False,
            "callbacks": [],
            "enable_progress_bar": False,
        } | changes.get("trainer", {})
        held["model"] |= changes.get("model", {})
        held["data"] |= changes.get("data", {})
        out.mkdir(parents=True, exist_ok=True)
        file = out / "fit.yaml"
        file.write_text(yaml.safe_dump(held))
        return file

    return write


@pytest.fixture
def fit_config(configure: Callable[..., Path], tmp_path: Path) -> Any:
    """The same below ``tmp_path``."""

    def write(name: str, folder: str = "fit", **changes: Any) -> Path:
        return configure(tmp_path / folder, name, **changes)

    return write


@pytest.fixture(scope="session")
def split(graph: Graph, run: Path) -> Split:
    """Of seed 0: three folds."""
    held: Split = graph.stages["split/seed0"].load(run)  # type: ignore[attr-defined]
    return held


@pytest.fixture(scope="session")
def save_learner(graph: Graph, split: Split) -> Callable[..., FittedModel]:
    """Save a network as a learner. It was never trained.

    Its BatchNorms hold statistics that a training step would change.
    """

    def save(folder: Path, seed: int = 0, held_out: tuple[int, ...] = (0, 1), role: str = "teacher") -> FittedModel:
        who, prepared = graph.cohort.model_input(role), graph.cohort.arrays(role)
        stored = prepared["ecg"]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            settings = {"channels": stored.values.shape[1], "outputs": 1}
            network = ResNet1d(**settings).eval()
            for module in network.modules():
                if isinstance(module, nn.BatchNorm1d):
                    nn.init.uniform_(module.weight, 0.5, 1.5)
                    nn.init.normal_(module.running_mean)
                    nn.init.uniform_(module.running_var, 0.5, 2.0)
        fitted = Statistics.fit(
            stored.values, stored.rows(split.role("train", held_out)["sample_id"]), split.sha256, held_out
        )
        spec = {"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": settings}
        learner = FittedModel(network, spec, who, graph.cohort.target, {"ecg": fitted})
        learner.save(folder)
        return learner

    return save


@pytest.fixture(scope="session")
def make_bank(graph: Graph, split: Split, save_learner: Callable[..., FittedModel]) -> Callable[..., Path]:
    """Two teachers, cross-fitted outside fold 0, and the bank of their outputs."""

    def make(folder: Path, label_fraction: float = 0.5, fields: tuple[str, ...] = ("logits", "embedding")) -> Path:
        held_out = [(0, 1), (0, 2)]
        members = [
            Member(save_learner(folder / f"teacher{i}", i, folds), frozenset(folds)) for i, folds in enumerate(held_out)
        ]
        prepared = graph.cohort.arrays("teacher")
        meta = BankMeta(
            teachers={str(folder / f"teacher{i}"): learner_sha256(folder / f"teacher{i}") for i in range(2)},
            prepared={str(stored.folder): stored.sha256 for stored in prepared.values()},
            split_sha256=split.sha256,
            held_out=(0,),
            label_fraction=label_fraction,
            fields=fields,
        )
        build_bank(folder / "bank", members, split, prepared, meta)
        return folder / "bank"

    return make


@pytest.fixture(scope="session")
def bank(make_bank: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of the labels, logits and embeddings; read only."""
    return make_bank(tmp_path_factory.mktemp("bank"))
