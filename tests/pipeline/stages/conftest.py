"""A finished run whose stages can be repeated without touching it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medkd.pipeline.graph import make_graph
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.stages.stage import Stage


@pytest.fixture(scope="session")
def stages(fast_run: Path) -> dict[str, Stage]:
    """The stages of the finished run by name."""
    return make_graph(load_recipe(fast_run / "recipe.yaml"), PreparedCohort.load(fast_run)).stages


@pytest.fixture
def rerun(fast_run: Path, tmp_path: Path) -> Path:
    """A run's folder with the fits, banks and splits of the finished one, and copies of its evidence."""
    run = tmp_path / "rerun"
    run.mkdir()
    for name in ("cohort", "prepared", "split", "labels1"):
        (run / name).symlink_to(fast_run / name)
    shutil.copytree(fast_run / "evidence", run / "evidence")
    for name in ("prepared_cohort.json", "samples.parquet", "report.json", "command.txt", "recipe.yaml"):
        shutil.copyfile(fast_run / name, run / name)
    return run
