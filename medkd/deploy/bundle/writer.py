"""Writer of a bundle's files, from a fitted learner and the run's report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from medkd.data.core.instantiate import check_trusted
from medkd.data.io.document import parse_document
from medkd.deploy.bundle.aggregates import aggregates_of, refuse_patients
from medkd.deploy.bundle.calibration import Calibration
from medkd.deploy.bundle.card.card import make_card, parse_facts
from medkd.deploy.bundle.card.page import render_card
from medkd.deploy.bundle.checksums import SUMS, write_sums
from medkd.deploy.bundle.config import LEARNER, BundleConfig, LearnerDocument
from medkd.deploy.bundle.drift import DriftDocument
from medkd.deploy.bundle.layout import CALIBRATION, CARD, CARD_PAGE, CONFIG, DRIFT, OWN, PREPROCESS, REPORT
from medkd.deploy.bundle.onnx.export import export
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.deploy.bundle.runtime import open_network
from medkd.deploy.bundle.schema_version import read_versioned
from medkd.distill.learner import WEIGHTS
from medkd.errors import InputError


def refuse_other_content(out: Path) -> None:
    """Refuse to write over something that is not a bundle.

    Raises:
        InputError: ``out`` holds something else.
    """
    if out.exists() and not (out / SUMS).exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds something other than a bundle", remedy="Give a new folder")


def write_files(
    folder: Path,
    learner: Path,
    calibration: Mapping[str, Any],
    report: Mapping[str, Any],
    *,
    card: Mapping[str, Any],
    provenance: Mapping[str, Any],
    length: Mapping[str, str],
    drift: Mapping[str, Any] | None,
    trust: Sequence[str],
) -> None:
    """Write every file of a bundle into ``folder``, ``SHA256SUMS`` last; the arguments are those of ``Bundle.write``.

    Raises:
        InputError: the learner cannot be read, its weights do not fit, or a part would hold patients' rows.
    """
    weights_file = _weights_of(learner)
    facts = parse_facts(card)
    for values, name in ((report, REPORT), (calibration, CALIBRATION), (drift, DRIFT)):
        refuse_patients(values, name)
    fitted = read_versioned(LearnerDocument, (learner / LEARNER).read_bytes(), str(learner / LEARNER))
    allowed = (*OWN, *trust)
    check_trusted([fitted.network, fitted.modalities], allowed)
    target, weights = fitted.target, weights_file.read_bytes()
    preprocessing = Preprocessing.from_document(fitted, allowed, LEARNER).with_length(length)
    calibrated = Calibration.from_dict(calibration, target.names, CALIBRATION)
    reference = None if drift is None else parse_document(DriftDocument, drift, DRIFT)
    network, _ = open_network("torch", fitted.network, {weights_file.name: weights}, allowed, str(learner))
    graph, export_note = export(network, preprocessing)
    document = make_card(
        report,
        target,
        preprocessing,
        calibrated,
        weights,
        facts,
        {**provenance, "onnx": export_note},
        weights_file=weights_file.name,
        network=str(fitted.network["class_path"]),
        drift=reference,
    )
    refuse_patients(document.model_dump(), CARD)
    _write_yaml(folder / CONFIG, BundleConfig(network=fitted.network, target=target, outputs=list(target.names)))
    _write_yaml(folder / PREPROCESS, preprocessing.to_document())
    _write_json(folder / CALIBRATION, calibrated.model_dump())
    _write_json(folder / REPORT, {"schema_version": 1, **aggregates_of(report)})
    if reference is not None:
        _write_json(folder / DRIFT, reference.model_dump())
    _write_json(folder / CARD, document.model_dump())
    (folder / CARD_PAGE).write_text(render_card(document), encoding="utf-8")
    (folder / weights_file.name).write_bytes(weights)
    if graph is not None:
        (folder / OnnxNetwork.weights_file).write_bytes(graph)
    write_sums(folder)


def _weights_of(learner: Path) -> Path:
    weights = next((learner / name for name in WEIGHTS if (learner / name).is_file()), None)
    if weights is None or not (learner / LEARNER).is_file():
        lacking = " or ".join(WEIGHTS) if (learner / LEARNER).is_file() else LEARNER
        raise InputError(f"{learner} holds no {lacking}", remedy="Give a folder that a learner was saved to")
    return weights


def _write_yaml(path: Path, document: BaseModel) -> None:
    text = yaml.safe_dump(document.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
