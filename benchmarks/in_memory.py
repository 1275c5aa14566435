"""A modality whose records lie in memory, and a bundle that sees it: what scoring costs beside reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
import yaml
from numpy.typing import NDArray
from safetensors.torch import save_file

from medkd.data.core.modality import Modality
from medkd.data.core.view import Part
from medkd.deploy.bundle.bundle import Bundle
from medkd.networks.resnet1d import ResNet1d

CHANNELS, TIME, RECORDS = 12, 1000, 256


@dataclass(frozen=True)
class InMemory(Modality):
    """Random records "channel time", found by number."""

    name: ClassVar[str] = "in_memory"

    def read(self, row: Mapping[str, Any], root: Path) -> NDArray[np.float32]:
        """The record of that number, round and round."""
        found: NDArray[np.float32] = _records()[int(row[self.name]) % RECORDS]
        return found

    def select(self, raw: NDArray[np.float32], part: Part) -> NDArray[np.float32]:
        """All of it."""
        return raw

    def prepare(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """As it is."""
        return raw

    def shape(self, part: Part) -> tuple[int, ...]:
        """Channels, time steps."""
        return CHANNELS, TIME


@cache
def _records() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((RECORDS, CHANNELS, TIME), dtype=np.float32)


def write_bundle(out: Path, variant: str = "small") -> Bundle:
    """A bundle with random weights below ``out``."""
    learner = out / "learner"
    learner.mkdir(parents=True)
    torch.manual_seed(0)
    network = ResNet1d(channels=CHANNELS, outputs=1, variant=variant)
    init = {"channels": CHANNELS, "outputs": 1, "variant": variant}
    held = {
        "schema_version": 1,
        "network": {"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": init},
        "view": "in_memory",
        "modalities": {"in_memory": {"class_path": "in_memory.InMemory", "init_args": {}}},
        "target": {"key": "ill", "kind": "binary", "columns": ["ill"], "classes": ["ill"], "units": "", "rule": "none"},
        "statistics": {"in_memory": {"mean": [0.0] * CHANNELS, "std": [1.0] * CHANNELS, "samples": RECORDS}},
    }
    (learner / "learner.yaml").write_text(yaml.safe_dump(held), encoding="utf-8")
    save_file(network.state_dict(), learner / "model.safetensors")
    calibration = {"temperature": 1.5, "threshold": 0.5, "obtained": "not at all", "operating_point": {}}
    return Bundle.write(out / "bundle", learner, calibration, _REPORT, trust=("in_memory",))


def write_manifest(path: Path, items: int) -> Path:
    """A list of ``items`` records."""
    number = pl.int_range(items, eager=True).cast(pl.String)
    pl.DataFrame({"sample_id": number.str.zfill(7), "in_memory": number}).write_csv(path)
    return path


_NONE = {"value": 0.5, "low": 0.4, "high": 0.6}
_REPORT: dict[str, Any] = {
    "schema_version": 1,
    "task": "none",
    "cohort": "none",
    "target": "ill",
    "teacher_view": "in_memory",
    "student_view": "in_memory",
    "protocol": "kfold:5",
    "metric": "auroc",
    "label_fraction": 1.0,
    "n": {"train": 1, "val": 1, "test": 1, "test_subjects": 1, "seeds": 1},
    "arms": dict.fromkeys(("teacher", "baseline", "student"), _NONE),
    "gain": _NONE,
    "privileged_gain": _NONE,
    "gap": _NONE,
    "gap_closed": None,
    "controls": {},
    "verdict": "invalid",
    "sentence": "Random weights.",
    "subgroups": [],
    "leak_audit": [],
    "provenance": {"split_sha256": "", "versions": {}},
}
