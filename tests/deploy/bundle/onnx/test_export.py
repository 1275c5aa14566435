"""The graph in a bundle gives what its network gives: of every shipped recipe's student, on records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
import torch
from torch import nn

import medkd.tasks
from medkd import registry
from medkd.data.core.instantiate import instantiate
from medkd.data.core.output import Output
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.onnx.export import TOLERANCE, difference, export
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.deploy.inference.items import find_items
from medkd.distill.learner import FittedModel
from medkd.distill.trees import TreeLearner
from medkd.networks.network import Network
from medkd.pipeline.graph import make_graph
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_cohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.run_setup import open_cohort
from medkd.pipeline.stages.fit import FitStage, LearnerStage
from tests.deploy.conftest import REPORT

RECORDS = 24


def recipes() -> list[Path]:
    """Every shipped recipe, one of those of a task whose students are the same network over the same view."""
    found = {}
    for path in sorted(Path(medkd.tasks.__path__[0]).glob("*/*.yaml"), reverse=True):
        student = load_recipe(path).student
        network = student.model.get("network") or student.model["learner"]["class_path"]
        found.setdefault((path.parent.name, student.view, str(student.modalities), str(network)), path)
    return sorted(found.values())


def student_of(path: Path, run: Path) -> tuple[FittedModel, PreparedCohort]:
    """A recipe's student on its task's synthetic cohort: with random weights, or trees of a few rounds."""
    synthetic = load_recipe(path.parent / "recipe.yaml").cohort
    made_up = {} if load_recipe(path).cohort == synthetic else {"cohort": synthetic, "target": ""}
    recipe = load_recipe(
        path, ["cohort_options.subjects=45"], protocol="kfold:3", seeds=1, label_fractions=(1.0,), fast=True, **made_up
    )
    # What the teacher sees is not asked for here, and need not be prepared.
    seen = {"view": recipe.student.view, "modalities": recipe.student.modalities}
    recipe = recipe.model_copy(update={"teacher": recipe.teacher.model_copy(update=seen)})
    inputs = prepare_cohort(recipe, open_cohort(recipe, run, registry), run, jobs=1)
    stages = make_graph(recipe, inputs).stages.values()
    fit = next(stage for stage in stages if isinstance(stage, FitStage) and stage.config["arm"] == "student")
    fit.needs["split"].execute(run)
    data = fit.data(run)
    data.setup("fit")
    if isinstance(fit, LearnerStage):
        learner = instantiate(fit.config["model"]["learner"], TreeLearner)
        learner = replace(learner, num_boost_round=20, min_data_in_leaf=5)
        return learner.fit(data, {}, seed=0, threads=1), inputs
    torch.manual_seed(0)
    spec = fit.fit_config(run)["model"]["network"]
    network = instantiate(spec, Network)
    for module in network.modules():
        # A layer that starts at zero would hide what comes before it.
        if isinstance(module, nn.BatchNorm1d | nn.Linear):
            nn.init.uniform_(module.weight, 0.1, 0.4)
    return FittedModel(
        network.eval(), spec, inputs.model_input("student"), inputs.target, data.statistics["model"]
    ), inputs


@pytest.mark.parametrize("path", recipes(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recipes_student_scores_alike_by_torch_and_by_onnx(path: Path, tmp_path: Path) -> None:
    learner, inputs = student_of(path, tmp_path)
    learner.save(tmp_path / "learner")
    by_torch = Bundle.write(tmp_path / "bundle", tmp_path / "learner", {"temperature": 1, "threshold": None}, REPORT)
    by_onnx = Bundle.load(tmp_path / "bundle", runtime="onnx")
    rows = pl.read_parquet(PreparedCohort.samples_file(tmp_path)).head(RECORDS).iter_rows(named=True)
    prepared = [by_torch.prepare(row, Path(inputs.root)) for row in rows]
    expected = by_torch.logits(prepared)
    assert np.ptp(expected) > 0.01
    for size in (1, 7, None):
        assert difference(expected, by_onnx.logits(prepared, rows=size)) <= TOLERANCE


def test_trees_score_real_stays_alike(shared: Path, trees_folder: Path, tmp_path: Path) -> None:
    by_torch, by_onnx = (Bundle.load(trees_folder, runtime=runtime) for runtime in ("torch", "onnx"))
    items = find_items(
        shared / "data" / "icu" / "cinc2012", by_torch.modalities, by_torch.target.key, registry=registry
    )
    few = replace(items, table=items.table.head(100)).extracted_to(tmp_path)
    prepared = [by_torch.prepare(row, few.root) for row in few.table.iter_rows(named=True)]
    expected = by_torch.logits(prepared)
    assert len(np.unique(expected)) > 50
    assert difference(expected, by_onnx.logits(prepared)) == 0


def test_a_network_scores_real_records_alike(bundle_folder: Path, brugada: Path) -> None:
    by_torch, by_onnx = (Bundle.load(bundle_folder, runtime=runtime) for runtime in ("torch", "onnx"))
    names = sorted(path.name for path in (brugada / "files").iterdir())[:40]
    prepared = [by_torch.prepare({"ecg": f"files/{name}/{name}"}, brugada) for name in names]
    assert np.ptp(by_torch.logits(prepared)) > 0.1
    assert difference(by_torch.logits(prepared), by_onnx.logits(prepared)) <= TOLERANCE


def test_the_graph_says_what_it_takes_and_nothing_of_where_it_was_made(bundle_folder: Path, trees_folder: Path) -> None:
    for folder, inputs in ((bundle_folder, ["ecg"]), (trees_folder, ["vitals", "vitals_mask"])):
        content = (folder / "model.onnx").read_bytes()
        model = onnx.load_model_from_string(content)
        assert [value.name for value in model.graph.input] == inputs
        assert [value.name for value in model.graph.output] == ["logits"]
        assert {
            value.type.tensor_type.shape.dim[0].dim_param for value in (*model.graph.input, *model.graph.output)
        } == {"batch"}
        assert (model.ir_version, model.producer_name, model.producer_version) == (10, "medkd", "")
        assert {opset.domain: opset.version for opset in model.opset_import}[""] == 20
        for trace in (
            b"/home",
            b"/tmp",
            b"/work",
            b".py",
            b"site-packages",
            str(Path(medkd.tasks.__path__[0]).parents[1]).encode(),
        ):
            assert trace not in content


class Stubborn(Network):
    """Decides by a value, which no graph can follow."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(outputs))

    def forward(self, signals):
        values = next(iter(signals.values())).values.flatten(1)
        if float(values.sum()) > 0:
            values = -values
        return Output(logits=values[:, :1] * self.weight)


