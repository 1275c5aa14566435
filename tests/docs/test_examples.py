"""The examples of the how-to pages: each is taken from its page and run."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from medkd.data.core.sample import check_samples
from medkd.data.core.view import View
from medkd.errors import RecordError
from medkd.pipeline.recipe import load_recipe


def blocks(checkout: Path, page: str, language: str) -> list[str]:
    """The code blocks of one language on a page of ``docs/how-to``."""
    text = (checkout / "docs" / "how-to" / page).read_text(encoding="utf-8")
    return [textwrap.dedent(code) for code in re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.M)]


@pytest.fixture
def imported(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a code block as a reader would who saved it as a file."""

    def load(code: str) -> ModuleType:
        path = tmp_path_factory.mktemp("example") / "example.py"
        path.write_text(code, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("example", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "example", module)
        spec.loader.exec_module(module)
        return module

    return load


def test_the_modality_reads_selects_and_prepares(checkout: Path, tmp_path: Path, imported: Callable[[str], ModuleType]):
    (code,) = blocks(checkout, "own-modality.md", "python")
    modality = imported(code).SkinTemperature(minutes=3)
    part = View.parse("skin_temperature").parts[0]
    np.savetxt(tmp_path / "night.txt", [33.0, 33.5, 34.0, 34.5])
    raw = modality.read({"skin_temperature": "night.txt"}, tmp_path)
    prepared = modality.prepare(modality.select(raw, part))
    assert prepared.shape == modality.shape(part) == (1, 3)
    assert prepared.tolist() == [[33.0, 33.5, 34.0]]
    with pytest.raises(RecordError, match="no such file"):
        modality.read({"skin_temperature": "none.txt"}, tmp_path)
    with pytest.raises(RecordError, match="2 minutes, 3 expected"):
        modality.prepare(raw[:2])


def test_the_cohort_gives_a_sample_table_and_its_exclusions(
    checkout: Path, tmp_path: Path, imported: Callable[[str], ModuleType]
):
    (code,) = blocks(checkout, "own-data.md", "python")
    (tmp_path / "patients.csv").write_text("patient,age,sex,af\n1,70,female,1\n2,12,male,0\n3,50,male,\n")
    cohort = imported(code).OurWard(tmp_path)
    target = cohort.target(None)
    samples, exclusions = cohort.samples(target)
    table = check_samples(samples, target, "our_ward")
    assert table["ecg"].to_list() == ["records/1", "records/3"]
    assert table["af"].to_list() == [1.0, None]
    assert [(exclusion.reason, exclusion.count) for exclusion in exclusions] == [("under 18 years", 1)]


def test_the_recipe_is_complete_and_its_ranges_are_known(checkout: Path, tmp_path: Path):
    recipe, search = blocks(checkout, "own-task.md", "yaml")
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe + search)
    loaded = load_recipe(path)
    assert loaded.task == "my_task"
    assert loaded.baseline.view == loaded.student.view == "ecg[I]"
    assert set(loaded.search) == {"student.model.learning_rate", "student.model.weights.soft_labels"}
    rate = loaded.search["student.model.learning_rate"]
    assert (rate.low, rate.high, rate.log) == (3.0e-4, 1.0e-2, True)


def test_the_python_page_runs_on_the_demo(
    checkout: Path, tmp_path: Path, fast_run: Path, imported: Callable[[str], ModuleType]
):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(fast_run)
    module = imported("\n".join(blocks(checkout, "python.md", "python")))
    assert module.report.verdict == "invalid"
    assert (module.scores["status"] == "ok").sum() > 100
    assert module.student.grad is not None
