"""Check of a cohort: labels, splits and subjects that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from medkd.cohorts.demo_ecg import DemoECG
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.data.io.load import read_table
from medkd.pipeline.cohort_build.build import whole_recipe
from medkd.pipeline.cohort_build.check import Finding, check_cohort, print_check
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_cohort

Prepared = tuple[DemoECG, PreparedCohort, pl.DataFrame]
Checked = Callable[..., list[Finding]]
ROW = pl.int_range(pl.len())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("check")
    cohort = DemoECG(DemoECG.synthesise(folder / "cohort", subjects=30))
    made = prepare_cohort(whole_recipe(cohort), cohort, folder / "run", 1)
    return cohort, made, read_table(PreparedCohort.samples_file(folder / "run"))


@pytest.fixture
def checked(prepared: Prepared) -> Checked:
    """``checked(target, column=EXPRESSION)``: findings where the cohort had that target and those labels."""

    def check(target: Target, protocol: str = "kfold:3", **labels: pl.Expr) -> list[Finding]:
        cohort, made, usable = prepared
        default = cohort.target(None)

        class Changed(DemoECG):
            def targets(self) -> Mapping[str, Target]:
                return {target.key: target}

            def samples(self, one: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
                table, excluded = super().samples(default)
                return table.with_columns(**labels), excluded

        changed = made.model_copy(update={"target": target, "protocol": protocol})
        return check_cohort(Changed(cohort.root), changed, usable.with_columns(**labels), None)

    return check


def of_labels(findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.what.startswith("target "))


@pytest.mark.parametrize(
    ("target", "values", "fault"),
    [
        (Target("y", "binary", ("y",)), ROW % 2, ""),
        (Target("y", "binary", ("y",)), pl.when(ROW > 0).then(ROW % 2), ""),
        (Target("y", "binary", ("y",)), ROW % 3, "values that are not a class"),
        (Target("y", "binary", ("y",)), pl.lit(1), "holds one class alone"),
        (Target("y", "multiclass", ("y",), ("a", "b", "c")), ROW % 3, ""),
        (Target("y", "multiclass", ("y",), ("a", "b")), ROW % 3, "values that are not a class"),
        (Target("y", "regression", ("y",)), ROW * 1.5, ""),
        (Target("y", "regression", ("y",)), pl.when(ROW > 0).then(1.0).otherwise(float("inf")), "is not finite"),
        (Target("y", "regression", ("y",)), pl.lit(None, pl.Float64), "has no label"),
        (Target("y", "binary", ("z",)), ROW % 2, "no column 'z'"),
    ],
)
def test_labels_are_what_their_target_says(prepared: Prepared, target: Target, values: pl.Expr, fault: str):
    cohort, made, usable = prepared
    default = cohort.target(None)

    class Changed(DemoECG):
        def targets(self) -> Mapping[str, Target]:
            return {"y": target}

        def samples(self, one: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
            table, excluded = super().samples(default)
            return (table if one is default else table.with_columns(y=values)), excluded

    # The split is drawn for the default target, so that the labels alone are wrong.
    finding = of_labels(check_cohort(Changed(cohort.root), made, usable, None))
    assert finding.status == ("FAILED" if fault else "ok")
    assert fault in finding.what


def test_of_several_columns_the_faulty_one_is_named(checked: Checked):
    target = Target("y", "multilabel", ("a", "b"))
    finding = of_labels(checked(target, a=ROW % 2, b=pl.lit(0)))
    assert finding == Finding("FAILED", "target y: b holds one class alone")


def test_unlabelled_samples_are_not_counted(checked: Checked, prepared: Prepared):
    findings = checked(Target("y", "binary", ("y",)), y=pl.when(ROW >= 4).then(ROW % 2))
    assert of_labels(findings).what == f"target y: {prepared[2].height - 4} labelled samples"


def test_a_protocol_that_cannot_be_drawn_fails_and_the_others_are_still_found(checked: Checked):
    findings = checked(Target("y", "binary", ("y",)), protocol="kfold:200", y=ROW % 2)
    assert [finding.status for finding in findings] == ["ok", "ok", "ok", "FAILED"]
    assert findings[-1].what.startswith("protocol kfold:200: ")
    assert checked(Target("y", "binary", ("y",)), y=ROW % 2)[-1].what == "protocol kfold:3: 3 folds can be drawn"


def test_subjects_that_were_joined_are_a_note_and_not_a_failure(
    prepared: Prepared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    cohort, made, usable = prepared
    one, other = usable["subject_id"].unique(maintain_order=True)[:2]
    joined = usable.with_columns(subject_id=pl.col("subject_id").replace({other: one}))
    findings = check_cohort(cohort, made, joined, tmp_path / "names")
    note = next(finding for finding in findings if finding.status == "note")
    assert note.what.startswith("1 subjects share a recording")
    assert pl.read_csv(tmp_path / "names/same_recording.csv", infer_schema=False).rows() == [(other, one)]
    assert print_check(cohort, findings, None) == 0
    failed = [*findings, replace(note, status="FAILED")]
    assert print_check(cohort, failed, None) == 1
    assert capsys.readouterr().out.endswith(f"{len(findings)} of {len(failed)} passed\n")