class Hasty(Stubborn):
    """Knows how many samples it will be given."""

    def forward(self, signals):
        values = next(iter(signals.values())).values.flatten(1)
        return Output(logits=values[:, :1] * self.weight * len(values))


class Wrong(Stubborn):
    """Brings an export that gives something else."""

    def forward(self, signals):
        return Output(logits=next(iter(signals.values())).values.flatten(1)[:, :1] * self.weight)

    def onnx_graph(self, signals):
        other = Wrong(1)
        nn.init.constant_(other.weight, 1.001)
        return Network.onnx_graph(other, signals)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Stubborn, "Stubborn cannot be exported to ONNX (GuardOnDataDependentSymNode)"),
        (Hasty, "Hasty cannot be exported to ONNX (UserError)"),
        (Wrong, "the graph's logits lie"),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line_without_a_path(
    network: type[Network], said: str, bundle_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    preprocessing = Bundle.load(bundle_folder).preprocessing
    assert isinstance(preprocessing, Preprocessing)
    content, line = export(network(1).eval(), preprocessing)
    assert content is None
    assert line.startswith(f"not exported: {said}")
    assert "\n" not in line
    assert "/" not in line
    assert "/" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_bundle_is_written_without_the_packages_and_says_which(
    package: str, learner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    Bundle.write(tmp_path / "out", learner, {"temperature": 1, "threshold": None}, REPORT)
    assert not (tmp_path / "out" / "model.onnx").exists()
    assert f"not exported: package '{package}' is not installed" in (tmp_path / "out" / "card.json").read_text()
