"""Registry: our own folders, listed from their source, and what other packages announce."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import medkd.cohorts
import medkd.tasks
from medkd import registry
from medkd.cli import main
from medkd.data.core.registry import Entry, Registry
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.registry import BASES, KINDS

COHORT = '''
"""A module."""
{imports}
from medkd.data.core.cohort import Cohort

class Found(Cohort):
    """Ten patients of {name}.

    More about them.
    """
    name = "{name}"
    marker = "patients.csv"
    default_target = "ill"
    def targets(self): return {{}}
    def modalities(self): return {{}}
    def samples(self, target): raise NotImplementedError
'''


def cohort(name: str, imports: str = "") -> str:
    return COHORT.format(name=name, imports=imports)


@pytest.fixture
def own_cohorts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that counts as part of medkd/cohorts."""
    folder = tmp_path / "cohorts"
    folder.mkdir()
    monkeypatch.setattr(medkd.cohorts, "__path__", [*medkd.cohorts.__path__, str(folder)])
    yield folder
    for path in folder.iterdir():
        sys.modules.pop(f"medkd.cohorts.{path.stem}", None)
        medkd.cohorts.__dict__.pop(path.stem, None)


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package that announces two cohorts and a task."""
    site = tmp_path / "site"
    package = site / "elsewhere"
    task = package / "their_task"
    task.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "hospital.py").write_text(cohort("hospital"))
    (task / "__init__.py").touch()
    (task / "recipe.yaml").write_text("# From pressure to flow.\nstages: {}\n")
    info = site / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        dedent("""
        [medkd.cohorts]
        hospital = elsewhere.hospital:Found
        no_cohort = elsewhere.hospital:__doc__
        [medkd.tasks]
        their_task = elsewhere.their_task
        """)
    )
    monkeypatch.syspath_prepend(str(site))
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "elsewhere"]:
        del sys.modules[name]


def imported(kind: str) -> dict[str, type]:
    """What importing every module of a kind's folder finds, by the names that the registry gives."""
    package = importlib.import_module(f"medkd.{kind}")
    home, _, title = BASES[kind].partition(":")
    base: type = getattr(importlib.import_module(home), title)
    found: dict[str, type] = {}
    for child in pkgutil.iter_modules(package.__path__):
        path = f"medkd.{kind}.{child.name}"
        importlib.import_module(path)
        inside = [module for name, module in sys.modules.items() if name == path or name.startswith(f"{path}.")]
        for module in inside:
            for _, one in inspect.getmembers(module, inspect.isclass):
                here = one.__module__ == module.__name__ and issubclass(one, base) and one is not base
                if not here or inspect.isabstract(one) or one.__name__.startswith("_"):
                    continue
                if kind in ("objectives", "networks"):
                    found[f"{one.__module__}.{one.__name__}"] = one
                elif one.__dict__.get("name") == child.name:
                    found[child.name] = one
    return found


@pytest.mark.parametrize("kind", BASES)
def test_the_listing_from_source_is_what_importing_finds(kind: str):
    entries, classes = {entry.name: entry for entry in registry.entries(kind)}, imported(kind)
    assert set(entries) == set(classes)
    assert not {entry.name: entry.trouble for entry in entries.values() if entry.trouble}
    for name, one in classes.items():
        assert entries[name].summary == inspect.getdoc(one).splitlines()[0].replace("``", "") != ""
        assert entries[name].method == (getattr(one, "method", "") if kind == "objectives" else "")
        assert entries[name].source == (getattr(one, "source", "") if kind == "objectives" else "")
        assert registry.load(kind, name) is one


def test_a_listing_imports_none_of_what_it_lists():
    script = "import sys; from medkd.cli import main; main(['list']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    assert "'medkd.registry'" in loaded
    for heavy in ("torch", "numpy", "polars", "pydantic", "medkd.cohorts.ptbxl", "medkd.objectives.rkd"):
        assert f"'{heavy}'" not in loaded


def test_what_is_installed_is_a_registry_as_the_engine_wants_one():
    found: Registry = registry
    assert {cohort.name for cohort in found.cohorts()} >= {"demo_ecg", "ptbxl"}
    assert all(found.entries(kind) for kind in KINDS)


def test_every_task_of_our_own_is_found_by_its_folder():
    for entry in registry.entries("tasks"):
        assert registry.task(entry.name).name == entry.name
        assert entry.summary


