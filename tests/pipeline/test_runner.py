"""Runner: stages after their needs, each once, one at a time or several at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from medkd.errors import CheckFailed
from medkd.pipeline import runner
from medkd.pipeline.runner import pending, run_stages
from medkd.pipeline.stages.stage import Stage


@dataclass(frozen=True)
class Note(Stage):
    """Notes when it began and ended."""

    kind: ClassVar[str] = "note"

    def run(self, run: Path) -> None:
        assert all(need.is_done(run) for need in self.needs.values())
        if self.config.get("fails"):
            raise CheckFailed("this stage fails", where=self.name)
        self.folder(run).mkdir(parents=True)
        begun = time.monotonic()
        (self.folder(run) / "note").write_text(f"{begun} {time.monotonic()}")


def diamond(**config: object) -> list[Stage]:
    top = Note("top")
    left, right = Note("left", {"top": top}), Note("right", {"top": top}, dict(config))
    return [top, left, right, Note("bottom", {"left": left, "right": right})]


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    # A worker process could not import the stages of a test.
    monkeypatch.setattr(runner, "ProcessPoolExecutor", lambda jobs, mp_context: ThreadPoolExecutor(jobs))


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_stage_runs_once_after_its_needs(tmp_path: Path, jobs: int):
    stages = diamond()
    assert pending(stages, tmp_path) == stages
    run_stages(stages, tmp_path, jobs)
    assert pending(stages, tmp_path) == []
    notes = {stage.name: (stage.folder(tmp_path) / "note").read_text().split() for stage in stages}
    assert float(notes["top"][1]) <= min(float(notes["left"][0]), float(notes["right"][0]))
    assert float(notes["bottom"][0]) >= max(float(notes["left"][1]), float(notes["right"][1]))
    run_stages(stages, tmp_path, jobs)
    assert notes == {stage.name: (stage.folder(tmp_path) / "note").read_text().split() for stage in stages}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_is_raised_and_what_was_finished_stays(tmp_path: Path, jobs: int):
    stages = diamond(fails=True)
    with pytest.raises(CheckFailed, match=r"this stage fails \(right\)"):
        run_stages(stages, tmp_path, jobs)
    assert stages[0].is_done(tmp_path)
    assert not stages[3].is_done(tmp_path)
