"""One distillation step with a banked teacher against the plain supervised step of the same student.

    python benchmarks/step_time.py

Lightning fits run side by side on one core and take turns, one step each, in an order that alternates: supervised; the
same again, which shows the noise; with soft labels, as the recipes distil; with soft labels, embedding, relational and
similarity at once. A step is all that lies between two of a fit's batches: loading and augmenting 64 records of one
lead and 1,000 samples, the bank's rows, the xResNet1d-50's forward and backward pass, every objective, the optimiser,
logging. The prepared arrays and the bank (2,000 rows, logits and embedding) lie on disk.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import CSVLogger

from medkd.data.core.model_input import ModelInput
from medkd.data.core.target import Target
from medkd.data.io.atomic import write_json
from medkd.data.io.digest import digest_file
from medkd.data.loading.datamodule import SampleData
from medkd.data.splits.draw import draw_split
from medkd.distill.bank import BankMeta, write_bank
from medkd.distill.distiller import Distiller
from medkd.modalities.ecg import ECG
from medkd.networks.resnet1d import ResNet1d
from medkd.objectives.embedding_cosine import EmbeddingCosine
from medkd.objectives.objective import Objective
from medkd.objectives.rkd import RKD
from medkd.objectives.similarity_preserving import SimilarityPreserving
from medkd.objectives.soft_labels import SoftLabels
from medkd.pipeline.lightning_cli import quieten

AT_MOST = 1.05
RECORDS, BATCH, LENGTH, WIDTH = 2000, 64, 1000, 512
WARM_UP = 2
TARGET = Target("label", "binary", ("label",), ("positive",))
Arms = Mapping[str, Mapping[str, Objective]]


class Turns(Callback):
    """Stops its fit after each step until it is told to go on, and keeps the wall and CPU seconds of each."""

    def __init__(self) -> None:
        self.go, self.stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.seconds: list[tuple[float, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Wait for the first turn."""
        self._wait()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any) -> None:
        """A step ends where the next begins."""
        self.seconds.append((time.perf_counter() - self._clocks[0], time.thread_time() - self._clocks[1]))
        self._wait()

    def _wait(self) -> None:
        self.stopped.release()
        self.go.acquire()
        self._clocks = (time.perf_counter(), time.thread_time())


def write_data(folder: Path) -> dict[str, Any]:
    """A sample table, a split, prepared arrays and a bank of random numbers.

    The arguments of ``SampleData`` and the bank's folder.
    """
    rng = np.random.default_rng(0)
    ids = [f"{number:05d}" for number in range(RECORDS)]
    samples = pl.DataFrame({"sample_id": ids, "subject_id": ids, "label": rng.integers(2, size=RECORDS)})
    samples.write_parquet(folder / "samples.parquet")
    split = draw_split(samples, TARGET, "kfold:5", 0)
    split.save(folder / "split.json")
    prepared = folder / "prepared"
    prepared.mkdir()
    np.save(prepared / "values.npy", rng.standard_normal((RECORDS, 1, LENGTH), dtype=np.float32))
    samples.select("sample_id", pl.lit("ok").alias("status"), pl.lit("").alias("reason")).write_parquet(
        prepared / "index.parquet"
    )
    write_json(prepared / "meta.json", {"values_sha256": digest_file(prepared / "values.npy")})
    bank = folder / "bank"
    bank.mkdir()
    spoken = split.table.select("sample_id", "fold", pl.lit(0).alias("source"), pl.lit(False).alias("seen")).sample(
        fraction=1.0, seed=0, shuffle=True
    )
    answers = {
        "logits": rng.standard_normal((RECORDS, 1), dtype=np.float32),
        "embedding": rng.standard_normal((RECORDS, WIDTH), dtype=np.float32),
    }
    write_bank(bank, BankMeta({}, {}, split.sha256, (0,), 1.0, tuple(answers)), spoken, answers)
    data = {
        "samples": str(folder / "samples.parquet"),
        "split": str(folder / "split.json"),
        "split_sha256": split.sha256,
    }
    return {"data": data | {"prepared": {"model": {"ecg": str(prepared)}}}, "bank": str(bank)}


