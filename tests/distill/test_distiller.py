"""What a fit does to its student, and must not do to its teachers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.loading.datamodule import SampleData
from medkd.distill.bank import TeacherBank
from medkd.distill.distiller import Distiller
from medkd.distill.learner import FittedModel, FrozenTeacher, learner_sha256
from medkd.distill.schedule import Linear
from medkd.errors import InputError
from medkd.networks.resnet1d import ResNet1d
from medkd.objectives.attention_transfer import AttentionTransfer
from medkd.objectives.dist import DIST
from medkd.objectives.embedding_cosine import EmbeddingCosine
from medkd.objectives.embedding_mse import EmbeddingMse
from medkd.objectives.objective import Objective
from medkd.objectives.rkd import RKD
from medkd.objectives.similarity_preserving import SimilarityPreserving
from medkd.objectives.soft_labels import SoftLabels
from medkd.objectives.vid import VID
from medkd.pipeline.graph import Graph
from medkd.pipeline.lightning_cli import StageCLI

STUDENT = "labels0.5/seed0/student-fold0"
SOLO = "labels0.5/seed0/baseline-without-0"
WIDTHS = {"student_dim": 128, "teacher_dim": 128}
BANKED: dict[str, Callable[[], Objective]] = {
    "soft_labels": SoftLabels,
    "embedding_mse": lambda: EmbeddingMse(**WIDTHS),
    "embedding_mse_hidden": lambda: EmbeddingMse(**WIDTHS, hidden=16),
    "embedding_cosine": lambda: EmbeddingCosine(**WIDTHS),
    "relational": RKD,
    "similarity_preserving": SimilarityPreserving,
    "variational_information": lambda: VID(**WIDTHS),
}


def spec(name: str, **settings: Any) -> dict[str, Any]:
    module = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return {"class_path": f"medkd.objectives.{module}.{name}", "init_args": settings}


@pytest.fixture(scope="module")
def batch(graph: Graph, configure: Callable[..., Path], bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """A training batch of labelled and unlabelled samples, with what the banked teacher says."""
    cli = StageCLI(
        ["fit", "--config", str(configure(tmp_path_factory.mktemp("batch"), STUDENT, data={"batch_size": 24}))],
        run=False,
    )
    data: SampleData = cli.datamodule
    data.setup("fit")
    made: Batch = next(iter(data.train_dataloader()))
    assert 4 < made.labelled.sum() < 20
    return replace(made, teachers={"teacher": TeacherBank.open(bank).rows(made.sample_id)})


def student(seed: int = 0) -> ResNet1d:
    torch.manual_seed(seed)
    network = ResNet1d(channels=1, outputs=1, dropout=0.0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network


def loss_of(distiller: Distiller, batch: Batch, progress: float = 0.5) -> Tensor:
    return distiller.loss(distiller.network(batch.signals), batch.teachers, batch, progress)[0]


@pytest.mark.parametrize("name", BANKED)
def test_every_objective_teaches_the_student_and_its_own_projection(name: str, batch: Batch, bank: Path) -> None:
    distiller = Distiller(
        student(), {name: BANKED[name]()}, {"supervised": 0.0, name: 1.0}, banks={"teacher": str(bank)}
    )
    loss_of(distiller, batch).backward()
    body = [(key, value) for key, value in distiller.network.named_parameters() if not key.startswith("head")]
    silent = [key for key, value in body if value.grad is None or not value.grad.any()]
    assert silent == []
    if name == "soft_labels":
        assert all(value.grad is not None and value.grad.any() for value in distiller.network.head.parameters())
    own = dict(distiller.objectives[name].named_parameters())
    assert all(value.grad is not None and value.grad.any() for value in own.values())
    assert bool(own) == (name not in ("soft_labels", "relational", "similarity_preserving"))
    chosen = distiller.network, distiller.objectives[name]
    registered = {id(value) for value in distiller.parameters()}
    assert {id(value) for module in chosen for value in module.parameters()} <= registered


@pytest.mark.parametrize("name", ["supervised", "soft_labels", "relational"])
def test_a_weight_scales_its_term_and_zero_silences_it(name: str, batch: Batch, bank: Path) -> None:
    def gradient(weight: float) -> Tensor:
        weights = {"supervised": 0.0, "soft_labels": 0.0, "relational": 0.0} | {name: weight}
        distiller = Distiller(
            student(), {"soft_labels": SoftLabels(), "relational": RKD()}, weights, banks={"teacher": str(bank)}
        )
        loss = loss_of(distiller, batch)
        if not loss.requires_grad:
            return torch.zeros(1)
        loss.backward()
        grad = distiller.network.stem[0][0].weight.grad
        assert grad is not None
        return grad

    assert not gradient(0.0).any()
    assert gradient(1.0).any()
    torch.testing.assert_close(gradient(2.0), 2 * gradient(1.0), rtol=1e-3, atol=1e-6)


def test_weights_follow_their_schedules(batch: Batch, bank: Path) -> None:
    weights = {"supervised": 1.0, "soft_labels": Linear(0.0, 4.0)}
    distiller = Distiller(student(), {"soft_labels": SoftLabels()}, weights, banks={"teacher": str(bank)})
    output = distiller.network(batch.signals)
    totals = []
    for progress in (0.0, 0.5, 1.0):
        loss, terms = distiller.loss(output, batch.teachers, batch, progress)
        totals.append(loss.item())
        assert set(terms) == {"supervised/bce", "soft_labels/kd"}
        assert loss.item() == pytest.approx(
            terms["supervised/bce"].item() + 4 * progress * terms["soft_labels/kd"].item(), rel=1e-5
        )
    assert totals[0] < totals[1] < totals[2]


def test_unlabelled_samples_are_taught_by_the_teacher_alone(batch: Batch, bank: Path) -> None:
    logits = torch.randn(len(batch), 1, generator=torch.Generator().manual_seed(0))
    gradients = {}
    for name in ("supervised", "soft_labels"):
        weights = {"supervised": 0.0, "soft_labels": 0.0} | {name: 1.0}
        distiller = Distiller(student(), {"soft_labels": SoftLabels()}, weights, banks={"teacher": str(bank)})
        leaf = logits.clone().requires_grad_()
        loss, _ = distiller.loss(Output(leaf), batch.teachers, batch, 0.0)
        (gradients[name],) = torch.autograd.grad(loss, leaf)
    known = batch.labelled[:, 0]
    assert gradients["supervised"][~known].eq(0).all()
    assert gradients["supervised"][known].ne(0).all()
    assert gradients["soft_labels"].ne(0).all()


def test_what_stands_where_a_label_is_withheld_does_not_matter(batch: Batch, bank: Path) -> None:
    distiller = Distiller(student(), {"soft_labels": SoftLabels()}, banks={"teacher": str(bank)})
    expected = loss_of(distiller, batch)
    for value in (1.0, 1e9, float("nan")):
        other = replace(batch, targets=torch.where(batch.labelled, batch.targets, value))
        assert loss_of(distiller, other).item() == pytest.approx(expected.item(), rel=1e-6)


def test_teachers_get_no_gradient(batch: Batch, bank: Path) -> None:
    said = batch.teachers["teacher"]
    assert said.embedding is not None
    leaves = Output(said.logits.clone().requires_grad_(), embedding=said.embedding.clone().requires_grad_())
    objectives = {name: make() for name, make in BANKED.items()}
    distiller = Distiller(student(), objectives, banks={"teacher": str(bank)})
    loss_of(distiller, replace(batch, teachers={"teacher": leaves})).backward()
    assert leaves.logits.grad is None
    assert leaves.embedding is not None
    assert leaves.embedding.grad is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"objectives": {"soft_labels": SoftLabels()}, "weights": {"soft_label": 1.0}, "banks": {"teacher": "b"}},
            "Did you mean 'soft_labels'",
        ),
        ({"weights": {"supervisd": 1.0}}, "Did you mean 'supervised'"),
        ({"objectives": {"kd": SoftLabels()}}, "'kd' has no teacher"),
        ({"objectives": {"kd": SoftLabels(teacher="techer")}, "banks": {"teacher": "b"}}, "Did you mean 'teacher'"),
        ({"objectives": {"kd": SoftLabels()}, "banks": {"one": "b", "two": "b"}}, "objective 'kd' uses teacher ''"),
        (
            {"objectives": {"at": AttentionTransfer()}, "banks": {"teacher": "b"}},
            "needs a live teacher, teacher is banked",
        ),
    ],
)
def test_what_could_never_run_is_refused_when_it_is_made(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        Distiller(ResNet1d(1, 1), **settings)
    assert "\n" not in str(told.value)


def test_a_bank_that_lacks_a_field_is_refused_before_the_first_step(
    fit_config: Any, make_bank: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Distiller, "training_step", lambda *_: pytest.fail("a step was made"))
    folder = make_bank(tmp_path / "logits", fields=("logits",))
    model = {
        "banks": {"teacher": str(folder)},
        "objectives": {"match": spec("EmbeddingMse", **WIDTHS)},
        "weights": {"match": 1.0},
    }
    with pytest.raises(InputError, match="keeps no embedding") as told:
        StageCLI(["fit", "--config", str(fit_config(STUDENT, model=model))])
    assert "objective match" in str(told.value)
    assert not (tmp_path / "fit" / "learner").exists()


@pytest.mark.parametrize(("data", "says"), [({"held_out": [1]}, "another split or test fold"), ({}, "teacher changed")])
def test_a_bank_of_another_fold_or_teacher_is_refused_before_the_first_step(
    fit_config: Any,
    make_bank: Callable[..., Path],
    save_learner: Callable[..., FittedModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: dict[str, Any],
    says: str,
) -> None:
    monkeypatch.setattr(Distiller, "training_step", lambda *_: pytest.fail("a step was made"))
    folder = make_bank(tmp_path / "banked")
    if not data:
        save_learner(tmp_path / "banked" / "teacher0", seed=9)
    with pytest.raises(InputError, match=says):
        StageCLI(["fit", "--config", str(fit_config(STUDENT, model={"banks": {"teacher": str(folder)}}, data=data))])


def test_every_parameter_of_student_and_projections_moves_in_one_epoch(
    fit_config: Any, bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without decay, so that a parameter without a gradient stays where it is."""
    before: dict[str, Tensor] = {}
    monkeypatch.setattr(
        Distiller,
        "on_train_start",
        lambda self: before.update({key: value.clone() for key, value in self.named_parameters()}),
    )
    model = {
        "banks": {"teacher": str(bank)},
        "weight_decay": 0.0,
        "objectives": {
            "kd": spec("SoftLabels"),
            "match": spec("EmbeddingMse", **WIDTHS, hidden=8),
            "rkd": spec("RKD"),
            "sp": spec("SimilarityPreserving"),
        },
        "weights": {"supervised": 0.5, "kd": 0.5, "match": 0.1, "rkd": 0.01, "sp": 1.0},
    }
    cli = StageCLI(
        ["fit", "--config", str(fit_config(STUDENT, model=model, trainer={"max_epochs": 1}, data={"steps": 8}))]
    )
    assert any(key.startswith("objective_modules.match") for key in before)
    still = [key for key, value in cli.model.named_parameters() if value.equal(before[key])]
    assert still == []
    assert all(value.isfinite().all() for value in cli.model.parameters())


