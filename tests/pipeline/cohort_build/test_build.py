"""Build of a cohort outside any task: what it prepares, and what an error leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medkd.cohorts.demo_ecg import DemoECG
from medkd.cohorts.demo_icu import DemoICU
from medkd.data.core.view import View
from medkd.data.loading.shard import Shard
from medkd.data.splits.split import Split
from medkd.errors import InputError
from medkd.pipeline.cohort_build import build as builder
from medkd.pipeline.cohort_build.build import CohortSource, build, build_part, check, describe_cohort, whole_recipe
from medkd.pipeline.cohort_build.shards import SHARDS, shard_folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return DemoECG.synthesise(tmp_path_factory.mktemp("build") / "cohort", subjects=30)


def test_the_whole_recipe_sees_every_modality_in_every_role(tmp_path: Path):
    cohort = DemoICU(DemoICU.synthesise(tmp_path / "icu", subjects=20))
    recipe = whole_recipe(cohort)
    assert recipe.teacher == recipe.student == recipe.baseline
    assert {part.modality for part in View.parse(recipe.student.view).parts} == set(cohort.modalities())
    assert len(cohort.modalities()) > 2
    assert recipe.target == cohort.target(None).key


def test_a_wrong_target_leaves_no_folder(root: Path, tmp_path: Path):
    with pytest.raises(InputError, match="no target 'M'"):
        build(CohortSource(DemoECG, root, target="M"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_protocol_that_cannot_be_drawn_removes_what_was_prepared(root: Path, tmp_path: Path):
    with pytest.raises(InputError):
        build(CohortSource(DemoECG, root, protocol="kfold:200"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_shard_that_fails_leaves_its_neighbours(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source, out = CohortSource(DemoECG, root), tmp_path / "out"
    assert build_part(source, Shard(1, 2), out) == 0

    def fail(recipe: Any, cohort: Any, shard: Shard, folder: Path, jobs: int) -> int:
        shard_folder(folder, shard).mkdir(parents=True)
        raise InputError("the disk is full")

    monkeypatch.setattr(builder, "build_shard", fail)
    with pytest.raises(InputError, match="the disk is full"):
        build_part(source, Shard(2, 2), out)
    assert [path.name for path in (out / SHARDS).iterdir() if path.is_dir()] == ["1of2"]
    monkeypatch.undo()
    assert build_part(source, Shard(2, 2), out) == 0
    assert build(source, out) == 0
    assert not (out / SHARDS).exists()
    assert build(source, tmp_path / "whole") == 0
    file = "split/seed0/split.json"
    assert Split.load(out / file).sha256 == Split.load(tmp_path / "whole" / file).sha256


def test_describing_and_checking_write_nowhere(root: Path, tmp_path: Path):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    source = CohortSource(DemoECG, root)
    assert describe_cohort(source) == 0
    assert check(source, None) == 0
    assert list(tmp_path.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