def fit(
    folder: Path,
    held: dict[str, Any],
    objectives: Mapping[str, Objective],
    steps: int,
    turns: Turns,
    failed: list[BaseException],
) -> None:
    """One fit of ``steps`` steps."""
    try:
        ecg = ECG(augment_amplitude=0.1, augment_noise=0.05, augment_shift=0.1)
        model_inputs = {"model": ModelInput("ecg[I]", {"ecg": ecg})}
        data = SampleData(
            **held["data"], held_out=[0], target=TARGET, model_inputs=model_inputs, batch_size=BATCH, steps=steps
        )
        torch.manual_seed(0)
        network = ResNet1d(channels=1, outputs=1, variant="xresnet1d50")
        model = Distiller(network, dict(objectives), banks={"teacher": held["bank"]} if objectives else None)
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_val_batches=0,
            logger=CSVLogger(folder, name="logs"),
            callbacks=[turns],
            log_every_n_steps=10,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(model, data)
    except BaseException as error:
        failed.append(error)
        raise
    finally:
        turns.stopped.release()


def interleaved(arms: Arms, pairs: int, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU seconds of each arm's steps, taken in turns."""
    held = write_data(folder)
    turns = {name: Turns() for name in arms}
    failed: list[BaseException] = []
    for name, objectives in arms.items():
        arguments = (folder / name, held, objectives, WARM_UP + pairs, turns[name], failed)
        threading.Thread(target=fit, args=arguments, daemon=True).start()
        turns[name].stopped.acquire()
    for pair in range(WARM_UP + pairs):
        for name in arms if pair % 2 else reversed(list(arms)):
            if failed:
                raise SystemExit(f"a fit failed: {failed[0]}")
            turns[name].go.release()
            turns[name].stopped.acquire()
    return {name: held.seconds[WARM_UP:] for name, held in turns.items()}


def interval(ratios: np.ndarray) -> tuple[float, float, float]:
    """The median, and the 2.5 and 97.5 % of its bootstrap."""
    medians = np.median(np.random.default_rng(0).choice(ratios, (2000, len(ratios))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def main() -> int:
    """0 if no median ratio is above ``AT_MOST``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    quieten()
    torch.set_num_threads(1)
    soft = {"soft_labels": SoftLabels()}
    others = {
        "embedding": EmbeddingCosine(WIDTH, WIDTH),
        "relational": RKD(),
        "similarity": SimilarityPreserving(),
    }
    arms: Arms = {"supervised": {}, "supervised again": {}, "soft labels": soft, "four objectives": soft | others}
    with tempfile.TemporaryDirectory() as folder:
        seconds = {name: np.array(held) for name, held in interleaved(arms, pairs, Path(folder)).items()}
    base = seconds["supervised"]
    print(f"xResNet1d-50, batch {BATCH}, 1 lead, {LENGTH} samples; {pairs} interleaved rounds, one core")
    print(f"supervised step: median {np.median(base[:, 0]):.2f} s; ratios to it, median [95 % interval]:")
    worst = 0.0
    for name in list(arms)[1:]:
        wall, cpu = (interval(seconds[name][:, clock] / base[:, clock]) for clock in (0, 1))
        print(
            f"{name}: {wall[0]:.3f} [{wall[1]:.3f}, {wall[2]:.3f}]; "
            f"of CPU time {cpu[0]:.3f} [{cpu[1]:.3f}, {cpu[2]:.3f}]"
        )
        worst = max(worst, wall[0])
    print(f"required: at most {AT_MOST:g}: {'passed' if worst <= AT_MOST else 'FAILED'}")
    return 0 if worst <= AT_MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())
