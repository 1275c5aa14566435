"""Reports of the first version are read as ones of the second, and later ones are refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from medkd.data.core.target import Target
from medkd.errors import InputError, MedkdError
from medkd.evidence.assess import assess
from medkd.evidence.report import Report
from medkd.evidence.report_reader import read_report, upgraded
from medkd.evidence.report_schema import check_report
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
    damaged = {"arms": 3, "label_efficiency": [None], "curves": {"roc": {"classes": [1]}, "decision": "x"}}
    assert upgraded(damaged) == damaged | {"schema_version": 2}


def test_a_later_version_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text('{"schema_version": 3}')
    with pytest.raises(InputError, match=r"schema_version is 3, and this medkd reads up to 2 .*Update medkd"):
        read_report(file)
    file.write_text("{")
    with pytest.raises(InputError, match=r"report\.json is damaged"):
        read_report(file)
