"""Extras: requirements as pyproject.toml states them, and the command that installs a missing package."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from medkd.extras import extra_of, remedy_for, requirements


def names(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_requirements_are_those_of_the_project_file_without_the_extra_that_gathers_all(checkout: Path):
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    expected = {"": names(project["dependencies"])}
    # The wheel's builder writes out "medkd[docs]" inside another extra.
    inside = {f"medkd[{extra}]": lines for extra, lines in extras.items()}
    expected |= {
        extra: names([part for line in lines for part in inside.get(line, [line])])
        for extra, lines in extras.items()
        if extra != "all"
    }
    installed = {
        extra: {canonicalize_name(requirement.name) for requirement in brought}
        for extra, brought in requirements().items()
    }
    assert installed == expected


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch", ""),
        ("yaml", ""),
        ("sklearn", ""),
        ("open_clip", "vlm"),
        ("onnxruntime", "deploy"),
        ("lazy_loader", ""),
        ("pydicom", "ecg"),
        ("no_such_package", None),
    ],
)
def test_an_import_name_leads_to_the_extra_that_brings_its_distribution(module: str, extra: str | None):
    assert extra_of(module) == extra


def test_the_remedy_names_the_smallest_thing_to_install():
    assert remedy_for("optuna") == "Install it with: pip install 'medkd[tune]'"
    # A distribution's name may differ from the name that is imported.
    assert remedy_for("PIL") == "Install it with: pip install pillow"
    assert remedy_for("no_such_package") == "Install it with: pip install no_such_package"
    assert "reinstall medkd" in remedy_for("torch")
