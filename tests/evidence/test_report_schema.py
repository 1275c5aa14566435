"""The shipped schema is the generated one, and refuses what the models refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from medkd.data.core.target import Target
from medkd.errors import MedkdError
from medkd.evidence.assess import assess
from medkd.evidence.report_schema import SCHEMA_FILE, check_report, report_schema
from medkd.evidence.settings import EvidenceSettings
from tests.evidence.simulated import BINARY, simulate

QUICK = EvidenceSettings(replicates=50)
MULTILABEL = Target("super", "multilabel", ("norm", "mi"), ("NORM", "MI"))


@pytest.fixture(scope="module", params=[BINARY, MULTILABEL], ids=lambda target: target.kind)
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    predictions, samples = simulate(n=120, seeds=2, folds=2, fractions=(0.3, 1.0), target=request.param)
    return json.loads(json.dumps(assess(predictions, samples, request.param, QUICK)))


def test_the_shipped_schema_is_the_generated_one() -> None:
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == report_schema(), (
        "run: python -m medkd.evidence.report_schema"
    )
    Draft202012Validator.check_schema(report_schema())


def test_schema_and_models_agree(report: dict[str, Any]) -> None:
    validator = Draft202012Validator(report_schema())
    check_report(report)
    assert list(validator.iter_errors(report)) == []
    for wrong, place in [
        ({"verdict": "splendid"}, "verdict"),
        ({"schema_version": 3}, "schema_version"),
        ({"label_fraction": 0.0}, "label_fraction"),
        ({"gain": {"value": "0.1", "low": None, "high": None}}, "gain.value"),
        ({"n": report["n"] | {"test": -1}}, "n.test"),
        ({"arms": {"student": report["arms"]["student"]}}, "no arm 'baseline'"),
        ({"splendid": 1}, "unknown key 'splendid'"),
        ({"provenance": {"versions": {}}}, "provenance.split_sha256"),
    ]:
        assert list(validator.iter_errors(report | wrong)), place
        with pytest.raises(MedkdError, match=place) as raised:
            check_report(report | wrong)
        assert "\n" not in str(raised.value)
    for key in report:
        cut = {name: value for name, value in report.items() if name != key}
        assert list(validator.iter_errors(cut)), key
        with pytest.raises(MedkdError, match=f"no '{key}'"):
            check_report(cut)
