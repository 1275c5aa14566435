"""Everything that the registry finds, each under its own name, and samples of it.

A modality, cohort, network or task in our folders, or announced by an installed package, is tested without a line here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from medkd import registry
from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.errors import InputError

SHARED = (Path(__file__).resolve().parents[2] / os.environ.get("MEDKD_SHARED", "../shared")).resolve() / "data"
SUBJECTS = 30
"""Of a synthetic cohort."""
SAMPLES = 6
"""Of a modality, at most."""
KINDS = {"modality": "modalities", "cohort": "cohorts", "network": "networks", "task": "tasks"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``modality_name`` runs once per modality; likewise cohorts, networks and tasks."""
    for kind, folder in KINDS.items():
        if f"{kind}_name" in metafunc.fixturenames:
            names = [entry.name for entry in registry.entries(folder)]
            metafunc.parametrize(
                f"{kind}_name", names, ids=[name.rpartition(".")[2] for name in names], scope="session"
            )


def loaded(kind: str, name: str) -> Any:
    """The class or folder of that name; skipped where a package that it needs is not installed."""
    entry = next(entry for entry in registry.entries(kind) if entry.name == name)
    if entry.trouble.startswith("needs "):
        pytest.skip(entry.trouble)
    assert not entry.trouble, entry.trouble
    return registry.load(kind, name)


@pytest.fixture
def modality_class(modality_name: str) -> type[Modality]:
    """The class of ``modality_name``."""
    return loaded("modalities", modality_name)


@pytest.fixture
def cohort_class(cohort_name: str) -> type[Cohort]:
    """The class of ``cohort_name``."""
    return loaded("cohorts", cohort_name)


@pytest.fixture
def network_class(network_name: str) -> Any:
    """The class of ``network_name``."""
    return loaded("networks", network_name)


@pytest.fixture
def task_folder(task_name: str) -> Path:
    """The folder of ``task_name``."""
    return loaded("tasks", task_name)


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[type[Cohort]], Path]:
    """``synthesised(kind)``: a small synthetic cohort, written once per session."""

    @cache
    def root(kind: type[Cohort]) -> Path:
        return kind.synthesise(tmp_path_factory.mktemp(kind.name) / "root", subjects=SUBJECTS)  # type: ignore[attr-defined]

    return root


@pytest.fixture(scope="session")
def open_cohort(synthesised: Callable[[type[Cohort]], Path]) -> Callable[[type[Cohort]], Cohort | None]:
    """``open_cohort(kind)``: a cohort at synthetic data, or at real data below MEDKD_SHARED, or None without either."""

    @cache
    def opened(kind: type[Cohort]) -> Cohort | None:
        if hasattr(kind, "synthesise"):
            return kind(synthesised(kind))
        folders = sorted(folder for folder in SHARED.glob("*/*") if folder.is_dir())
        # First where its marker is: MIMIC-III and MIMIC-IV can be read by the class of the other.
        for folder in sorted(folders, key=lambda folder: not (folder / kind.marker).exists()):
            try:
                return kind(folder)
            except InputError:
                continue
        return None

    return opened


@dataclass(frozen=True)
class Source:
    """Samples of one modality.

    Args:
        cohort: where they are from.
        modality: with the settings of that cohort.
        rows: of its sample table, each with a signal of the modality.
        root: what their paths are relative to.
    """

    cohort: str
    modality: Modality
    rows: list[dict[str, Any]]
    root: Path


@pytest.fixture(scope="session")
def _sources(
    open_cohort: Callable[[type[Cohort]], Cohort | None], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Source | None]:
    def cohorts() -> Iterator[type[Cohort]]:
        """Synthetic ones first: they are small, and always there."""
        yield from sorted(registry.cohorts(), key=lambda kind: not hasattr(kind, "synthesise"))

    @cache
    def source(name: str) -> Source | None:
        for kind in cohorts():
            cohort = open_cohort(kind)
            if cohort is None or name not in (modalities := cohort.modalities()):
                continue
            samples, _ = cohort.samples(cohort.target(None))
            extract = cohort.extract(samples.head(50 * SAMPLES), tmp_path_factory.mktemp(name), {name})
            rows = [row for row in extract.samples.to_dicts() if row[name] is not None][:SAMPLES]
            if rows:
                return Source(kind.name, modalities[name], rows, extract.root)
        return None

    return source


@pytest.fixture
def source(modality_name: str, modality_class: type[Modality], _sources: Callable[[str], Source | None]) -> Source:
    """Samples of ``modality_name`` from the first cohort that has any."""
    source = _sources(modality_name)
    if source is None:
        pytest.skip(f"no synthetic cohort has {modality_name}, and no real one below {SHARED}")
    return source
