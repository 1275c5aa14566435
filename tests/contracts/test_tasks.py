"""Every task keeps its promises to a reader: a page, and recipes whose classes exist; a new one is swept."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from medkd import registry
from medkd.data.core.instantiate import check_trusted
from medkd.pipeline.recipe import load_recipe

SECTIONS = ("Command", "Data and licence", "What to expect")
"""Headings of a task's README.md."""


def test_the_sweep_finds_the_tasks():
    assert {"ecg_lead", "icu_labs", "gluconet", "oc_distill"} <= {entry.name for entry in registry.entries("tasks")}


@pytest.fixture
def recipes(task_folder: Path) -> list[Path]:
    """The task's recipe, and those for other cohorts beside it."""
    return sorted(task_folder.glob("*.yaml"))


def class_paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("class_path"), str):
            yield value["class_path"]
        for inner in value.values():
            yield from class_paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from class_paths(inner)


def test_every_recipe_can_be_read(recipes, task_folder):
    assert task_folder / "recipe.yaml" in recipes
    for path in recipes:
        recipe = load_recipe(path)
        assert recipe.cohort in {entry.name for entry in registry.entries("cohorts")}


def test_every_class_exists_and_is_on_the_allow_list(recipes, task_folder):
    package = import_module("medkd").__name__ if "medkd" in task_folder.parts else task_folder.parent.name
    for path in recipes:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        check_trusted(content, ("medkd", package))
        for class_path in class_paths(content):
            module, _, name = class_path.rpartition(".")
            assert isinstance(getattr(import_module(module), name), type), f"{path.name} names {class_path}"


def test_the_recipe_begins_as_a_page(recipes):
    """``medkd list`` shows the first comment."""
    for path in recipes:
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        assert first.startswith("# "), path.name
        assert len(first) > 20, path.name


def test_the_page_says_what_a_reader_needs(task_folder, task_name):
    page = (task_folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# ")
    for section in SECTIONS:
        assert f"\n## {section}\n" in page, f"README.md of {task_name} has no section '{section}'"
    body = {part.partition("\n")[0]: part.partition("\n")[2] for part in page.split("\n## ")[1:]}
    assert f"medkd distill {task_name}" in body["Command"]
    assert any(word in body["Data and licence"] for word in ("CC ", "ODC", "ODbL", "PhysioNet", "synthetic"))
    for word in ("minutes", "GB", "AUROC", "MAE", "RMSE"):
        if word in body["What to expect"]:
            break
    else:
        pytest.fail(f"'What to expect' of {task_name} names neither a metric nor a time")


def test_the_page_names_every_recipe(recipes, task_folder):
    page = (task_folder / "README.md").read_text(encoding="utf-8")
    for path in recipes:
        assert path.name == "recipe.yaml" or path.stem in page, f"README.md does not mention {path.name}"
