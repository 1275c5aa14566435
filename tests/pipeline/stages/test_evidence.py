"""Evidence stage: the report of all fits, the same when it is made again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from medkd.errors import InputError
from medkd.pipeline.stages.evidence import EvidenceStage
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage


@pytest.fixture
def evidence(stages: dict[str, Stage]) -> EvidenceStage:
    stage = stages["evidence"]
    assert isinstance(stage, EvidenceStage)
    return stage


def test_the_same_fits_give_the_same_report(evidence: EvidenceStage, rerun: Path, fast_run: Path):
    (rerun / "report.json").unlink()
    evidence.run(rerun)
    assert json.loads((rerun / "report.json").read_text()) == json.loads((fast_run / "report.json").read_text())
    again, before = (pl.read_parquet(run / "test_predictions.parquet") for run in (rerun, fast_run))
    assert again.equals(before)


def test_counts_are_of_the_first_student_s_own_samples(stages: dict[str, Stage], fast_run: Path):
    counts = json.loads((fast_run / "report.json").read_text())["n"]
    split = stages["split/seed0"].load(fast_run)  # type: ignore[attr-defined]
    outside = split.table.filter(pl.col("fold") != 0)
    assert counts["val"] == outside.filter(pl.col("inner")).height
    assert counts["train"] == outside.filter(~pl.col("inner")).height
    assert counts["test_subjects"] == split.table.filter(pl.col("fold").is_in([0, 1]))["subject_id"].n_unique()


def test_a_fit_whose_predictions_are_damaged_is_named_with_its_remedy(
    evidence: EvidenceStage, stages: dict[str, Stage], rerun: Path
):
    lost = replace(stages["labels1/seed0/student-fold0"], name="labels-lost/student")
    needs = {
        name: lost if need.name == "labels1/seed0/student-fold0" else need for name, need in evidence.needs.items()
    }
    (rerun / lost.name).mkdir(parents=True)
    (rerun / lost.name / "predictions.parquet").write_bytes(b"PAR1 and no more")
    before = (rerun / "report.json").read_bytes()
    with pytest.raises(InputError, match=r"labels-lost/student.*Remove .*labels-lost/student\.done\.json"):
        replace(evidence, needs=needs).run(rerun)
    assert (rerun / "report.json").read_bytes() == before


def test_provenance_follows_the_split_and_the_typed_command(evidence: EvidenceStage, rerun: Path):
    (rerun / "command.txt").unlink()
    evidence.run(rerun)
    provenance = json.loads((rerun / "report.json").read_text())["provenance"]
    split = next(need for need in evidence.needs.values() if need.name == "split/seed0")
    assert provenance["split_sha256"] == split.load(rerun).sha256  # type: ignore[attr-defined]
    assert provenance["command"] == ""
    assert provenance["config_sha256"] == evidence.digest
    assert any(isinstance(need, FitStage) for need in evidence.needs.values())
