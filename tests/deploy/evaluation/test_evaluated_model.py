"""The model of a run is its bundle where that is at hand, and else what the run recorded of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.evaluation.evaluated_model import EvaluatedModel
from medkd.deploy.evaluation.settings import DEFAULTS, EvaluateSettings
from medkd.deploy.inference.run_record import RunRecord, read_run_record
from medkd.errors import InputError
from tests.deploy.conftest import REPORT
from tests.deploy.evaluation.conftest import Simulated


def record_of(run: Path, **change: Any) -> RunRecord:
    """The run's record with some of its fields changed."""
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | change))
    return read_run_record(run)


def test_a_bundle_outweighs_what_the_run_recorded(simulated_run: Simulated, bundle_folder: Path) -> None:
    run, bundle = simulated_run([0.2, 0.8]), Bundle.load(bundle_folder)
    record = record_of(run, bundle_sha256=bundle.bundle_sha256)
    model = EvaluatedModel.of_run(record, run, bundle_folder, DEFAULTS)
    other = record_of(run, bundle_sha256=bundle.bundle_sha256, target_config=None, threshold={"cd": 0.99})
    assert EvaluatedModel.of_run(other, run, bundle_folder, DEFAULTS).threshold == model.threshold
    assert (model.target.key, model.threshold) == ("brugada", {"brugada": 0.31})
    assert model.report["verdict"] == REPORT["verdict"]
    assert model.rule == "sensitivity + specificity"


def test_without_a_bundle_there_is_no_development_and_no_rule(simulated_run: Simulated) -> None:
    run = simulated_run([0.2, 0.8])
    model = EvaluatedModel.of_run(read_run_record(run), run, None, DEFAULTS)
    assert (model.target.key, model.threshold) == ("cd", {"conduction disturbance": 0.3})
    assert (model.report, model.bundle, model.rule, model.in_sample) == ({}, None, "", False)


def test_a_bundle_that_did_not_make_the_run_is_refused(simulated_run: Simulated, bundle_folder: Path) -> None:
    run = simulated_run([0.2, 0.8])
    with pytest.raises(InputError, match="made with another bundle"):
        EvaluatedModel.of_run(read_run_record(run), run, bundle_folder, DEFAULTS)
    with pytest.raises(InputError, match="Name the bundle: medkd evaluate BUNDLE"):
        EvaluatedModel.of_run(record_of(run, target_config=None), run, None, DEFAULTS)


def test_a_signature_that_is_asked_for_is_looked_at_before_the_bundle(
    simulated_run: Simulated, bundle_folder: Path, tmp_path: Path
) -> None:
    run = simulated_run([0.2, 0.8])
    record = record_of(run, bundle_sha256=Bundle.load(bundle_folder).bundle_sha256)
    with pytest.raises(InputError, match=r"public\.pem"):
        EvaluatedModel.of_run(record, run, bundle_folder, EvaluateSettings(require_signed=tmp_path / "public.pem"))
