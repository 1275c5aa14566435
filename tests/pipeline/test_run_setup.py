"""Set-up of a run: which cohort is opened, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import medkd.tasks
from medkd import registry
from medkd.errors import InputError
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.run_setup import cohort_at, open_cohort

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"


class Elsewhere:
    """A registry that holds one cohort."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def cohort(self, name: str) -> Any:
        self.asked.append(name)
        return registry.cohort("demo_ecg")


def test_the_cohort_comes_from_the_registry_that_was_handed_in(tmp_path: Path):
    elsewhere = Elsewhere()
    recipe = load_recipe(TASK, ["cohort_options.subjects=12"], cohort="hospital")
    cohort = open_cohort(recipe, tmp_path, elsewhere)  # type: ignore[arg-type]
    assert elsewhere.asked == ["hospital"]
    assert cohort.root == tmp_path / "cohort"
    assert cohort_at(type(cohort), cohort.root, tmp_path / "unused", {}).root == cohort.root
    assert not (tmp_path / "unused").exists()


def test_a_fast_run_synthesises_fewer_subjects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asked: list[int] = []
    kind = registry.cohort("demo_ecg")
    root = kind.synthesise(tmp_path / "demo", subjects=10)  # type: ignore[attr-defined]

    def synthesise(root_: Path, subjects: int, seed: int = 0) -> Path:
        asked.append(subjects)
        return root

    monkeypatch.setattr(kind, "synthesise", synthesise)
    for options in (["cohort_options.subjects=500"], ["cohort_options.subjects=20"], ["cohort_options={}"]):
        open_cohort(load_recipe(TASK, options, fast=True), tmp_path, registry)
    assert asked == [150, 20, 150]


def test_a_real_cohort_needs_its_folder_and_an_unknown_option_its_name(tmp_path: Path):
    with pytest.raises(InputError, match=r"cohort ptbxl needs its folder \(--root\). .*ptbxl_database.csv"):
        cohort_at(registry.cohort("ptbxl"), None, tmp_path, {})
    with pytest.raises(InputError, match=r"unknown key 'cohort_options.subject' .*Did you mean 'subjects'"):
        cohort_at(registry.cohort("demo_ecg"), None, tmp_path, {"subject": 3})
