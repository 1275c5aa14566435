"""What there is: our own folders, and what other packages announce."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

import medkd.cohorts
import medkd.tasks
from medkd.cli import main
from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.registry import entries, find_cohort, find_modality, find_task

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
def own_cohorts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as part of medkd/cohorts."""
    folder = tmp_path / "cohorts"
    folder.mkdir()
    monkeypatch.setattr(medkd.cohorts, "__path__", [*medkd.cohorts.__path__, str(folder)])
    yield folder
    for path in folder.iterdir():
        sys.modules.pop(f"medkd.cohorts.{path.stem}", None)
        medkd.cohorts.__dict__.pop(path.stem, None)


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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


@pytest.mark.parametrize(("kind", "base"), [("cohorts", Cohort), ("modalities", Modality), ("objectives", Objective)])
def test_everything_of_our_own_can_be_imported_and_says_what_it_is(kind: str, base: type):
    found = entries(kind)
    assert not {entry.name: entry.trouble for entry in found if entry.trouble}
    assert all(issubclass(entry.found, base) for entry in found)
    assert all(entry.summary for entry in found)
    assert len({entry.name for entry in found}) == len(found)


def test_every_task_of_our_own_is_found_by_its_folder():
    for entry in entries("tasks"):
        assert find_task(entry.name) == entry.found
        assert entry.summary


def test_names_find_classes():
    for entry in entries("modalities"):
        assert find_modality(entry.name) is entry.found
    assert "ecg" in [entry.name for entry in entries("modalities")]
    assert "medkd.objectives.soft_labels.SoftLabels" in [entry.name for entry in entries("objectives")]
    assert Objective not in [entry.found for entry in entries("objectives")]


def test_a_new_file_is_a_new_cohort(own_cohorts: Path, capsys: pytest.CaptureFixture[str]):
    (own_cohorts / "ward.py").write_text(cohort("ward"))
    assert find_cohort("ward").marker == "patients.csv"
    assert main(["list", "cohorts"]) == 0
    assert "Ten patients of ward." in capsys.readouterr().out


def test_a_missing_extra_is_named_not_raised(
    own_cohorts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    (own_cohorts / "scanner.py").write_text(cohort("scanner", "import nibabel.nifti1"))
    (own_cohorts / "torn.py").write_text("raise ValueError('torn')")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "needs nibabel. Install it with: pip install 'medkd[mri]'" in shown
    assert "broken: ValueError: torn" in shown
    with pytest.raises(InputError, match=r"cohort 'scanner' cannot be used .*medkd\[mri\]"):
        find_cohort("scanner")


def test_entry_points_of_other_packages_are_found(third_party: Path, capsys: pytest.CaptureFixture[str]):
    assert find_cohort("hospital").name == "hospital"
    assert find_task("their_task") == third_party / "their_task"
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "From pressure to flow." in shown
    assert "broken: elsewhere.hospital:__doc__ is not a Cohort" in shown


def test_a_broken_task_of_another_package_hides_nothing(third_party: Path):
    (third_party / "their_task" / "__init__.py").write_text("import absent_library")
    found = {entry.name: entry.trouble for entry in entries("tasks")}
    assert found["their_task"] == "needs absent_library. Install it with: pip install absent_library"
    with pytest.raises(InputError, match="task 'their_task' cannot be used"):
        find_task("their_task")


def test_a_folder_with_a_recipe_is_a_task(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="no task 'mine'"):
        find_task("mine")
    (tmp_path / "mine" / "recipe.yaml").write_text("# Mine.\n")
    assert find_task("mine") == Path("mine")


def test_wrong_names_get_the_nearest(own_cohorts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (own_cohorts / "ward_east.py").write_text(cohort("ward_east"))
    with pytest.raises(InputError, match="Did you mean 'ward_east'"):
        find_cohort("ward-east")
    with pytest.raises(InputError, match="Did you mean 'ecg'"):
        find_modality("egc")
    (tmp_path / "tasks" / "sleep").mkdir(parents=True)
    (tmp_path / "tasks" / "sleep" / "recipe.yaml").touch()
    monkeypatch.setattr(medkd.tasks, "__path__", [str(tmp_path / "tasks")])
    with pytest.raises(InputError, match="Did you mean 'sleep'"):
        find_task("slepe")