def test_names_find_classes():
    for entry in registry.entries("modalities"):
        assert registry.modality(entry.name).name == entry.name
    assert "ecg" in [entry.name for entry in registry.entries("modalities")]
    names = [entry.name for entry in registry.entries("objectives")]
    assert "medkd.objectives.soft_labels.SoftLabels" in names
    assert f"{Objective.__module__}.{Objective.__name__}" not in names


def test_an_objective_is_listed_by_its_method_with_source_and_path(capsys: pytest.CaptureFixture[str]):
    assert main(["list", "objectives"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.endswith(" medkd.objectives.rkd.RKD"))
    assert line.startswith("  RKD ")
    assert "Park et al. 2019" in line


def test_a_new_file_is_a_new_cohort(own_cohorts: Path, capsys: pytest.CaptureFixture[str]):
    (own_cohorts / "ward.py").write_text(cohort("ward"))
    assert registry.cohort("ward").marker == "patients.csv"
    assert main(["list", "cohorts"]) == 0
    assert "Ten patients of ward." in capsys.readouterr().out


def test_a_missing_extra_is_named_not_raised(
    own_cohorts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    (own_cohorts / "scanner.py").write_text(cohort("scanner", "import nibabel.nifti1"))
    (own_cohorts / "second.py").write_text(cohort("second", "from medkd.cohorts.scanner import Found as First"))
    (own_cohorts / "torn.py").write_text("class Torn(Cohort:\n")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("needs nibabel. Install it with: pip install 'medkd[mri]'") == 2
    assert "broken: SyntaxError" in shown
    with pytest.raises(InputError, match=r"cohort 'scanner' cannot be used .*medkd\[mri\]"):
        registry.cohort("scanner")
    with pytest.raises(InputError, match=r"cohort 'torn' cannot be used .*SyntaxError"):
        registry.cohort("torn")


def test_a_cohort_that_breaks_when_imported_is_told_then_and_hides_nothing(own_cohorts: Path):
    (own_cohorts / "brittle.py").write_text(cohort("brittle", "raise ValueError('torn')"))
    assert "brittle" in [entry.name for entry in registry.entries("cohorts")]
    with pytest.raises(InputError, match=r"cohort 'brittle' cannot be used \(--cohort\). broken: ValueError: torn"):
        registry.cohort("brittle")
    assert "ptbxl" in [found.name for found in registry.cohorts()]


def test_entry_points_of_other_packages_are_found(third_party: Path, capsys: pytest.CaptureFixture[str]):
    assert registry.cohort("hospital").name == "hospital"
    assert registry.task("their_task") == third_party / "their_task"
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "From pressure to flow." in shown
    assert "broken: elsewhere.hospital:__doc__ is not a Cohort" in shown
    assert Entry("hospital", "Ten patients of hospital.") in registry.entries("cohorts")
    with pytest.raises(InputError, match=r"cohort 'no_cohort' cannot be used .*is not a Cohort"):
        registry.cohort("no_cohort")


def test_a_broken_task_of_another_package_hides_nothing(third_party: Path):
    (third_party / "their_task" / "__init__.py").write_text("import absent_library")
    found = {entry.name: entry.trouble for entry in registry.entries("tasks")}
    assert found["their_task"] == "needs absent_library. Install it with: pip install absent_library"
    with pytest.raises(InputError, match="task 'their_task' cannot be used"):
        registry.task("their_task")


def test_a_folder_with_a_recipe_is_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="no task 'mine'"):
        registry.task("mine")
    (tmp_path / "mine" / "recipe.yaml").write_text("# Mine.\n")
    assert registry.task("mine") == Path("mine")


def test_wrong_names_get_the_nearest(own_cohorts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (own_cohorts / "ward_east.py").write_text(cohort("ward_east"))
    with pytest.raises(InputError, match="Did you mean 'ward_east'"):
        registry.cohort("ward-east")
    with pytest.raises(InputError, match="Did you mean 'ecg'"):
        registry.modality("egc")
    with pytest.raises(InputError, match=r"Did you mean 'medkd.objectives.rkd.RKD'"):
        registry.load("objectives", "medkd.objectives.rkd.RKDD")
    (tmp_path / "tasks" / "sleep").mkdir(parents=True)
    (tmp_path / "tasks" / "sleep" / "recipe.yaml").touch()
    monkeypatch.setattr(medkd.tasks, "__path__", [str(tmp_path / "tasks")])
    with pytest.raises(InputError, match="Did you mean 'sleep'"):
        registry.task("slepe")
