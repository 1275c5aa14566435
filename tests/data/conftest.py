"""Sixty synthetic patients on disk, and their prepared arrays, for tests of what stands below a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkd.cohorts.demo_ecg import DemoECG
from medkd.data.core.model_input import ModelInput
from medkd.data.core.target import Target
from medkd.data.loading.store import Prepared, prepare
from medkd.data.splits.draw import draw_split
from medkd.modalities.ecg import ECG

TARGET = Target("cd", "binary", ("CD",), ("conduction disturbance",))
SHORT = {"seconds": 2.0}


@pytest.fixture(scope="session")
def target() -> Target:
    return TARGET


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort's folder: read only, copy it before changing it."""
    return DemoECG.synthesise(tmp_path_factory.mktemp("cohort") / "demo", subjects=60)


@pytest.fixture(scope="session")
def samples(root: Path) -> pl.DataFrame:
    """Its sample table; samples 3 and 7 have lost their signal, sample 5 its label."""
    table, _ = DemoECG(root).samples(TARGET)
    ids = pl.col("sample_id")
    return table.with_columns(
        ecg=pl.when(ids.is_in(["00003", "00007"])).then(None).otherwise(pl.col("ecg")),
        CD=pl.when(ids == "00005").then(None).otherwise(pl.col("CD")),
    )


@pytest.fixture(scope="session")
def model_inputs() -> dict[str, ModelInput]:
    strengths = {"augment_amplitude": 0.3, "augment_noise": 0.2, "augment_shift": 0.3, "augment_mask": 0.2}
    modality = ECG(**SHORT, **strengths)
    return {"model": ModelInput("ecg[I]", {"ecg": modality}), "teacher": ModelInput("ecg", {"ecg": modality})}


@pytest.fixture(scope="session")
def stores(
    tmp_path_factory: pytest.TempPathFactory, root: Path, samples: pl.DataFrame, model_inputs: dict[str, ModelInput]
) -> dict[str, dict[str, Prepared]]:
    folder = tmp_path_factory.mktemp("prepared")
    return {
        name: {
            part.modality: prepare(folder, modality, [part], samples, root)[str(part)]
            for part, modality in model.parts()
        }
        for name, model in model_inputs.items()
    }


@pytest.fixture
def arguments(
    tmp_path: Path, samples: pl.DataFrame, model_inputs: dict[str, ModelInput], stores: dict[str, dict[str, Prepared]]
) -> dict[str, Any]:
    """Of ``SampleData``: a run's files below ``tmp_path``, three folds, the first held out."""
    samples.write_parquet(tmp_path / "samples.parquet")
    split = draw_split(samples, TARGET, "kfold:3", seed=0)
    split.save(tmp_path / "split.json")
    return {
        "samples": str(tmp_path / "samples.parquet"),
        "split": str(tmp_path / "split.json"),
        "split_sha256": split.sha256,
        "held_out": [0],
        "target": TARGET,
        "model_inputs": model_inputs,
        "prepared": {
            model: {name: str(stored.folder) for name, stored in held.items()} for model, held in stores.items()
        },
        "batch_size": 8,
    }


@pytest.fixture
def in_memory() -> Callable[..., Prepared]:
    """Prepared arrays that lie nowhere: of values "sample channel ...", named s0, s1, ..."""

    def make(values: np.ndarray, status: list[str] | None = None) -> Prepared:
        names = [f"s{row}" for row in range(len(values))]
        index = pl.DataFrame(
            {"sample_id": names, "status": status or ["ok"] * len(values), "reason": [""] * len(values)}
        )
        return Prepared(Path("nowhere"), np.asarray(values, dtype=np.float32), index, "0" * 64)

    return make
