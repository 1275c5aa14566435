"""Split stage: the split of a seed and protocol, the same whenever it is drawn again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from medkd.data.io.load import read_table
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage


@pytest.fixture
def first(stages: dict[str, Stage]) -> SplitStage:
    stage = stages["split/seed0"]
    assert isinstance(stage, SplitStage)
    return stage


def drawn(stage: SplitStage, run: Path, **config: object) -> SplitStage:
    other = replace(stage, name=f"drawn/{len(list(run.glob('drawn/*')))}", config=stage.config | config)
    other.run(run)
    return other


def test_a_split_is_drawn_again_to_the_byte_and_another_seed_s_is_another(first: SplitStage, rerun: Path):
    assert drawn(first, rerun).file(rerun).read_bytes() == first.file(rerun).read_bytes()
    assert drawn(first, rerun, seed=1).load(rerun).sha256 != first.load(rerun).sha256


def test_the_protocol_is_the_stage_s_own(first: SplitStage, rerun: Path):
    assert first.load(rerun).table["fold"].n_unique() == 3
    assert drawn(first, rerun, protocol="kfold:5").load(rerun).table["fold"].n_unique() == 5


def test_the_split_holds_the_usable_samples_and_no_subject_twice(first: SplitStage, rerun: Path):
    table = first.load(rerun).table
    samples = read_table(PreparedCohort.samples_file(rerun))
    assert table["sample_id"].to_list() == samples["sample_id"].to_list()
    assert table.group_by("subject_id").agg(pl.col("fold").n_unique())["fold"].unique().to_list() == [1]
