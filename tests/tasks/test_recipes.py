"""Every recipe that is shipped can be run: each arm is instantiated from its YAML and makes a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import medkd.tasks
from medkd.recipe.fit_stage import FitStage
from medkd.recipe.graph import make_graph
from medkd.recipe.inputs import prepare_inputs
from medkd.recipe.lightning_cli import main
from medkd.recipe.opening import open_cohort
from medkd.recipe.recipe import load_recipe
from medkd.recipe.stage import Stage

RECIPES = sorted(Path(medkd.tasks.__path__[0]).glob("*/*.yaml"))


def finish(stage: Stage, run: Path) -> None:
    for need in stage.needs.values():
        finish(need, run)
    if not stage.is_done(run):
        stage.execute(run)


@pytest.mark.parametrize("path", RECIPES, ids=[f"{path.parent.name}/{path.stem}" for path in RECIPES])
def test_every_arm_makes_a_step(path: Path, tmp_path: Path) -> None:
    # A recipe for real data is tried on the synthetic cohort of its kind.
    made_up = {} if load_recipe(path).cohort.startswith("demo_") else {"cohort": "demo_ecg", "target": "CD"}
    recipe = load_recipe(path, ["cohort_options.subjects=45"], protocol="kfold:3", seeds=1, labels=(1.0,), fast=True, **made_up)
    inputs = prepare_inputs(recipe, open_cohort(recipe, tmp_path), tmp_path, jobs=1)
    graph = make_graph(recipe, inputs)
    arms = [stage for stage in graph.stages.values() if isinstance(stage, FitStage)]
    chosen = {fit.config["arm"]: fit for fit in arms if fit.config["arm"] in ("teacher", "solo", "student")}
    assert set(chosen) == {"teacher", "solo", "student"}
    for fit in chosen.values():
        for need in fit.needs.values():
            finish(need, tmp_path)
        held = fit.fit_config(tmp_path)
        held["trainer"] |= {"default_root_dir": str(tmp_path / fit.config["arm"]), "fast_dev_run": True, "logger": False, "callbacks": []}
        file = tmp_path / f"{fit.config['arm']}.yaml"
        file.write_text(yaml.safe_dump(held))
        assert main(["fit", "--config", str(file)]) == 0
        assert (tmp_path / fit.config["arm"] / "learner" / "model.safetensors").is_file()
