"""External validation on real records, and the months after on simulated ones.

Every figure is recomputed by another library.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, roc_auc_score

from medkd import registry
from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.evaluation import evaluate
from medkd.deploy.evaluation.command import main
from medkd.deploy.evaluation.settings import EvaluateSettings
from medkd.errors import InputError
from tests.deploy.conftest import CALIBRATION, REPORT
from tests.deploy.evaluation.conftest import CD, outcomes_of

HERE = "these patients"


def evaluate_cohort(bundle: Path, cohort: str, root: Path | None, out: Path, **options: Any) -> dict[str, Any]:
    return evaluate.evaluate_cohort(bundle, cohort, root, out, EvaluateSettings(**options), registry=registry)


def evaluate_outcomes(run: Path, path: Path, out: Path, bundle: Path | None = None, **options: Any) -> dict[str, Any]:
    return evaluate.evaluate_outcomes(run, path, out, EvaluateSettings(**options), bundle=bundle)


PEOPLE = 90
Simulated = Callable[..., Path]


@pytest.fixture(scope="module")
def ward(brugada: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hospital of 90 people, one of whom has a record that nobody can read, in the published layout."""
    root = tmp_path_factory.mktemp("ward")
    people = pl.read_csv(brugada / "metadata.csv", infer_schema=False).head(PEOPLE)
    people.write_csv(root / "metadata.csv")
    for name in people["patient_id"]:
        shutil.copytree(brugada / "files" / name, root / "files" / name)
    (root / "files" / people["patient_id"][0] / f"{people['patient_id'][0]}.hea").write_text("nothing")
    return root


