from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from medkd.recipe.graph import Graph
from medkd.recipe.opening import begin
from medkd.recipe.recipe import load_recipe

TASK = Path(__file__).parents[2] / "medkd" / "tasks" / "ecg_lead" / "recipe.yaml"


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
        labels=(0.5,),
        fast=True,
    )
    made = begin(recipe, run, jobs=1)
    made.stages["split/seed0"].execute(run)
    return made


@pytest.fixture
def fit_config(graph: Graph, run: Path, tmp_path: Path) -> Any:
    """The configuration of one named fit, written below ``tmp_path``, with changes."""

    def write(name: str, folder: str = "fit", **changes: Any) -> Path:
        stage = graph.stages[name]
        held = stage.fit_config(run)  # type: ignore[attr-defined]
        out = tmp_path / folder
        held["trainer"] |= {"default_root_dir": str(out), "logger": False, "callbacks": [], "enable_progress_bar": False} | changes.get(
            "trainer", {}
        )
        held["model"] |= changes.get("model", {})
        held["data"] |= changes.get("data", {})
        out.mkdir(parents=True, exist_ok=True)
        file = out / "fit.yaml"
        file.write_text(yaml.safe_dump(held))
        return file

    return write
