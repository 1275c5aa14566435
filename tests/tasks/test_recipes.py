"""Every recipe that is shipped can be run: each arm is instantiated from its YAML and makes a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import medkd.tasks
from medkd import registry
from medkd.data.core.view import View
from medkd.pipeline.graph import make_graph
from medkd.pipeline.lightning_cli import run_lightning
from medkd.pipeline.prepared_cohort import prepare_cohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.run_setup import open_cohort
from medkd.pipeline.stages.fit import FitStage, LearnerStage
from medkd.pipeline.stages.stage import Stage

RECIPES = sorted(Path(medkd.tasks.__path__[0]).glob("*/*.yaml"))


def finish(stage: Stage, run: Path) -> None:
    for need in stage.needs.values():
        finish(need, run)
    if not stage.is_done(run):
        stage.execute(run)


@pytest.mark.parametrize("path", RECIPES, ids=[f"{path.parent.name}/{path.stem}" for path in RECIPES])
def test_every_arm_makes_a_step(path: Path, tmp_path: Path) -> None:
    # A recipe for real data is tried on its task's synthetic cohort, with what that holds of the teacher's view.
    synthetic = load_recipe(path.parent / "recipe.yaml").cohort
    made_up = {} if load_recipe(path).cohort == synthetic else {"cohort": synthetic, "target": ""}
    recipe = load_recipe(
        path, ["cohort_options.subjects=60"], protocol="kfold:3", seeds=1, label_fractions=(1.0,), fast=True, **made_up
    )
    cohort = open_cohort(recipe, tmp_path, registry)
    held = tuple(part for part in View.parse(recipe.teacher.view).parts if part.modality in cohort.modalities())
    teacher = recipe.teacher.model_copy(update={"view": str(View(held))})
    recipe = recipe.model_copy(update={"teacher": teacher})
    inputs = prepare_cohort(recipe, cohort, tmp_path, jobs=1)
    graph = make_graph(recipe, inputs)
    arms = [stage for stage in graph.stages.values() if isinstance(stage, FitStage)]
    chosen = {fit.config["arm"]: fit for fit in arms if fit.config["arm"] in ("teacher", "baseline", "student")}
    assert set(chosen) == {"teacher", "baseline", "student"}
    for fit in chosen.values():
        for need in fit.needs.values():
            finish(need, tmp_path)
        if isinstance(fit, LearnerStage):
            fit.run(tmp_path)
            assert (fit.learner(tmp_path) / "model.txt").is_file()
            continue
        held = fit.fit_config(tmp_path)
        held["trainer"] |= {
            "default_root_dir": str(tmp_path / fit.config["arm"]),
            "fast_dev_run": True,
            "logger": False,
            "callbacks": [],
        }
        file = tmp_path / f"{fit.config['arm']}.yaml"
        file.write_text(yaml.safe_dump(held))
        assert run_lightning(["fit", "--config", str(file)]) == 0
        assert (tmp_path / fit.config["arm"] / "learner" / "model.safetensors").is_file()
