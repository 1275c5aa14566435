"""FHIR R4 of a finished run: one resource per item, one file per type, as servers' bulk import takes them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from medkd import __version__
from medkd.data.core.target import Target
from medkd.data.io.load import read_table
from medkd.data.io.private import writing_private
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.card.card_schema import INTENDED_USE
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.plan import PARQUET
from medkd.deploy.inference.predictions import CALIBRATED, OK, RAW
from medkd.evidence.calibration.conformal import VALUES

DEVICE = "Device.ndjson"
STATUS = "preliminary"
"""Nobody has verified the model's output: in FHIR's words it is not final."""
BUNDLE_SYSTEM, MODEL_SYSTEM = "urn:medkd:bundle-sha256", "urn:medkd:model-sha256"
SUBJECT_SYSTEM, SAMPLE_SYSTEM = "urn:medkd:subject-id", "urn:medkd:sample-id"
_RESEARCH = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HRESCH",
    "display": "healthcare research",
}
_META = {"tag": [_RESEARCH]}
Resource = dict[str, Any]


def write_fhir(out: Path, bundle: Bundle, items: Items) -> int:
    """Write FHIR beside the table of a finished run, each file whole or not at all, readable by its owner alone.

    Bulk import takes one type per file: the bundle is the one line of ``Device.ndjson``, which is to be sent first;
    each line of ``RiskAssessment.ndjson``, or of a regression ``Observation.ndjson``, is one scored item.

    Args:
        out: the run's folder, with ``predictions.parquet``.
        bundle: that scored it.
        items: of the run, for their subjects.

    Returns:
        Number of scored items.

    Raises:
        InputError: there is no table of predictions.
    """
    table = read_table(out / PARQUET).filter(pl.col("status") == OK)
    table = table.join(items.table.select("sample_id", "subject_id"), on="sample_id", how="left", maintain_order="left")
    when = datetime.fromtimestamp((out / PARQUET).stat().st_mtime, UTC).isoformat(timespec="seconds")
    _write(out / DEVICE, [device_resource(bundle)])
    _write(out / items_file(bundle.target), resources(table, bundle, when))
    return table.height


def items_file(target: Target) -> str:
    """Name of the file with one resource per scored item: its type, as bulk import asks.

    >>> items_file(Target("cd", "binary", ("cd",)))
    'RiskAssessment.ndjson'
    """
    return "Observation.ndjson" if target.kind in VALUES else "RiskAssessment.ndjson"


def resources(table: pl.DataFrame, bundle: Bundle, when: str) -> Iterator[Resource]:
    """One resource per row.

    Args:
        table: scored items, with ``subject_id``.
        bundle: that scored them.
        when: time of scoring, ISO 8601 with its zone.
    """
    make = _observation if bundle.target.kind in VALUES else _risk_assessment
    for row in table.iter_rows(named=True):
        yield make(row, bundle, when)


def device_resource(bundle: Bundle) -> Resource:
    """The bundle as a ``Device``, identified by its digest and by that of its weights."""
    return {
        "resourceType": "Device",
        "id": bundle.bundle_sha256,
        "meta": _META,
        "identifier": [
            {"system": BUNDLE_SYSTEM, "value": bundle.bundle_sha256},
            {"system": MODEL_SYSTEM, "value": bundle.model_sha256},
        ],
        "status": "active",
        "deviceName": [{"name": f"medkd {bundle.target.key} from {bundle.view}", "type": "model-name"}],
        "type": {"text": "prediction model"},
        "version": [{"type": {"text": "medkd"}, "value": __version__}],
        "note": [{"text": INTENDED_USE}],
    }


def _write(path: Path, lines: Iterable[Resource]) -> None:
    with writing_private(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for resource in lines:
            file.write(json.dumps(resource, ensure_ascii=False, allow_nan=False) + "\n")


def _risk_assessment(row: Mapping[str, Any], bundle: Bundle, when: str) -> Resource:
    return {
        "resourceType": "RiskAssessment",
        **_shared(row, bundle),
        "occurrenceDateTime": when,
        "performer": {"reference": f"Device/{bundle.bundle_sha256}"},
        "prediction": [_prediction(row, name, bundle) for name in bundle.target.names],
    }


def _prediction(row: Mapping[str, Any], name: str, bundle: Bundle) -> Resource:
    """One class. R4 writes a probability as a percentage, at most 100 (invariant ras-2)."""
    calibrated, threshold = float(row[f"{CALIBRATED}{name}"]), bundle.calibration.threshold.get(name)
    reached = threshold is not None and calibrated >= threshold
    words = [f"Calibrated probability {calibrated:.4g} (uncalibrated {float(row[f'{RAW}{name}']):.4g})."]
    if threshold is not None:
        words.append(f"{'At or above' if reached else 'Below'} the bundle's threshold {threshold:.4g}.")
    prediction: Resource = {"outcome": {"text": name}, "probabilityDecimal": round(100 * calibrated, 6)}
    if threshold is not None:
        prediction["qualitativeRisk"] = {"text": "at or above the threshold" if reached else "below the threshold"}
    return prediction | {"rationale": " ".join([*words, *_caveats(row)])}


def _observation(row: Mapping[str, Any], bundle: Bundle, when: str) -> Resource:
    target = bundle.target
    values = [
        {
            "code": {"text": name},
            "valueQuantity": {"value": float(row[f"{RAW}{name}"])} | ({"unit": target.units} if target.units else {}),
        }
        for name in target.names
    ]
    value = {"valueQuantity": values[0]["valueQuantity"]} if len(values) == 1 else {"component": values}
    return {
        "resourceType": "Observation",
        **_shared(row, bundle),
        "effectiveDateTime": when,
        "device": {"reference": f"Device/{bundle.bundle_sha256}"},
        **value,
    }


def _shared(row: Mapping[str, Any], bundle: Bundle) -> Resource:
    known = row["subject_id"] is not None
    subject = (
        {"system": SUBJECT_SYSTEM, "value": row["subject_id"]}
        if known
        else {"system": SAMPLE_SYSTEM, "value": row["sample_id"]}
    )
    return {
        # The same item of the same bundle has the same id, so that sending a file twice makes no second resource.
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{BUNDLE_SYSTEM}:{bundle.bundle_sha256}:{row['sample_id']}")),
        "meta": _META,
        "identifier": [{"system": SAMPLE_SYSTEM, "value": row["sample_id"]}],
        "status": STATUS,
        "code": {"text": bundle.target.key},
        "method": {"text": f"medkd model that sees {bundle.view}"},
        "subject": {"type": "Patient", "identifier": subject},
        "note": [{"text": " ".join([INTENDED_USE, *_caveats(row)])}],
    }


def _caveats(row: Mapping[str, Any]) -> list[str]:
    """The conformal set, and whether the input resembles the training data."""
    words = [] if row["set"] is None else [f"Conformal set: {row['set']}."]
    if row["drift"] is not None:
        unlike = ", unlike the training data" if row["drift"] > 1 else ""
        words.append(f"Input drift {row['drift']:.3g}{unlike} (above 1 is flagged).")
    return words
