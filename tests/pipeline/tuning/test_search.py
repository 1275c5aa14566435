"""``medkd tune`` on a small synthetic cohort: what trials may see, what is written, and what is run again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import optuna
import polars as pl
import pytest
import yaml

import medkd.tasks
from medkd.cli import main
from medkd.data.core.target import Target
from medkd.data.loading.datamodule import SampleData
from medkd.distill.bank import TeacherBank
from medkd.errors import InputError
from medkd.pipeline.graph import Graph
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.stages.bank import BankStage
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.tuning.search_space import with_searched_defaults, with_values
from medkd.pipeline.tuning.trial_data import TrialData, make_trial_data

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"
SHORT = [
    f"{arm}.{key}"
    for arm in ("baseline", "teacher", "student")
    for key in ("data.steps=8", "data.batch_size=16", "trainer.max_epochs=1")
]
OVERRIDES = ["cohort_options.subjects=100", *SHORT]
WORDS = [
    "tune",
    "ecg_lead",
    "--seeds",
    "1",
    "--jobs",
    "1",
    "--labels",
    "1",
    *(f"--{override}" for override in OVERRIDES),
]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search over all three arms; read only."""
    out = tmp_path_factory.mktemp("tune") / "run"
    assert main([*WORDS, "--trials", "2", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def data(tuned: Path) -> TrialData:
    """The one trial data of the search, opened again."""
    return make_trial_data(tuned / "whole", tuned / "trial_data", 100, 0, 1.0)


@pytest.fixture(scope="module")
def held_out(tuned: Path, data: TrialData) -> list[str]:
    """Samples of the outer fold: everybody who is in the whole cohort and not in the trial data."""
    everybody = pl.read_parquet(PreparedCohort.samples_file(tuned / "whole"))["sample_id"].to_list()
    left = set(pl.read_parquet(PreparedCohort.samples_file(data.folder))["sample_id"])
    return [name for name in everybody if name not in left]


def data_of(config: dict[str, Any], **changed: Any) -> SampleData:
    """The data module of a ``fit.yaml``, set up as Lightning does it."""
    held = {**config["data"], **changed}
    inputs = PreparedCohort.load(Path(held["samples"]).parent)
    data = SampleData(
        **{**held, "target": Target.from_dict(held["target"]), "model_inputs": {"model": inputs.model_input("student")}}
    )
    data.setup("fit")
    return data


def config_of(data: TrialData) -> dict[str, Any]:
    held: dict[str, Any] = yaml.safe_load(next((data.folder / "student").glob("*/fit.yaml")).read_text())
    return held


def test_a_fifth_of_the_subjects_is_nowhere_in_trial_data(data: TrialData, held_out: list[str]):
    assert len(held_out) >= 20
    gone = set(held_out)
    assert not gone & set(data.split.table["sample_id"])
    assert data.split.role("test", (0,)).is_empty()
    for role in ("teacher", "student"):
        for stored in data.cohort.arrays(role).values():
            assert not gone & set(stored.index["sample_id"])
            assert stored.index["sample_id"].to_list() == data.split.table["sample_id"].to_list()
            assert len(stored.values) == stored.index.height
    assert data.cohort.root == ""


def test_all_that_a_fit_is_given_lies_in_its_folder(data: TrialData):
    def paths(value: Any) -> list[str]:
        if isinstance(value, dict | list):
            return [path for inner in (value.values() if isinstance(value, dict) else value) for path in paths(inner)]
        return [value] if isinstance(value, str) and os.sep in value else []

    found = paths(config_of(data))
    assert len(found) > 5
    assert all(Path(path).is_relative_to(data.folder) for path in found)


def test_a_stage_that_asks_for_a_test_subject_is_refused(tuned: Path, data: TrialData, held_out: list[str]):
    config = config_of(data)
    assert data_of(config).ids("test") == []
    for role in ("teacher", "student"):
        for stored in data.cohort.arrays(role).values():
            with pytest.raises(InputError, match=f"{len(held_out)} samples were not prepared"):
                stored.rows(held_out)
    bank = TeacherBank.open(Path(config["model"]["banks"]["teacher"]))
    with pytest.raises(InputError, match=f"bank lacks {len(held_out)} of {len(held_out)} samples"):
        bank.rows(held_out)
    # Even with a split that does name them, as a whole run of the same seed has it.
    whole = SplitStage("split/seed100", {}, {"seed": 100, "protocol": "holdout"})
    whole.run(tuned / "whole")
    named = data_of(config, split=str(whole.file(tuned / "whole")), split_sha256=whole.load(tuned / "whole").sha256)
    assert named.ids("test") == held_out
    with pytest.raises(InputError, match=f"{len(held_out)} samples were not prepared"):
        named.test_dataloader()


def test_taking_the_outer_fold_out_changes_nothing_else(tuned: Path, data: TrialData):
    recipe = with_searched_defaults(load_recipe(TASK, OVERRIDES, label_fractions=(1.0,)))
    whole, inputs = tuned / "whole", PreparedCohort.load(tuned / "whole")
    graph = Graph(recipe, inputs, (0,), (1, 2, 3, 4, 5), ("logits",))
    ordinary = graph.fit_without("baseline", 100, (0,), 1.0)
    graph.split(100).run(whole)
    ordinary.execute(whole)
    fit, stages = data.stages(recipe, "baseline", "by-hand")
    stages[0].execute(data.folder)
    columns = ["sample_id", "logit", "y"]
    expected = (
        pl.read_parquet(ordinary.folder(whole) / "predictions.parquet").filter(pl.col("role") == "val").select(columns)
    )
    found = pl.read_parquet(fit.folder(data.folder) / "predictions.parquet").select(columns)
    assert found.equals(expected)


def test_teachers_of_the_bank_left_the_outer_fold_out(data: TrialData):
    stages = data.stages(
        with_searched_defaults(load_recipe(TASK, OVERRIDES, label_fractions=(1.0,))), "student", "any"
    )[1]
    (bank,) = [stage for stage in stages if isinstance(stage, BankStage)]
    teachers = [
        stage for name, stage in bank.needs.items() if name.startswith("teacher:") and isinstance(stage, FitStage)
    ]
    assert sorted(tuple(teacher.config["held_out"]) for teacher in teachers) == [(0, fold) for fold in (1, 2, 3, 4, 5)]
    assert not any(isinstance(stage, SplitStage) for stage in stages)


def test_the_written_recipe_is_the_task_s_with_the_best_values(tuned: Path):
    best: dict[str, Any] = {}
    storage = f"sqlite:///{tuned / 'tune.sqlite3'}"
    for name in optuna.study.get_all_study_names(storage):
        best |= optuna.load_study(study_name=name, storage=storage).best_params
    assert len(best) == 10
    base = with_searched_defaults(load_recipe(TASK, OVERRIDES, label_fractions=(1.0,)))
    assert load_recipe(tuned / "recipe.yaml") == with_values(base, best)
    assert load_recipe(tuned / "recipe.yaml") != base
    top = [line for line in (tuned / "recipe.yaml").read_text().splitlines() if line.startswith("#")]
    assert any("seed 100" in line and "outer fold 0 were taken out" in line for line in top)
    assert any(line.startswith("#   baseline.model.learning_rate, 0.0003 to 0.01 (log): 0.001 -> ") for line in top)
    assert any("inner, not nested" in line for line in top)


def test_the_first_trial_is_the_recipe_as_it_stands(tuned: Path):
    trials = pl.read_csv(tuned / "trials.csv")
    assert trials["arm"].to_list() == ["baseline", "baseline", "teacher", "teacher", "student", "student"]
    first = trials.filter(pl.col("trial") == 0)
    assert first["baseline.model.learning_rate"].drop_nulls().to_list() == [0.001]
    assert first["student.model.weights.soft_labels"].drop_nulls().to_list() == [0.7]
    assert first["score"].is_between(0, 1).all()
    assert (tuned / "search.html").read_text().count("<svg") == 3


def test_finished_trials_are_not_run_again(tuned: Path, capsys: pytest.CaptureFixture[str]):
    before = {path: path.stat().st_mtime_ns for path in (tuned / "trial_data").rglob("predictions.parquet")}
    table = pl.read_csv(tuned / "trials.csv")
    assert main([*WORDS, "--trials", "2", "--out", str(tuned)]) == 0
    assert "nothing to run again" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tuned / "trial_data").rglob("predictions.parquet")} == before
    assert pl.read_csv(tuned / "trials.csv").equals(table)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--search.baseline.model.learning_rate", "{low: 1}"], "search.baseline.model.learning_rate is {'low': 1}"),
        (
            ["--search.baseline.model.rate", "{low: 1, high: 2}"],
            "search names 'baseline.model.rate', which the recipe does not hold",
        ),
        (["--search.baseline.model.network.init_args.dropout", "{low: 0.5, high: 1.5}"], "(recipe, baseline"),
        (["--folds", "2"], "protocol holdout has 1 test fold (--folds). Give 1 at most."),
        (["--arm", "baselines"], "Did you mean 'baseline'?"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main([*WORDS, "--out", str(tmp_path / "new" / "run"), *options]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert said in shown.err
    assert not (tmp_path / "new").exists()


def test_another_recipe_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "recipe.yaml").write_text("mine")
    assert main([*WORDS, "--out", str(tmp_path)]) == 2
    assert "another recipe is here" in capsys.readouterr().err
    assert (tmp_path / "recipe.yaml").read_text() == "mine"
