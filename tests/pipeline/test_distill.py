"""Distillation of a task: what is announced, recorded and left before a stage is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medkd import registry
from medkd.errors import InputError
from medkd.pipeline import distill
from medkd.pipeline.distill import run_task
from medkd.pipeline.recipe import Recipe, load_recipe


@pytest.fixture
def recipe() -> Recipe:
    task = registry.task("ecg_lead") / "recipe.yaml"
    return load_recipe(task, ["cohort_options.subjects=60"], seeds=1, label_fractions=(1.0,))


@pytest.fixture
def kept_command(fast_run: Path) -> Iterator[Path]:
    """The shared run, whose record of what was typed is put back."""
    before = (fast_run / "command.txt").read_text()
    yield fast_run
    (fast_run / "command.txt").write_text(before)


def test_a_finished_run_is_found_finished(kept_command: Path):
    announced: list[str] = []
    recipe = load_recipe(kept_command / "recipe.yaml")
    run = run_task(recipe, registry, "typed by hand", kept_command, 1, announced.append)
    assert run.stages_run == 0
    assert run.folder == kept_command
    assert len(announced) == 1
    assert "nothing to run again" in announced[0]
    assert (kept_command / "command.txt").read_text() == "typed by hand\n"


def test_command_and_estimate_come_before_the_first_stage(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    announced: list[str] = []
    started: list[int] = []

    def run_stages(stages: list[Any], run: Path, jobs: int) -> None:
        assert (run / "command.txt").read_text() == "medkd distill ecg_lead\n"
        assert announced
        started.append(len(stages))

    monkeypatch.setattr(distill, "run_stages", run_stages)
    run = run_task(recipe, registry, "medkd distill ecg_lead", None, 1, announced.append)
    # Nobody named a folder.
    assert run.folder == Path("runs/ecg_lead-demo_ecg")
    assert (tmp_path / run.folder / "recipe.yaml").is_file()
    assert started == [run.stages_run] == [len(run.graph.stages)]
    assert load_recipe(run.folder / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cohort": "demo_egc"}, "Did you mean 'demo_ecg'"),
        ({"target": "no_such_target"}, "no target 'no_such_target'"),
        ({"protocol": "kfold:400"}, "kfold:400"),
        ({"cohort_options": {"subject": 4}}, "cohort_options.subject"),
    ],
)
def test_what_is_wrong_is_found_before_a_folder_is_made(recipe: Recipe, changed: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        run_task(recipe.model_copy(update=changed), registry, "typed", Path("run"), 1)
    assert not Path("run").exists()
