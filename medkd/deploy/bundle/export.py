"""Export of a bundle: as a repository that a model hub reads, or as a graph without the network's own code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from medkd.data.io.atomic import writing_folder
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import SIGNATURE, SUMS, read_checked, write_sums
from medkd.deploy.bundle.layout import CARD, CARD_PAGE, CONFIG, FORMS, REPORT
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.deploy.bundle.signature import check_signature
from medkd.distill.learner import WEIGHTS
from medkd.errors import InputError, nearest
from medkd.evidence.report_reader import upgraded

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

HUB_CONFIG, HUB_CARD = "config.json", "README.md"
_PROBLEM = {
    "binary": "multi_label_classification",
    "multilabel": "multi_label_classification",
    "multiclass": "single_label_classification",
    "regression": "regression",
    "forecast": "regression",
}
"""As ``transformers`` names them: a binary target is one label that holds or not."""
_LICENCE = re.compile(r"(cc by(?:-nc)?(?:-sa|-nd)?|cc0|odc-by|pddl|mit|apache)[ -]?(\d\.\d)?", re.IGNORECASE)
_UNNUMBERED = ("odc-by", "pddl", "mit")


def export_bundle(folder: Path, form: str, out: Path, trust: Sequence[str] = (), *, key: Path | None = None) -> None:
    """Write another form of a bundle, whole or not at all; it opens as a bundle, and must be signed again.

    Args:
        folder: the bundle.
        form: ``huggingface``: with ``config.json`` and the card as ``README.md``, besides all that the bundle holds.
            ``onnx``: without the network's own weights; it opens with the runtime onnx alone.
        out: a new or empty folder.
        trust: packages beside medkd whose classes the bundle may name.
        key: a public key (PEM) that the bundle must be signed with.

    Raises:
        InputError: the bundle cannot be opened, has no ``model.onnx`` for that form, or ``out`` holds something.
    """
    if form not in FORMS:
        raise InputError(f"no form '{form}'", where="--to", remedy=nearest(form, FORMS))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds something", where="--out", remedy="Give a new folder")
    if out.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{out} lies in the bundle, which must not change", where="--out", remedy="Give another folder"
        )
    runtime = "onnx" if form == "onnx" else "torch"
    files = read_checked(folder)
    if key is not None:
        check_signature(files, key, f"bundle {folder}")
    bundle = Bundle.load(folder, trust, runtime=runtime)
    exported = {name: content for name, content in files.items() if name not in (SUMS, SIGNATURE)}
    if form == "onnx":
        exported = {name: content for name, content in exported.items() if name not in WEIGHTS}
    else:
        exported |= {HUB_CONFIG: _hub_config(files, bundle), HUB_CARD: _hub_card(files, bundle)}
    with writing_folder(out) as made:
        for name, content in exported.items():
            (made / name).write_bytes(content)
        write_sums(made)
        Bundle.load(made, trust, runtime=runtime)


def _hub_config(files: Mapping[str, bytes], bundle: Bundle) -> bytes:
    """``config.json``: the architecture and the labels where a hub looks for them; from it alone nothing is loaded."""
    config = yaml.safe_load(files[CONFIG])
    names = dict(enumerate(bundle.target.names))
    document = {
        "model_type": "medkd",
        "architectures": [str(config["network"]["class_path"]).rpartition(".")[2]],
        "problem_type": _PROBLEM.get(bundle.target.kind),
        "id2label": {str(index): name for index, name in names.items()},
        "label2id": {name: index for index, name in names.items()},
        "view": str(bundle.view),
        "network": config["network"],
        "target": config["target"],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _hub_card(files: Mapping[str, bytes], bundle: Bundle) -> bytes:
    from huggingface_hub import ModelCard

    card = ModelCard(files[CARD_PAGE].decode())
    data = _card_data(
        json.loads(files[CARD]),
        upgraded(json.loads(files[REPORT])),
        bundle,
        has_graph=OnnxNetwork.weights_file in files,
    )
    return f"---\n{data.to_yaml(line_break=chr(10))}\n---\n{card.text}".encode()


def _card_data(card: Mapping[str, Any], report: Mapping[str, Any], bundle: Bundle, *, has_graph: bool) -> ModelCardData:
    """The header of the card, from what the bundle states of itself."""
    from huggingface_hub import EvalResult, ModelCardData

    task, cohort, metric = (str(report.get(key) or "not stated") for key in ("task", "cohort", "metric"))
    student = (report.get("arms") or {}).get("student") or {}
    tag = _pipeline_tag(bundle)
    results = []
    if student.get("value") is not None:
        results = [
            EvalResult(
                task_type=tag or "other",
                task_name=str(bundle.target.key),
                dataset_type=cohort,
                dataset_name=cohort,
                metric_type=metric,
                metric_name=f"{metric}, {report.get('protocol') or 'protocol not stated'}",
                metric_value=float(student["value"]),
                metric_args={"low": student.get("low"), "high": student.get("high"), "interval": "95%"},
            )
        ]
    forms = [
        *(["onnx"] if has_graph else []),
        bundle.network.weights_file.rpartition(".")[2].replace("txt", "lightgbm"),
    ]
    return ModelCardData(
        library_name="medkd",
        tags=["medical", "knowledge-distillation", *bundle.modalities, *forms],
        pipeline_tag=tag,
        **_licence(str((card.get("cohort") or {}).get("licence") or "")),
        metrics=[metric] if results else None,
        model_name=task,
        eval_results=results or None,
    )


def _pipeline_tag(bundle: Bundle) -> str | None:
    """A hub's word for the bundle's task; it has words for tables and series, none for waveforms and volumes."""
    if bundle.target.kind == "forecast":
        return "time-series-forecasting"
    if not all(modality.traits.partial for modality in bundle.modalities.values()):
        return None
    return "tabular-regression" if bundle.target.kind == "regression" else "tabular-classification"


def _licence(stated: str) -> dict[str, Any]:
    """A cohort's licence under a hub's identifier, else under its own name.

    >>> _licence("CC BY-SA 4.0"), _licence("ODC-BY 1.0")
    ({'license': 'cc-by-sa-4.0'}, {'license': 'odc-by'})
    >>> _licence("PhysioNet Credentialed 1.5.0")
    {'license': 'other', 'license_name': 'physionet-credentialed-1.5.0'}
    """
    if not stated:
        return {}
    known = _LICENCE.fullmatch(stated.strip())
    if known is None:
        return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", stated.lower()).strip("-")}
    name = known[1].lower().replace(" ", "-")
    return {"license": name if name in _UNNUMBERED or not known[2] else f"{name}-{known[2]}"}
