"""The shipped schema is the generated one, and reports of the first version are still read."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from medkd.data.core.target import Target
from medkd.errors import InputError, MedkdError
from medkd.evidence.assess import assess
from medkd.evidence.report import Report
from medkd.evidence.report_schema import SCHEMA_FILE, check_report, read_report, report_schema, upgraded
from medkd.evidence.settings import EvidenceSettings
from tests.evidence.simulated import BINARY, simulate

QUICK = EvidenceSettings(replicates=50)
MULTILABEL = Target("super", "multilabel", ("norm", "mi"), ("NORM", "solo"))
"""One class is named as version 1 named the baseline: it is no arm, and keeps its name."""


@pytest.fixture(scope="module", params=[BINARY, MULTILABEL], ids=lambda target: target.kind)
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    predictions, samples = simulate(n=120, seeds=2, folds=2, fractions=(0.3, 1.0), target=request.param)
    return json.loads(json.dumps(assess(predictions, samples, request.param, QUICK)))


def first_version(report: dict[str, Any]) -> dict[str, Any]:
    """The same report as the first version wrote it: "solo" wherever an arm was a key."""

    def solo(arms: dict[str, Any]) -> dict[str, Any]:
        return {"solo" if arm == "baseline" else arm: values for arm, values in arms.items()}

    old = copy.deepcopy(report) | {"schema_version": 1}
    old["arms"], old["calibration"] = solo(old["arms"]), solo(old["calibration"])
    for entry in old["label_efficiency"]:
        entry["arms"] = solo(entry["arms"])
    for curve in old["curves"].values():
        curve["classes"] = {name: solo(arms) for name, arms in curve["classes"].items()}
    return old


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


def test_a_report_of_the_first_version_is_read_as_one_of_the_second(report: dict[str, Any], tmp_path: Path) -> None:
    old = first_version(report)
    assert "baseline" not in json.dumps({key: old[key] for key in ("arms", "label_efficiency", "curves")})
    with pytest.raises(MedkdError, match="schema"):
        check_report(old)
    (tmp_path / "report.json").write_text(json.dumps(old))
    assert read_report(tmp_path / "report.json") == report
    assert Report.load(tmp_path).to_dict() == report
    assert upgraded(report) == report


def test_parts_of_a_report_are_upgraded_too() -> None:
    assert upgraded({"arms": {"solo": {}}}) == {"schema_version": 2, "arms": {"baseline": {}}}
    assert upgraded({}) == {"schema_version": 2}


def test_a_later_version_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text('{"schema_version": 3}')
    with pytest.raises(InputError, match=r"schema_version is 3, and this medkd reads up to 2 .*Update medkd"):
        read_report(file)
    file.write_text("{")
    with pytest.raises(InputError, match=r"report\.json is damaged"):
        read_report(file)