@pytest.fixture(scope="module")
def elsewhere(learner: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as if it came from another hospital."""
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    Bundle.write(out, learner, CALIBRATION, {**REPORT, "cohort": "elsewhere"})
    return out


@pytest.fixture(scope="module")
def validated(elsewhere: Path, ward: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("external") / "out"
    return evaluate_cohort(elsewhere, "brugada_huca", ward, out, fast=True), out


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_figures_are_those_that_scikit_learn_takes_from_the_scores(
    validated: tuple[dict[str, Any], Path], ward: Path
) -> None:
    found, out = validated
    scores = pl.read_parquet(out / "scores" / "predictions.parquet")
    truth = pl.read_csv(ward / "metadata.csv", infer_schema=False).select(
        sample_id="patient_id", y=pl.col("brugada").is_in(["1", "2"]).cast(pl.Int64)
    )
    both = scores.join(truth, on="sample_id")
    y, raw, calibrated = (both[name].to_numpy() for name in ("y", "p_brugada", "p_cal_brugada"))
    arm = found["arms"][HERE]
    assert arm["value"] == pytest.approx(roc_auc_score(y, raw))
    assert arm["low"] < arm["value"] < arm["high"]
    assert arm["metrics"]["auprc"]["value"] == pytest.approx(average_precision_score(y, raw))
    assert arm["metrics"]["brier"]["value"] == pytest.approx(brier_score_loss(y, calibrated))
    (true_negative, false_positive), (false_negative, true_positive) = confusion_matrix(
        y, calibrated >= 0.31, labels=[0, 1]
    )
    at = found["by_class"]["brugada"]["arms"][HERE]
    assert at["threshold"] == 0.31
    for key, top, bottom in [
        ("sensitivity", true_positive, true_positive + false_negative),
        ("specificity", true_negative, true_negative + false_positive),
        ("ppv", true_positive, true_positive + false_positive),
        ("npv", true_negative, true_negative + false_negative),
        ("flagged", true_positive + false_positive, len(y)),
        ("observed_over_expected", y.sum(), calibrated.sum()),
    ]:
        assert at[key]["value"] == (pytest.approx(top / bottom) if bottom else None), key
    assert found["n"] == {
        "items": PEOPLE,
        "scored": PEOPLE - 1,
        "set_aside": 1,
        "labelled": PEOPLE - 1,
        "subjects": PEOPLE - 1,
    }
    assert sum(row["count"] for row in found["flow"] if "set aside" in row["reason"]) == 1
    assert found["arms"]["at development"]["value"] == REPORT["arms"]["student"]["value"]
    assert found["sentence"].startswith(f"On these {PEOPLE - 1} patients the AUROC is {arm['value']:.3f}")
    assert "at development it was 0.770" in found["sentence"]
    assert not found["in_sample"]


def test_three_files_are_left_of_which_two_hold_no_patient(validated: tuple[dict[str, Any], Path], ward: Path) -> None:
    found, out = validated
    assert sorted(path.name for path in out.iterdir()) == [
        "evaluation.html",
        "evaluation.json",
        "evaluation_predictions.parquet",
        "scores",
    ]
    assert json.loads((out / "evaluation.json").read_text()) == json.loads(json.dumps(found))
    assert stat.S_IMODE((out / "evaluation_predictions.parquet").stat().st_mode) == 0o600
    page, held = (out / "evaluation.html").read_text(), (out / "evaluation.json").read_text()
    for name in pl.read_csv(ward / "metadata.csv", infer_schema=False)["patient_id"]:
        assert not re.search(rf"\b{name}\b", page)
        assert not re.search(rf"\b{name}\b", held)
    assert found["sentence"].split(";")[0] in page
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", page)
    assert "url(http" not in page


def test_the_same_command_goes_on_and_gives_the_same(
    validated: tuple[dict[str, Any], Path], elsewhere: Path, ward: Path
) -> None:
    found, out = validated
    before = (out / "scores" / "predictions.parquet").stat().st_mtime_ns
    chunks = {path: path.stat().st_mtime_ns for path in (out / "scores" / "chunks").iterdir()}
    again = evaluate_cohort(elsewhere, "brugada_huca", ward, out, fast=True)
    assert {key: again[key] for key in ("arms", "by_class", "flow")} == {
        key: found[key] for key in ("arms", "by_class", "flow")
    }
    assert {path: path.stat().st_mtime_ns for path in chunks} == chunks
    assert (out / "scores" / "predictions.parquet").stat().st_mtime_ns >= before


def test_the_cohort_that_it_was_trained_on_is_said_to_be_that_and_a_full_bundle_says_what_it_leaves_open(
    full_bundle: Path, ward: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, out = digests(full_bundle), tmp_path / "out"
    assert main(argparse.Namespace(bundle=full_bundle, cohort="brugada_huca", root=ward, out=out, fast=True)) == 0
    said = capsys.readouterr().out
    assert said.startswith("In-sample: the bundle was trained on a cohort of this name")
    page = (out / "evaluation.html").read_text()
    assert "In-sample: not a validation" in page
    assert digests(full_bundle) == before
    found = json.loads((out / "evaluation.json").read_text())
    rows = pl.read_parquet(out / "evaluation_predictions.parquet")
    quantiles = json.loads((full_bundle / "calibration.json").read_text())["conformal"]["quantiles"]["brugada"]
    for name, truth, score in [("brugada", 1, 1 - rows["calibrated"]), ("not brugada", 0, rows["calibrated"])]:
        bound = np.inf if (held := quantiles["present" if truth else "absent"]) is None else held
        inside = (score <= bound).filter(rows["y"] == truth)
        assert found["conformal"]["classes"][name]["covered"] == pytest.approx(inside.mean())
    assert found["input"]["drifted"]["value"] == pytest.approx((rows["drift"] > 1).mean())
    assert found["input"]["abstaining"]["value"] == pytest.approx((rows["set"] == "abstains").mean())
    shift = list(found["input"]["psi"].items())
    assert [value for _, value in shift] == sorted((value for _, value in shift), reverse=True)
    assert shift[0][0] in page
    assert "What the model leaves open" in page


def test_a_cohort_without_the_target_names_the_nearest(elsewhere: Path, shared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cohort ptbxl has no target 'brugada'"):
        evaluate_cohort(elsewhere, "ptbxl", shared / "data" / "ecg" / "ptbxl", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no cohort 'brugada_hucca'"):
        evaluate_cohort(elsewhere, "brugada_hucca", None, tmp_path / "out")
    with pytest.raises(InputError, match="must not change"):
        evaluate_cohort(elsewhere, "brugada_huca", None, elsewhere / "out")


def test_the_months_after(simulated_run: Simulated, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(2, 6, 1500)
    y = (rng.random(1500) < p).astype(int)
    run = simulated_run(p, aside=("broken",))
    times = [f"2025-{1 + place // 150:02d}-15" for place in range(1500)]
    path = outcomes_of(tmp_path, run, y, time=times, sex=["female", "male"] * 750)
    found = evaluate_outcomes(run, path, tmp_path / "out", fast=True)
    assert found["arms"][HERE]["value"] == pytest.approx(roc_auc_score(y, p))
    assert [row["n"] for row in found["over_time"]["rows"]] == [150] * 10
    assert [row["value"]["value"] for row in found["over_time"]["rows"]] == pytest.approx(
        [roc_auc_score(y[start : start + 150], p[start : start + 150]) for start in range(0, 1500, 150)]
    )
    assert found["input"]["drifted"]["value"] == pytest.approx(0.1)
    assert found["input"]["abstaining"]["value"] == pytest.approx(1 / 3, abs=1e-9)
    assert {row["group"]: row["n"] for row in found["subgroups"]} == {"female": 750, "male": 750}
    assert "no CUSUM line was crossed" in found["sentence"]
    assert "at development" not in found["arms"]
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "Over time" in page
    assert "item-00001" not in page + (tmp_path / "out" / "evaluation.json").read_text()


def test_recalibration_is_reported_on_others_before_and_after(simulated_run: Simulated, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 2000)
    y = (rng.random(2000) < expit(logit(p) - 1.2)).astype(int)
    run = simulated_run(p)
    found = evaluate_outcomes(run, outcomes_of(tmp_path, run, y), tmp_path / "out", recalibrate="0.3", fast=True)
    before, after = (found["by_class"]["conduction disturbance"]["arms"][arm] for arm in (HERE, "recalibrated"))
    assert before["observed_over_expected"]["high"] < 0.8
    assert after["observed_over_expected"]["low"] < 1 < after["observed_over_expected"]["high"]
    assert after["slope"]["low"] < 1 < after["slope"]["high"]
    assert before["auroc"]["value"] == pytest.approx(after["auroc"]["value"])
    assert before["threshold"] == 0.3 != after["threshold"]
    held = json.loads((tmp_path / "out" / "recalibration.json").read_text())
    assert held["subjects"] + found["n"]["subjects"] == 2000
    assert held["classes"]["conduction disturbance"]["intercept"] == pytest.approx(-1.2, abs=0.2)
    reported = pl.read_parquet(tmp_path / "out" / "evaluation_predictions.parquet")
    assert reported.group_by("arm").len()["len"].to_list() == [found["n"]["labelled"]] * 2
    assert "patients other than the" in found["details"][-1]
    evaluate_outcomes(run, tmp_path / "outcomes.csv", tmp_path / "out", fast=True)
    assert not (tmp_path / "out" / "recalibration.json").exists()


def test_values_have_errors_and_no_thresholds(simulated_run: Simulated, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    target = Target("los", "regression", ("los",), units="days")
    value = rng.uniform(1, 9, 300)
    y = value + rng.normal(0.5, 1, 300)
    run = simulated_run(value, target=target)
    found = evaluate_outcomes(
        run, outcomes_of(tmp_path, run, y, time=["2025-01-01"] * 300), tmp_path / "out", fast=True
    )
    assert found["metric"] == "rmse"
    assert found["arms"][HERE]["value"] == pytest.approx(np.sqrt(((y - value) ** 2).mean()))
    assert found["by_class"]["los"]["mean_error"] == pytest.approx((value - y).mean())
    assert "PPV" not in (tmp_path / "out" / "evaluation.html").read_text()
    with pytest.raises(InputError, match="no probability to recalibrate"):
        evaluate_outcomes(run, tmp_path / "outcomes.csv", tmp_path / "other", recalibrate="0.5")


def test_exclusive_classes_and_hostile_names(simulated_run: Simulated, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    target = Target("<script>alert(1)</script>", "multiclass", ("g",), ("<b>low</b>", "mid & dle", "high"))
    p = rng.dirichlet([1, 1, 1], 400)
    y = np.array([rng.choice(3, p=row) for row in p])
    run = simulated_run(p, target=target)
    found = evaluate_outcomes(
        run,
        outcomes_of(tmp_path, run, y, time=["2025-01-01"] * 400, site=["<i>A</i>"] * 400),
        tmp_path / "out",
        fast=True,
    )
    assert found["arms"][HERE]["value"] == pytest.approx(roc_auc_score(y, p, multi_class="ovr"))
    assert "sensitivity" not in found["arms"][HERE]["metrics"]
    page = (tmp_path / "out" / "evaluation.html").read_text()
    for sign in ("<script>", "<b>low", "<i>A"):
        assert sign not in page
    assert "&lt;script&gt;" in page


def test_only_one_kind_of_outcome_cannot_be_measured_and_says_so(simulated_run: Simulated, tmp_path: Path) -> None:
    run = simulated_run(np.linspace(0.1, 0.9, 30))
    found = evaluate_outcomes(
        run, outcomes_of(tmp_path, run, np.zeros(30, dtype=int), time=["2025-01-01"] * 30), tmp_path / "out", fast=True
    )
    assert found["arms"][HERE]["value"] is None
    assert "cannot be measured: 0 of 30 samples have conduction disturbance" in found["sentence"]


def test_a_run_of_another_bundle_is_refused(simulated_run: Simulated, bundle_folder: Path, tmp_path: Path) -> None:
    run = simulated_run([0.2, 0.8], target=CD)
    path = outcomes_of(tmp_path, run, np.array([0, 1]))
    with pytest.raises(InputError, match="another bundle"):
        evaluate_outcomes(run, path, tmp_path / "out", bundle=bundle_folder)
    record = json.loads((run / "run.json").read_text())
    del record["target_config"]
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="Name the bundle"):
        evaluate_outcomes(run, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
