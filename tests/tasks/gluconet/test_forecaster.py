"""The forecaster starts as persistence, hears what it is shown, and a student's parameters move."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import torch
import yaml

from medkd.data.core.signal import Signal
from medkd.distill.learner import FittedModel
from medkd.errors import InputError
from medkd.registry import RECIPE, task
from medkd.tasks.gluconet.forecaster import Forecaster
from medkd.tasks.gluconet.scores import table

NUMBERS = {"cgm": 12, "insulin": 6}


def signals(batch: int = 4) -> dict[str, Signal]:
    torch.manual_seed(0)
    mask = torch.ones(batch, 3, 2, dtype=torch.bool)
    mask[:, 2] = False
    return {
        "cgm": Signal(torch.randn(batch, 1, 12)),
        "insulin": Signal(torch.randn(batch, 3, 2).masked_fill(~mask, 0.0), mask),
    }


def test_it_starts_as_persistence() -> None:
    held = signals()
    output = Forecaster(NUMBERS, outputs=2, centre=100, scale=50).eval()(held)
    assert output.logits.detach().numpy() == pytest.approx(
        (100 + 50 * held["cgm"].values[:, 0, -1:]).repeat(1, 2).numpy(), abs=1e-4
    )


def test_absent_insulin_is_finite_and_is_not_zero_insulin() -> None:
    network = Forecaster(NUMBERS, outputs=1).eval()
    torch.nn.init.normal_(network.correction.weight)
    held = signals()
    absent = {**held, "insulin": Signal(torch.zeros(4, 3, 2), torch.zeros(4, 1, 1, dtype=torch.bool))}
    none = {**held, "insulin": Signal(torch.zeros(4, 3, 2), torch.ones(4, 3, 2, dtype=torch.bool))}
    with torch.no_grad():
        assert network(absent).logits.isfinite().all()
        assert not torch.allclose(network(absent).logits, network(none).logits)


def test_wrong_views_name_the_number_to_set() -> None:
    with pytest.raises(InputError, match="takes 12 numbers of cgm, the view gives 36"):
        Forecaster({"cgm": 12}, 1)({"cgm": Signal(torch.zeros(1, 1, 36))})
    with pytest.raises(InputError, match="the view has cgm, insulin"):
        Forecaster({"cgm": 12}, 1)(signals())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from medkd.cli import main

    out = tmp_path_factory.mktemp("gluconet") / "run"
    recipe = tmp_path_factory.mktemp("task")
    held = yaml.safe_load((task("gluconet") / RECIPE).read_text(encoding="utf-8"))
    (recipe / RECIPE).write_text(
        yaml.safe_dump(held | {"controls": [], "protocol": "kfold:3", "cohort_options": {"subjects": 30, "days": 2}})
    )
    command = ["distill", str(recipe), "--fast", "--jobs", "1"]
    assert main([*command, "--out", str(out)]) == 0
    return out


def test_the_students_parameters_move_and_are_its_own(run: Path) -> None:
    """In GlucoNet's release the optimiser held the teacher's, and the student stayed as it was drawn."""
    folders = sorted(folder.parent for folder in (run / "labels1").rglob("learner.yaml"))
    students = [FittedModel.load(folder) for folder in folders if "student-fold" in str(folder)]
    baselines = [FittedModel.load(folder) for folder in folders if "baseline-without" in str(folder)]
    assert students
    for held in (*students, *baselines):
        # Both of these start at exactly zero.
        for layer in (held.network.line, held.network.correction):
            assert isinstance(layer, torch.nn.Linear)
            assert layer.weight.abs().max() > 1e-4
            assert layer.bias.abs().max() > 0
    assert not torch.equal(students[0].network.line.weight, baselines[0].network.line.weight)  # type: ignore[union-attr]


def test_the_student_sees_the_sensor_alone_and_nothing_after_the_origin(run: Path) -> None:
    learner = FittedModel.load(
        next(folder.parent for folder in run.rglob("learner.yaml") if "student-fold0" in str(folder))
    )
    assert learner.model_input.view == "cgm[-3:0h]"
    assert learner.target.prediction_hour == 0


def test_scores_hold_every_arm_and_the_baselines(run: Path) -> None:
    held = table(run)
    assert {"teacher", "student", "baseline", "persistence", "ridge"} <= set(held["arm"])
    assert held.select(total=pl.sum_horizontal("A", "B", "C", "D", "E"))["total"].to_list() == pytest.approx(
        [1.0] * held.height
    )
    assert (held["mae"] <= held["rmse"]).all()


def test_scores_of_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        table(tmp_path)