@dataclass
class Lived:
    """What was seen of a live teacher during a fit."""

    cli: StageCLI
    folder: Path
    teacher: Path
    config: Path
    modes: list[bool]


def live(out: Path, configure: Callable[..., Path], graph: Graph, teacher: Path, **data: Any) -> Path:
    inputs = graph.cohort
    callback = {
        "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
        "init_args": {"dirpath": str(out / "checkpoints"), "save_last": True, "every_n_train_steps": 3},
    }
    return configure(
        out,
        STUDENT,
        model={
            "banks": {},
            "teachers": {"teacher": str(teacher)},
            "objectives": {"kd": spec("SoftLabels"), "at": spec("AttentionTransfer")},
            "weights": {"kd": 0.7, "at": 1.0},
            "ema": 0.9,
        },
        data={
            "model_inputs": {"model": inputs.model_inputs["student"], "teacher": inputs.model_inputs["teacher"]},
            "prepared": {"model": inputs.stores["student"], "teacher": inputs.stores["teacher"]},
            "steps": 6,
        }
        | data,
        trainer={"max_epochs": 1, "callbacks": [callback]},
    )


@pytest.fixture(scope="module")
def lived(
    graph: Graph,
    configure: Callable[..., Path],
    save_learner: Callable[..., FittedModel],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lived:
    """A fit beside a live teacher, which was watched at every step."""
    out = tmp_path_factory.mktemp("live")
    teacher = out / "teacher"
    save_learner(teacher, seed=3)
    config = live(out / "fit", configure, graph, teacher)
    modes: list[bool] = []
    call = FrozenTeacher.__call__

    def watched(self: FrozenTeacher, signals: Any) -> Output:
        modes.append(any(module.training for module in self.learner.network.modules()))
        return call(self, signals)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrozenTeacher, "__call__", watched)
        cli = StageCLI(["fit", "--config", str(config)])
    return Lived(cli, out / "fit", teacher, config, modes)


