"""A bundle with random weights, and real records to score with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from medkd.deploy.bundle import Bundle
from medkd.modalities.ecg import ECG
from medkd.networks.resnet1d import ResNet1d

CALIBRATION = {
    "temperature": 1.7,
    "threshold": 0.31,
    "obtained": "inner validation of 5 folds x 3 seeds",
    "operating_point": {"chosen_for": "sensitivity + specificity", "sensitivity": 0.81},
}


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
    "arms": {"teacher": figure(0.89), "solo": figure(0.78), "student": figure(0.77) | {"metrics": {"brier": figure(0.15)}}},
    "gain": figure(-0.01),
    "privileged_gain": figure(0.0),
    "gap": figure(0.11),
    "gap_closed": None,
    "controls": {"shuffled_teacher": {"gain": figure(-0.05)}},
    "verdict": "no evidence",
    "sentence": "There is no evidence that the teacher helps.",
    "subgroups": [
        {"by": "sex", "group": "female", "n": 120, "suppressed": False, "reason": "", "value": figure(0.7), "gain": figure(0.0)},
        {"by": "age", "group": "80 +", "n": 4, "suppressed": True, "reason": "2 positive subjects, fewer than 10", "value": None},
    ],
    "leak_audit": [{"check": "no subject in two parts of a split", "passed": True, "detail": "such as patient-17"}],
    "provenance": {"split_sha256": "ab" * 32, "versions": {"torch": "2.15.0"}},
}


def save_learner(folder: Path, ecg: ECG, network: dict[str, Any] | None = None, statistics: dict[str, Any] | None = None) -> Path:
    """What LightningLearner.save writes, with random weights that tell records apart."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = ResNet1d(channels=1, outputs=1)
    for module in model.modules():
        # The last normalisation of each block starts at zero: without this the network is nearly linear.
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    held = {
        "schema_version": 1,
        "network": network or {"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": {"channels": 1, "outputs": 1}},
        "view": "ecg[I]",
        "modalities": {"ecg": ecg.spec()},
        "target": {"key": "brugada", "kind": "binary", "columns": ["brugada"], "classes": ["brugada"], "units": "", "rule": "1 or 2"},
        "statistics": {"ecg": statistics or {"mean": [0.01], "std": [0.2], "samples": 290, "split_sha256": "ab" * 32, "held_out": []}},
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
    Bundle.write(out, learner, CALIBRATION, REPORT, card={"licence": "CC BY-SA 4.0"}, provenance={"bundle_stage": "refit"})
    return out


@pytest.fixture(scope="session")
def brugada(shared: Path) -> Path:
    return shared / "data" / "ecg" / "brugada-huca"
