"""A bundle with random weights, and real records to score with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import save_file

from medkd import registry
from medkd.data.io.document import parse_document
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import prepare
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.config import LearnerDocument
from medkd.deploy.bundle.drift import Drift
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.deploy.inference import predict as inference
from medkd.deploy.inference.settings import PredictSettings
from medkd.modalities.ecg import ECG
from medkd.networks.resnet1d import ResNet1d

CALIBRATION = {
    "temperature": 1.7,
    "threshold": 0.31,
    "obtained": "inner validation of 5 folds x 3 seeds",
    "operating_point": {"chosen_for": "sensitivity + specificity", "sensitivity": 0.81},
}


def predict(bundle: Path, source: Path, out: Path, **options: Any) -> inference.RunSummary:
    """``medkd predict`` with options by name."""
    return inference.predict(bundle, source, out, PredictSettings(**options), registry=registry)


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


REPORT: dict[str, Any] = {
    "schema_version": 1,
    "task": "ecg_lead",
    "cohort": "brugada_huca",
    "target": "brugada",
    "teacher_view": "ecg",
    "student_view": "ecg[I]",
    "protocol": "kfold:5",
    "metric": "auroc",
    "label_fraction": 0.3,
    "n": {"train": 290, "val": 73, "test": 363, "test_subjects": 363, "seeds": 3},
    "arms": {
        "teacher": figure(0.89),
        "baseline": figure(0.78),
        "student": figure(0.77) | {"metrics": {"brier": figure(0.15)}},
    },
    "gain": figure(-0.01),
    "privileged_gain": figure(0.0),
    "gap": figure(0.11),
    "gap_closed": None,
    "controls": {"shuffled_teacher": {"gain": figure(-0.05)}},
    "verdict": "no evidence",
    "sentence": "There is no evidence that the teacher helps.",
    "subgroups": [
        {
            "by": "sex",
            "group": "female",
            "n": 120,
            "suppressed": False,
            "reason": "",
            "value": figure(0.7),
            "gain": figure(0.0),
        },
        {
            "by": "age",
            "group": "80 +",
            "n": 4,
            "suppressed": True,
            "reason": "2 positive subjects, fewer than 10",
            "value": None,
        },
    ],
    "leak_audit": [{"check": "no subject in two parts of a split", "passed": True, "detail": "such as patient-17"}],
    "provenance": {"split_sha256": "ab" * 32, "versions": {"torch": "2.15.0"}},
}


def save_learner(
    folder: Path, ecg: ECG, network: dict[str, Any] | None = None, statistics: dict[str, Any] | None = None
) -> Path:
    """What FittedModel.save writes, with random weights that tell records apart."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = ResNet1d(channels=1, outputs=1)
    for module in model.modules():
        # The last normalisation of each block starts at zero: without this the network is nearly linear.
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    held = {
        "schema_version": 1,
        "network": network
        or {"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": {"channels": 1, "outputs": 1}},
        "view": "ecg[I]",
        "modalities": {"ecg": ecg.to_dict()},
        "target": {
            "key": "brugada",
            "kind": "binary",
            "columns": ["brugada"],
            "classes": ["brugada"],
            "units": "",
            "rule": "1 or 2",
        },
        "statistics": {
            "ecg": statistics
            or {"mean": [0.01], "std": [0.2], "samples": 290, "split_sha256": "ab" * 32, "held_out": []}
        },
    }
    (folder / "learner.yaml").write_text(yaml.safe_dump(held), encoding="utf-8")
    save_file(model.state_dict(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_learner(tmp_path_factory.mktemp("learner") / "it", ECG(seconds=10.0))


@pytest.fixture(scope="session")
def bundle_folder(learner: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    Bundle.write(
        out, learner, CALIBRATION, REPORT, card={"licence": "CC BY-SA 4.0"}, provenance={"bundle_stage": "refit"}
    )
    return out


@pytest.fixture(scope="session")
def trees_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of trees over 24 hours of vital signs: two boosters of a weight each, grown on made-up stays."""
    import lightgbm
    import numpy as np

    from medkd.data.core.signal import observed
    from medkd.data.core.view import View
    from medkd.modalities.vitals import Vitals
    from medkd.networks.summary import summarise
    from medkd.networks.trees import Trees

    vitals = Vitals()
    channels, cells = vitals.shape(View.parse("vitals[0:24h]").parts[0])
    rng = np.random.default_rng(0)
    # Centres and spreads of the real ones, so that splits fall among real values.
    values = rng.normal(rng.uniform(20, 120, (1, channels, 1)), 15, (300, channels, cells)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    table = summarise({"vitals": observed(torch.from_numpy(values), torch.ones(300, dtype=torch.bool), partial=True)})
    aim = np.nan_to_num(table[:, ::17]).sum(axis=1) + rng.normal(0, 10, 300)
    settings = {"num_leaves": 15, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    members = [
        lightgbm.train({**settings, "objective": objective, "seed": 1}, lightgbm.Dataset(table, y), num_boost_round=30)
        for objective, y in (("binary", aim > np.median(aim)), ("regression", (aim - aim.mean()) / aim.std()))
    ]
    network = Trees(1)
    network.grow([[(members[0], 0.3), (members[1], 1.0)]])
    folder = tmp_path_factory.mktemp("trees")
    (folder / "learner").mkdir()
    held = {
        "schema_version": 1,
        "network": {"class_path": "medkd.networks.trees.Trees", "init_args": {"outputs": 1}},
        "view": "vitals[0:24h]",
        "modalities": {"vitals": vitals.to_dict()},
        "target": {"key": "mortality_24h", "kind": "binary", "columns": ["died"], "classes": ["death"]},
        "statistics": {"vitals": Statistics((0.0,) * channels, (1.0,) * channels, 300, "", ()).to_dict()},
    }
    (folder / "learner" / "learner.yaml").write_text(yaml.safe_dump(held), encoding="utf-8")
    (folder / "learner" / "model.txt").write_bytes(network.dump_weights())
    Bundle.write(
        folder / "bundle", folder / "learner", {"temperature": 1.0, "threshold": 0.2}, REPORT | {"task": "stays"}
    )
    return folder / "bundle"


CONFORMAL: dict[str, Any] = {
    "coverage": 0.9,
    "quantiles": {"brugada": {"present": 0.6, "absent": 0.45}},
    "subjects": {"brugada": {"present": 60, "absent": 230}},
}
COVERAGE: dict[str, Any] = {
    "n": 363,
    "covered": 0.91,
    "abstains": 0.4,
    "classes": {
        "brugada": {"n": 76, "subjects": 76, "covered": 0.92, "low": 0.84, "high": 0.96, "abstains": 0.5},
        "not brugada": {"n": 287, "subjects": 287, "covered": 0.9, "low": 0.86, "high": 0.93, "abstains": 0.37},
    },
}


@pytest.fixture(scope="session")
def full_bundle(learner: Path, brugada: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with conformal quantiles, and a drift reference of 40 real recordings."""
    folder = tmp_path_factory.mktemp("full")
    document = parse_document(LearnerDocument, yaml.safe_load((learner / "learner.yaml").read_text()), "learner.yaml")
    preprocessing = Preprocessing.from_document(document, ("medkd",), "learner.yaml")
    names = sorted(path.name for path in (brugada / "files").iterdir())[:40]
    samples = pl.DataFrame({"sample_id": names, "ecg": [f"files/{name}/{name}" for name in names]})
    part = preprocessing.view.parts[0]
    stored = prepare(folder / "prepared", preprocessing.modalities["ecg"], [part], samples, brugada)
    drift = Drift.fit(preprocessing, {"ecg": stored[str(part)]}, names).to_dict()
    Bundle.write(
        folder / "bundle",
        learner,
        CALIBRATION | {"conformal": CONFORMAL},
        REPORT,
        card={
            "licence": "CC BY-SA 4.0",
            "coverage": COVERAGE,
            "flow": [
                {"reason": "samples found", "count": 400},
                {"reason": "no label", "count": 37},
                {"reason": "samples kept", "count": 363},
            ],
            "aside": [{"reason": "ecg: no unit", "count": 5}],
            "participants": {
                "samples": 363,
                "subjects": 363,
                "unlabelled": 0,
                "outcomes": {"brugada": {"with": 76, "without": 287}},
            },
        },
        drift=drift,
    )
    return folder / "bundle"


@pytest.fixture(scope="session")
def brugada(shared: Path) -> Path:
    return shared / "data" / "ecg" / "brugada-huca"
