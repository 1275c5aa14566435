"""``medkd stage``: one stage by its name, and what is said where it cannot begin."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from medkd.cli import main
from medkd.pipeline.prepared_cohort import PreparedCohort


@pytest.fixture(scope="module")
def recipe(fast_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared run's recipe on its own synthetic cohort, so that no test makes another."""
    content = yaml.safe_load((fast_run / "recipe.yaml").read_text())
    file = tmp_path_factory.mktemp("stage") / "recipe.yaml"
    file.write_text(yaml.safe_dump(content | {"root": str(fast_run / "cohort")}))
    return file


def test_a_stage_elsewhere_is_that_of_the_run(
    recipe: Path, fast_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "again"
    assert main(["stage", str(recipe), "split/seed0", "--out", str(out)]) == 0
    assert "split/seed0: done in" in capsys.readouterr().out
    assert (out / "split/seed0/split.json").read_bytes() == (fast_run / "split/seed0/split.json").read_bytes()
    assert not (out / "labels1").exists()


def test_prepare_reads_the_cohort_and_runs_nothing(recipe: Path, fast_run: Path, tmp_path: Path):
    out = tmp_path / "prepared"
    assert main(["stage", str(recipe), "prepare", "--out", str(out)]) == 0
    assert PreparedCohort.load(out).data_sha256 == PreparedCohort.load(fast_run).data_sha256
    assert not (out / "stages").exists()


def test_what_comes_first_is_told_as_a_command_to_type(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "early"
    assert main(["stage", str(recipe), "labels1/seed0/teacher-without-0", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "stage 'split/seed0' comes first" in error
    command = error.partition("Run: ")[2].rstrip(".\n")
    assert command == f"medkd stage {out / 'recipe.yaml'} split/seed0 --out {out}"
    assert main(command.split()[1:]) == 0


@pytest.mark.parametrize("there_before", [False, True])
def test_an_unknown_name_removes_no_folder_that_was_there(
    recipe: Path, tmp_path: Path, there_before: bool, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    if there_before:
        out.mkdir()
        (out / "mine.txt").touch()
    assert main(["stage", str(recipe), "split/sed0", "--out", str(out)]) == 2
    assert "Did you mean 'split/seed0'?" in capsys.readouterr().err
    assert (out / "mine.txt").exists() is out.exists() is there_before
