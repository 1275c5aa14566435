"""The files of a bundle, from a fitted learner and the run's report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from medkd.data.core.instantiate import check_trusted
from medkd.deploy.bundle.aggregates import aggregates_of, refuse_patients
from medkd.deploy.bundle.calibration import Calibration
from medkd.deploy.bundle.card.card import VERSION as CARD_VERSION
from medkd.deploy.bundle.card.card import check_facts, make_card
from medkd.deploy.bundle.card.page import render_card
from medkd.deploy.bundle.checksums import SUMS, write_sums
from medkd.deploy.bundle.layout import (
    CALIBRATION,
    CALIBRATION_VERSION,
    CARD,
    CARD_PAGE,
    CONFIG,
    DRIFT,
    OWN,
    PREPROCESS,
    REPORT,
    VERSION,
    read_target,
)
from medkd.deploy.bundle.onnx_export import export
from medkd.deploy.bundle.onnx_network import OnnxNetwork
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.deploy.bundle.runtime import open_network
from medkd.deploy.bundle.schema_version import read_versioned
from medkd.distill.learner import WEIGHTS
from medkd.errors import InputError

LEARNER = "learner.yaml"


def refuse_other(out: Path) -> None:
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
    held = next((learner / name for name in WEIGHTS if (learner / name).is_file()), None)
    if held is None or not (learner / LEARNER).is_file():
        lacking = " or ".join(WEIGHTS) if (learner / LEARNER).is_file() else LEARNER
        raise InputError(f"{learner} holds no {lacking}", remedy="Give a folder that a learner was saved to")
    check_facts(card)
    refuse_patients(report, REPORT)
    refuse_patients(calibration, CALIBRATION)
    refuse_patients(drift, DRIFT)
    fitted = read_versioned(
        (learner / LEARNER).read_bytes(),
        str(learner / LEARNER),
        current=VERSION,
        keys=("network", "view", "modalities", "target", "statistics"),
        optional=("name", "kind"),
    )
    check_trusted([fitted["network"], fitted["modalities"]], (*OWN, *trust))
    target = read_target(fitted["target"], LEARNER)
    prepared = Preprocessing.from_dict(fitted, (*OWN, *trust), LEARNER).with_length(length)
    weights = held.read_bytes()
    tuned = Calibration.from_dict(calibration, target.names, CALIBRATION)
    network, _ = open_network("torch", fitted["network"], {held.name: weights}, (*OWN, *trust), str(learner))
    graph, said = export(network, prepared)
    facts = make_card(
        report,
        target,
        prepared,
        tuned,
        weights,
        card,
        {**provenance, "onnx": said},
        weights_file=held.name,
        network=str(fitted["network"]["class_path"]),
        drift=drift,
    )
    refuse_patients(facts, CARD)
    _write_yaml(
        folder / CONFIG, {"network": fitted["network"], "target": target.to_dict(), "outputs": list(target.names)}
    )
    _write_yaml(folder / PREPROCESS, prepared.to_dict())
    _write_json(folder / CALIBRATION, tuned.to_dict(), CALIBRATION_VERSION)
    _write_json(folder / REPORT, aggregates_of(report))
    if drift is not None:
        _write_json(folder / DRIFT, drift)
    _write_json(folder / CARD, facts, CARD_VERSION)
    (folder / CARD_PAGE).write_text(render_card({"schema_version": CARD_VERSION, **facts}), encoding="utf-8")
    (folder / held.name).write_bytes(weights)
    if graph is not None:
        (folder / OnnxNetwork.weights_file).write_bytes(graph)
    write_sums(folder)


def _write_yaml(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(
        yaml.safe_dump({"schema_version": VERSION, **document}, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )


def _write_json(path: Path, document: Mapping[str, Any], version: int = VERSION) -> None:
    path.write_text(
        json.dumps({"schema_version": version, **document}, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