def test_a_live_teacher_stays_in_eval_bit_for_bit(lived: Lived) -> None:
    assert lived.modes == [False] * 6
    found = lived.cli.model.live["teacher"].learner.network.state_dict()
    saved = load_file(lived.teacher / "model.safetensors")
    assert found.keys() == saved.keys()
    assert any("running_mean" in name for name in saved)
    assert all(found[name].numpy().tobytes() == saved[name].numpy().tobytes() for name in saved)


def test_the_checkpoint_names_the_teacher_and_does_not_hold_it(lived: Lived) -> None:
    held = torch.load(lived.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert held["teachers"] == {"teacher": learner_sha256(lived.teacher)}
    tensors = {name: value for name, value in held["state_dict"].items() if isinstance(value, Tensor)}
    assert {name.split(".")[0] for name in tensors} <= {"network", "average", "supervised", "objective_modules"}
    assert not [name for name in tensors if "teacher" in name or "live" in name]
    saved = load_file(lived.teacher / "model.safetensors")
    stem = saved["stem.0.0.weight"]
    assert stem.shape[1] == 12
    assert not [name for name, value in tensors.items() if value.shape == stem.shape]
    assert len([name for name in tensors if name.startswith("network.")]) == len(lived.cli.model.network.state_dict())


def test_the_teacher_is_not_optimised(lived: Lived) -> None:
    optimised = {id(value) for group in lived.cli.trainer.optimizers[0].param_groups for value in group["params"]}
    teacher = lived.cli.model.live["teacher"].learner.network
    assert not optimised & {id(value) for value in teacher.parameters()}
    assert {id(value) for value in lived.cli.model.network.parameters()} <= optimised


def test_the_learner_kept_is_the_running_average(lived: Lived) -> None:
    kept = load_file(lived.folder / "learner" / "model.safetensors")
    average = lived.cli.model.average.module.state_dict()
    assert all(kept[name].equal(average[name]) for name in average)
    assert any(not kept[name].equal(value) for name, value in lived.cli.model.network.state_dict().items())


def test_a_live_teacher_hears_its_own_scale(lived: Lived, graph: Graph) -> None:
    """It was fitted without folds 0 and 1, the student without 0: their statistics differ."""
    data = lived.cli.datamodule
    teacher = lived.cli.model.live["teacher"]
    assert data.statistics["teacher"] == teacher.learner.statistics
    dataset = data.dataset("val")
    batch = dataset.__getitems__([(place, 0) for place in range(len(dataset))])
    expected = FittedModel.load(lived.teacher).predict(graph.cohort.arrays("teacher"), batch.sample_id)
    torch.testing.assert_close(teacher(batch.views["teacher"]).logits, expected.logits)
    assert data.statistics["model"]["ecg"].held_out == (0,)


def test_a_changed_teacher_is_refused_at_resume(lived: Lived, tmp_path: Path) -> None:
    weights = load_file(lived.teacher / "model.safetensors")
    original = (lived.teacher / "model.safetensors").read_bytes()
    resume = ["fit", "--config", str(lived.config), "--ckpt_path", str(lived.folder / "checkpoints" / "last.ckpt")]
    weights["stem.0.0.weight"][0, 0, 0] += 1e-3
    save_file(weights, lived.teacher / "model.safetensors")
    try:
        with pytest.raises(InputError, match="teacher 'teacher' changed after the checkpoint"):
            StageCLI(resume)
    finally:
        (lived.teacher / "model.safetensors").write_bytes(original)
    StageCLI(resume)


def test_a_live_teacher_whose_view_the_data_lack_is_refused(
    graph: Graph, configure: Callable[..., Path], lived: Lived, tmp_path: Path
) -> None:
    inputs = graph.cohort
    for number, role in enumerate((None, "student")):
        model_inputs = {"model": inputs.model_inputs["student"]} | (
            {} if role is None else {"teacher": inputs.model_inputs[role]}
        )
        prepared = {"model": inputs.stores["student"]} | ({} if role is None else {"teacher": inputs.stores[role]})
        config = live(
            tmp_path / str(number), configure, graph, lived.teacher, model_inputs=model_inputs, prepared=prepared
        )
        with pytest.raises(InputError, match="the data lack the view of teacher 'teacher'"):
            StageCLI(["fit", "--config", str(config)])


def test_a_baseline_is_the_same_without_teachers(fit_config: Any) -> None:
    cli = StageCLI(["fit", "--config", str(fit_config(SOLO, trainer={"max_epochs": 1}, data={"steps": 3}))])
    assert cli.model.objectives == {}
    assert cli.model.live == {}
    assert cli.trainer.global_step == 3


def test_multiclass_relations_reach_the_student(batch: Batch, bank: Path) -> None:
    """Relations between classes need classes: with one logit there is nothing to relate."""
    three = replace(batch.target, kind="multiclass", classes=("a", "b", "c"))
    said = Output(torch.randn(len(batch), 3, generator=torch.Generator().manual_seed(0)))
    network = ResNet1d(channels=1, outputs=3, dropout=0.0)
    distiller = Distiller(network, {"dist": DIST()}, {"supervised": 0.0}, banks={"teacher": str(bank)})
    loss_of(distiller, replace(batch, target=three, teachers={"teacher": said})).backward()
    assert all(value.grad is not None and value.grad.any() for value in network.head.parameters())


def regression(train: Tensor, labelled: Tensor) -> Any:
    """Data that show nothing but their training targets."""
    held = SimpleNamespace(targets=torch.where(labelled, train, 0.0), labelled=labelled)
    return SimpleNamespace(dataset=lambda role: {"train": held}[role])


def test_a_regression_begins_at_the_mean_and_deviation_of_the_training_labels() -> None:
    network = student()
    distiller = Distiller(network, ema=0.9)
    train = torch.tensor([[100.0], [140.0], [1e6], [180.0]])
    with torch.no_grad():
        network.head.layers[-1].bias.zero_()
    x = torch.randn(5, network.head.layers[-1].in_features)
    before = network.head.eval()(x)
    distiller._begin_at_training_mean(regression(train, torch.tensor([[True], [True], [False], [True]])))
    expected = 140 + torch.tensor([100.0, 140.0, 180.0]).std(correction=0) * before
    torch.testing.assert_close(network.head(x), expected)
    torch.testing.assert_close(distiller.kept.head.eval()(x), expected)


def test_a_target_without_a_training_label_leaves_the_network_as_it_is() -> None:
    network = student()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    Distiller(network)._begin_at_training_mean(regression(torch.ones(3, 2), torch.tensor([[True, False]] * 3)))
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_a_target_that_an_objective_does_not_suit_is_refused_before_the_first_step(
    fit_config: Any, bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Distiller, "training_step", lambda *_: pytest.fail("a step was made"))
    model = {
        "banks": {"teacher": str(bank)},
        "objectives": {"rank": spec("PairwiseRank", columns=["nosuch"])},
        "weights": {},
    }
    with pytest.raises(InputError, match="no output 'nosuch'"):
        StageCLI(["fit", "--config", str(fit_config(STUDENT, model=model))])
