"""Commands that must end in one clear line and exit 2, and what they are given."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

import medkd.tasks
from medkd.cli import main
from medkd.cohorts.demo_ecg import DemoECG
from medkd.deploy.bundle.bundle import Bundle
from medkd.modalities.ecg import ECG
from tests.deploy.conftest import CALIBRATION, REPORT, save_learner

RECIPE = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"
TEACHER = "labels1/seed0/teacher-without-0"
Spoil = Callable[[Path], None]
Refused = Callable[..., str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty synthetic subjects; read only."""
    return DemoECG.synthesise(tmp_path_factory.mktemp("demo") / "demo", subjects=60)


@pytest.fixture
def cohort(demo: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(demo, tmp_path / "cohort"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with random weights; read only."""
    place = tmp_path_factory.mktemp("bundle")
    Bundle.write(place / "bundle", save_learner(place / "learner", ECG()), CALIBRATION, REPORT)
    return place / "bundle"


@pytest.fixture
def spoilt_bundle(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def recipe(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped recipe on the small cohort, as a user's own task."""
    held = yaml.safe_load(RECIPE.read_text()) | {
        "root": str(demo),
        "cohort": "demo_ecg",
        "target": "CD",
        "protocol": "kfold:3",
    }
    file = tmp_path_factory.mktemp("own") / "recipe.yaml"
    file.write_text(yaml.safe_dump(held | {"seeds": 1, "label_fractions": [1.0], "fast": True}))
    return file


@pytest.fixture(scope="session")
def begun(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose cohort is prepared and whose split is drawn, nothing fitted; read only."""
    out = tmp_path_factory.mktemp("begun") / "run"
    assert main(["stage", str(recipe), "split/seed0", "--out", str(out)]) == 0
    return out


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "run"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Type a command, which must end in one line and exit 2; the line."""

    def type_it(*words: object, code: int = 2) -> str:
        capsys.readouterr()
        status = main([str(word) for word in words])
        said = capsys.readouterr().err
        assert status == code, said
        assert said.startswith("medkd: ")
        assert said.endswith("\n")
        assert said.count("\n") == 1
        assert "not foreseen" not in said
        return said

    return type_it


@pytest.fixture
def distil(refused: Refused, tmp_path: Path) -> Refused:
    """A distillation that must be refused and leave no folder."""

    def type_it(root: Path | None, *words: object) -> str:
        out = tmp_path / "runs" / "refused"
        where = ["--root", root] if root else []
        line = refused(
            "distill", "ecg_lead", "--cohort", "demo_ecg", *where, "--fast", "--jobs", "1", "--out", out, *words
        )
        assert not out.exists()
        assert not out.parent.exists()
        return line

    return type_it


@pytest.fixture
def whole(refused: Refused, recipe: Path, tmp_path: Path) -> Refused:
    """The same without ``--fast``, which sets protocol and labels itself."""

    def type_it(root: Path, *words: object) -> str:
        (tmp_path / "own").mkdir()
        (tmp_path / "own/recipe.yaml").write_text(yaml.safe_dump(yaml.safe_load(recipe.read_text()) | {"fast": False}))
        out = tmp_path / "runs" / "refused"
        line = refused("distill", tmp_path / "own", "--root", root, "--out", out, "--jobs", "1", *words)
        assert not out.parent.exists()
        return line

    return type_it


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def no_temporaries(folder: Path) -> bool:
    return not any(path.name.startswith(".") for path in folder.rglob("*"))


def edit(cohort: Path, **columns: pl.Expr) -> None:
    file = cohort / "ptbxl_database.csv"
    pl.read_csv(file, infer_schema=False).with_columns(**columns).write_csv(file)
