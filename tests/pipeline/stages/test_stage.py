"""Stage: its digest, and the markers by which a finished or killed run is recognised."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from medkd.errors import InputError
from medkd.pipeline.stages.stage import Stage


@dataclass(frozen=True)
class Write(Stage):
    """Appends a line to a file; dies where its configuration says so."""

    kind: ClassVar[str] = "write"

    def run(self, run: Path) -> None:
        self.folder(run).mkdir(parents=True, exist_ok=True)
        with (self.folder(run) / "lines").open("a") as file:
            file.write("line\n")
        if self.config.get("dies"):
            raise KeyboardInterrupt


@dataclass(frozen=True)
class Revised(Write):
    revision: ClassVar[int] = 2


def lines(stage: Stage, run: Path) -> int:
    return len((stage.folder(run) / "lines").read_text().splitlines())


def test_the_digest_follows_what_decides_the_result():
    first = Write("a", {"in": Write("b", {}, {"x": 1})}, {"y": 2})
    same = Write("a", {"in": Write("b", {}, {"x": 1})}, {"y": 2})
    assert first.digest == same.digest
    others = [
        Write("c", first.needs, first.config),
        Write("a", {"in": Write("b", {}, {"x": 2})}, {"y": 2}),
        Write("a", {"other": first.needs["in"]}, {"y": 2}),
        Write("a", first.needs, {"y": 3}),
        Revised("a", first.needs, first.config),
    ]
    assert len({first.digest, *(stage.digest for stage in others)}) == 6
    assert replace(first, config={"y": 3}).digest == others[3].digest


def test_a_finished_stage_is_done_until_its_configuration_changes(tmp_path: Path):
    stage = Write("a/b", {}, {"x": 1})
    assert not stage.is_done(tmp_path)
    stage.execute(tmp_path)
    assert stage.is_done(tmp_path)
    assert not Write("a/b", {}, {"x": 2}).is_done(tmp_path)
    marker = json.loads((tmp_path / "stages/a/b.done.json").read_text())
    assert marker == {"kind": "write", "name": "a/b", "digest": stage.digest, "command": stage.command(tmp_path)}
    assert not list(tmp_path.rglob("*.begun.json"))


def test_a_killed_attempt_is_kept_for_the_same_stage_and_removed_for_another(tmp_path: Path):
    dying = Write("a", {}, {"dies": True})
    for attempt in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            dying.execute(tmp_path)
        assert lines(dying, tmp_path) == attempt
        assert not dying.is_done(tmp_path)
    other = Write("a", {}, {})
    other.execute(tmp_path)
    assert lines(other, tmp_path) == 1
    other.execute(tmp_path)
    assert lines(other, tmp_path) == 1


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"digest": 3}'])
def test_a_damaged_marker_is_named_with_its_remedy(tmp_path: Path, content: str):
    stage = Write("a", {}, {})
    stage.execute(tmp_path)
    (tmp_path / "stages/a.done.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.done\.json.*") as caught:
        stage.is_done(tmp_path)
    assert "Remove it" in str(caught.value)
