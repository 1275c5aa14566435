"""A student that begins with what it learnt without labels: what is kept, what is frozen, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

import medkd.tasks
from medkd import registry
from medkd.distill.learner import FittedModel
from medkd.errors import InputError
from medkd.networks.head import Head
from medkd.pipeline.graph import Graph
from medkd.pipeline.prepared_cohort import PRETRAINING
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.run_setup import begin
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage

TASK = Path(medkd.tasks.__path__[0]) / "oc_distill" / "recipe.yaml"
SMALL = [
    "cohort_options.subjects=80",
    "cohort_options.labs_per_stay=13",
    "student.data={batch_size: 16, steps: 3}",
    "student.trainer.max_epochs=1",
    "student.pretrain.data={batch_size: 16, steps: 3}",
    "student.pretrain.trainer.max_epochs=1",
    "student.pretrain.freeze_up_to=0.5",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def graph(run: Path) -> Graph:
    return begin(load_recipe(TASK, SMALL, seeds=1, label_fractions=(0.5, 1.0)), run, 1, registry)


def fit(graph: Graph, name: str) -> FitStage:
    stage = graph.stages[name]
    assert isinstance(stage, FitStage)
    return stage


def finish(stage: Stage, run: Path) -> None:
    for need in stage.needs.values():
        finish(need, run)
    if not stage.is_done(run):
        stage.execute(run)


def test_whoever_begins_alike_shares_a_fit_that_saw_no_more_than_they(graph: Graph):
    for name in ("baseline-without-0", "student-fold0", "self_teacher-fold0"):
        starts = {fit(graph, f"labels{labels}/seed0/{name}").needs["start"].name for labels in ("0.5", "1")}
        assert len(starts) == 1
        start = fit(graph, starts.pop())
        assert (start.config["held_out"], start.config["model_input"], start.config["unlabelled"]) == (
            [0],
            PRETRAINING,
            True,
        )
    assert fit(graph, "labels1/seed0/baseline-without-0-3").needs["start"].config["held_out"] == [0, 3]
    assert "start" not in fit(graph, "labels1/seed0/teacher-without-0").needs
    assert not any(
        name.startswith("bank:")
        for stage in graph.stages.values()
        if stage.name.startswith("pretrain")
        for name in stage.needs
    )


@pytest.mark.parametrize(("labels", "frozen"), [("0.5", True), ("1", False)])
def test_a_probe_trains_its_head_alone_and_a_fine_tuned_network_all(graph: Graph, run: Path, labels: str, frozen: bool):
    baseline = fit(graph, f"labels{labels}/seed0/baseline-without-0")
    finish(baseline, run)
    begun = FittedModel.load(baseline.needs["start"].learner(run))  # type: ignore[attr-defined]
    done = FittedModel.load(baseline.learner(run))
    assert done.statistics == {"vitals": begun.statistics["vitals"]}
    heads = [name for name, module in done.network.named_modules() if isinstance(module, Head)]
    moved = {
        name
        for name, value in done.network.state_dict().items()
        if not torch.equal(value, begun.network.core.state_dict()[name])
    }
    in_head = {name for name in moved if name.startswith(tuple(heads))}
    assert in_head
    assert (moved == in_head) is frozen


def test_what_the_student_sees_stays_what_it_was(graph: Graph, run: Path):
    held = yaml.safe_load((run / "recipe.yaml").read_text())
    assert "codes" not in held["student"]["view"]
    assert set(graph.cohort.stores["student"]) == {"vitals"}
    assert set(graph.cohort.stores[PRETRAINING]) == {"vitals", "codes"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("student.pretrain.view=''", r"student.pretrain.view is '' .*for example ecg"),
        ("student.pretrain.model={}", r"student.pretrain.model is {}"),
        ("student.pretrain.model=null", r"student.pretrain.model is None"),
        ("student.pretrain.objectives={}", "unknown key 'student.pretrain.objectives'"),
        ("student.pretrain.freeze_up_to=some", "student.pretrain.freeze_up_to is 'some'"),
        ("teacher.pretrain={view: vitals, model: {network: {}}}", "pretrain is the student's"),
        (
            "student.model={learner: {class_path: medkd.distill.trees.TreeLearner}}",
            "student has a learner and pretrain",
        ),
    ],
)
def test_what_cannot_be_is_told_at_once(change: str, what: str):
    with pytest.raises(InputError, match=what):
        load_recipe(TASK, [change])


def test_a_baseline_may_do_without():
    recipe = load_recipe(TASK, ["baseline.pretrain=null"])
    assert not recipe.baseline.pretrain
    assert recipe.student.pretrain


def test_a_misspelt_key_of_the_pretraining_is_found_before_any_work(tmp_path: Path):
    recipe = load_recipe(TASK, ["student.pretrain.model.objectives.ontology.init_args.gama=2"])
    with pytest.raises(InputError, match=r"gama|not accepted|unknown"):
        begin(recipe, tmp_path / "run", 1, registry)
    assert not (tmp_path / "run").exists()


def test_another_network_cannot_begin_with_these_weights(graph: Graph, run: Path, tmp_path: Path):
    from medkd.distill.warm_start import start_from
    from medkd.networks.hour_transformer import HourTransformer

    baseline = fit(graph, "labels1/seed0/baseline-without-0")
    finish(baseline.needs["start"], run)
    folder = baseline.needs["start"].learner(run)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="has no 'position' of this shape"):
        start_from(HourTransformer(channels=8, outputs=1, max_steps=24, width=16, layers=1), folder)
    with pytest.raises(InputError, match="no learner here"):
        start_from(HourTransformer(channels=8, outputs=1), tmp_path)
