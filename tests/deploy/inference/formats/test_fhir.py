"""What a run says as FHIR is valid R4, and says the same as the table."""

from __future__ import annotations

import dataclasses
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fhir.resources.R4B import get_fhir_model_class

from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.formats.fhir import BUNDLE_SYSTEM, MODEL_SYSTEM, write_fhir
from medkd.deploy.inference.items import Items
from medkd.errors import InputError


@pytest.fixture
def bundle(bundle_folder: Path) -> Bundle:
    return Bundle.load(bundle_folder)


def table_of(bundle: Bundle, target: Target, ids: list[str]) -> pl.DataFrame:
    draw = np.random.default_rng(0).uniform(size=(len(ids), target.outputs))
    columns = {f"p_{name}": draw[:, place] for place, name in enumerate(target.names)}
    columns |= {f"p_cal_{name}": draw[:, place] / 2 for place, name in enumerate(target.names)}
    rest = {"set": ["abstains"] + [None] * (len(ids) - 1), "drift": [1.7] + [None] * (len(ids) - 1)}
    schema = {"set": pl.String, "drift": pl.Float64}
    return pl.DataFrame(
        {"sample_id": ids, **columns, **rest, "model_sha256": bundle.model_sha256, "seconds": 0.1, "status": "ok"},
        schema_overrides=schema,
    )


def items_of(ids: list[str], subjects: list[str | None]) -> Items:
    return Items(pl.DataFrame({"sample_id": ids, "subject_id": subjects, "ecg": ids}), Path("."), "folder")


def read_back(path: Path) -> list[dict[str, Any]]:
    """Every line, validated by the R4 model of its own type."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        get_fhir_model_class(line["resourceType"]).model_validate(line)
    return lines


def test_a_classification_is_a_risk_assessment_for_each_item(bundle: Bundle, tmp_path: Path) -> None:
    ids = ["ward/1", "=2+2", "ünï \u2028 <b>"]
    table = table_of(bundle, bundle.target, ids)
    table.write_parquet(tmp_path / "predictions.parquet")
    assert write_fhir(tmp_path, bundle, items_of(ids, ["p1", None, "p3"])) == 3
    path = tmp_path / "RiskAssessment.ndjson"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # A line separator of Unicode inside a name must not end a line of NDJSON.
    assert path.read_bytes().count(b"\n") == 3
    (device,) = read_back(tmp_path / "Device.ndjson")
    risks = [json.loads(line) for line in path.read_bytes().decode().split("\n") if line]
    # Bulk import takes files of one type each, named after it.
    assert {one["resourceType"] for one in risks} == {"RiskAssessment"}
    assert sorted(file.name for file in tmp_path.glob("*.ndjson")) == ["Device.ndjson", "RiskAssessment.ndjson"]
    for resource in (device, *risks):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert resource["meta"]["tag"][0]["code"] == "HRESCH"
        assert "not a medical device" in resource["note"][0]["text"]
    assert {(one["system"], one["value"]) for one in device["identifier"]} == {
        (BUNDLE_SYSTEM, bundle.bundle_sha256),
        (MODEL_SYSTEM, bundle.model_sha256),
    }
    assert [one["performer"]["reference"] for one in risks] == [f"Device/{device['id']}"] * 3
    assert [one["identifier"][0]["value"] for one in risks] == ids
    assert [one["subject"]["identifier"]["value"] for one in risks] == ["p1", "=2+2", "p3"]
    said = [one["prediction"][0] for one in risks]
    assert [one["probabilityDecimal"] for one in said] == pytest.approx(
        (100 * table["p_cal_brugada"]).to_list(), abs=1e-5
    )
    above = [
        "at or above the threshold" if value >= 0.31 else "below the threshold" for value in table["p_cal_brugada"]
    ]
    assert [one["qualitativeRisk"]["text"] for one in said] == above
    assert set(above) == {"at or above the threshold", "below the threshold"}
    assert "abstains" in said[0]["rationale"]
    assert "unlike the training data" in said[0]["rationale"]
    assert "0.31" in said[0]["rationale"]
    assert {one["status"] for one in risks} == {"preliminary"}


def test_writing_it_again_gives_the_same_ids(bundle: Bundle, tmp_path: Path) -> None:
    ids = ["a", "b"]
    table_of(bundle, bundle.target, ids).write_parquet(tmp_path / "predictions.parquet")
    write_fhir(tmp_path, bundle, items_of(ids, ["p", "p"]))
    files = [tmp_path / name for name in ("Device.ndjson", "RiskAssessment.ndjson")]
    first = [path.read_bytes() for path in files]
    write_fhir(tmp_path, bundle, items_of(ids, ["p", "p"]))
    assert [path.read_bytes() for path in files] == first
    assert len({line["id"] for content in first for line in map(json.loads, content.splitlines())}) == 3


@pytest.mark.parametrize("columns", [("los",), ("h1", "h2")])
def test_a_regression_is_an_observation(bundle: Bundle, tmp_path: Path, columns: tuple[str, ...]) -> None:
    kind = "regression" if len(columns) == 1 else "forecast"
    other = dataclasses.replace(bundle, target=Target("glucose", kind, columns, units="mmol/L"))
    table = table_of(bundle, other.target, ["a", "b"])
    table.write_parquet(tmp_path / "predictions.parquet")
    write_fhir(tmp_path, other, items_of(["a", "b"], ["p", "q"]))
    (device,), (first, _) = (read_back(tmp_path / name) for name in ("Device.ndjson", "Observation.ndjson"))
    assert sorted(file.name for file in tmp_path.glob("*.ndjson")) == ["Device.ndjson", "Observation.ndjson"]
    assert first["resourceType"] == "Observation"
    assert first["device"]["reference"] == f"Device/{device['id']}"
    values = [first] if len(columns) == 1 else first["component"]
    assert [one["valueQuantity"]["value"] for one in values] == [table[f"p_{name}"][0] for name in columns]
    assert values[0]["valueQuantity"]["unit"] == "mmol/L"


def test_without_a_finished_run_nothing_is_left(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"predictions\.parquet"):
        write_fhir(tmp_path, bundle, items_of(["a"], [None]))
    assert list(tmp_path.iterdir()) == []
