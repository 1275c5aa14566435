"""Registry: the protocol that the engine is handed, and that it needs no more than that."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medkd import registry
from medkd.cohorts.demo_ecg import DemoECG
from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.data.core.registry import Entry, Registry
from medkd.errors import InputError
from medkd.pipeline.recipe import Recipe, load_recipe
from medkd.pipeline.run_setup import open_cohort

LOOK_UPS = [name for name, member in vars(Registry).items() if inspect.isfunction(member) and name[0] != "_"]


class Ward(DemoECG):
    """A cohort that no package announces."""

    name = "ward"


class OneCohort:
    """A registry of one cohort, which a program made for itself."""

    def entries(self, kind: str) -> list[Entry]:
        return [Entry("ward", "A ward.")] if kind == "cohorts" else []

    def load(self, kind: str, name: str) -> Any:
        raise InputError(f"no {kind} here")

    def cohort(self, name: str) -> type[Cohort]:
        if name != Ward.name:
            raise InputError(f"no cohort '{name}'")
        return Ward

    def cohorts(self) -> Iterator[type[Cohort]]:
        yield Ward

    def modality(self, name: str) -> type[Modality]:
        raise InputError(f"no modality '{name}'")

    def task(self, name: str) -> Path:
        raise InputError(f"no task '{name}'")


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe(registry.task("ecg_lead") / "recipe.yaml", ["cohort_options.subjects=12"])


@pytest.mark.parametrize("name", LOOK_UPS)
def test_what_is_installed_can_be_called_as_the_protocol_says(name: str):
    promised = list(inspect.signature(getattr(Registry, name)).parameters)[1:]
    assert list(inspect.signature(getattr(registry, name)).parameters) == promised


@pytest.mark.parametrize("name", ["cohort", "modality", "task"])
def test_a_look_up_of_nothing_is_wrong_input(name: str):
    with pytest.raises(InputError, match="no_such_thing"):
        getattr(registry, name)("no_such_thing")


def test_the_engine_opens_a_cohort_of_any_registry_it_is_handed(recipe: Recipe, tmp_path: Path):
    handed: Registry = OneCohort()
    cohort = open_cohort(recipe.model_copy(update={"cohort": "ward"}), tmp_path, handed)
    assert type(cohort) is Ward
    assert cohort.root == tmp_path / "cohort"
    with pytest.raises(InputError, match="no cohort 'demo_ecg'"):
        open_cohort(recipe, tmp_path / "other", handed)
    assert not (tmp_path / "other").exists()
