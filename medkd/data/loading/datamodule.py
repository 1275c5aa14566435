"""Data module: batches of one fold from the samples, the split, prepared arrays and statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from medkd.data.core.batch import Batch
from medkd.data.core.model_input import ModelInput
from medkd.data.core.target import Target
from medkd.data.io.load import read_table
from medkd.data.loading.dataset import SampleDataset, as_is
from medkd.data.loading.sampler import EpochBatches, Key
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import Prepared
from medkd.data.splits.split import Role, Split, keeps_label
from medkd.errors import InputError


class SampleData(LightningDataModule):
    """Training, inner-validation and test batches of one fold of one seed's split.

    Args:
        samples: Parquet file of the sample table.
        split: the split's file.
        split_sha256: expected digest of that split.
        held_out: folds that are not trained on; the test samples.
        target: the outcome that is predicted.
        model_inputs: view and modalities of "model" and, by name, of each teacher that runs live.
        prepared: model → modality → folder of its prepared arrays.
        label_fraction: fraction of the training and inner-validation subjects that keep their label.
        unlabelled: whether samples whose label is withheld or missing take part, for the sake of a teacher's outputs.
        batch_size: samples per step, over all processes that share it.
        steps: optimiser steps per epoch, for any number of samples; 0 means one pass.
        augment: whether training samples are augmented.
        seed: of order and augmentation.
        num_workers: processes that gather batches; 0 is fastest while arrays fit the page cache.
    """

    def __init__(
        self,
        samples: str,
        split: str,
        split_sha256: str,
        held_out: list[int],
        target: Target,
        model_inputs: dict[str, ModelInput],
        prepared: dict[str, dict[str, str]],
        label_fraction: float = 1.0,
        unlabelled: bool = False,
        batch_size: int = 64,
        steps: int = 0,
        augment: bool = True,
        seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.samples_path, self.target, self.model_inputs, self.prepared_paths = samples, target, model_inputs, prepared
        self.split_path, self.split_sha256, self.held_out = split, split_sha256, tuple(held_out)
        self.label_fraction, self.unlabelled = label_fraction, unlabelled
        self.batch_size, self.steps, self.augment, self.seed, self.num_workers = (
            batch_size,
            steps,
            augment,
            seed,
            num_workers,
        )
        self.statistics: dict[str, dict[str, Statistics]] = {}
        self._position: tuple[int, int] | None = None
        self._batches: EpochBatches | None = None

    def setup(self, stage: str) -> None:
        """Open what earlier stages wrote, and fit the statistics on the training samples.

        Raises:
            InputError: something is missing, edited, or leaves training or validation empty.
        """
        if self.statistics:
            return
        if not Path(self.samples_path).is_file():
            raise InputError("no sample table", where=self.samples_path, remedy="Run the stage 'prepare' first")
        self.samples = read_table(Path(self.samples_path))
        self.split = Split.load(Path(self.split_path), self.split_sha256)
        self.stored = {
            model: {name: Prepared.open(Path(folder)) for name, folder in folders.items()}
            for model, folders in self.prepared_paths.items()
        }
        train = self.ids("train")
        if stage in ("fit", "validate"):
            # An error now, not after an epoch whose checkpoint has nothing to be chosen by.
            self.ids("val")
        for model, modalities in self.stored.items():
            self.statistics[model] = {
                name: Statistics.fit(
                    stored.values,
                    self._seen(stored, train),
                    self.split.sha256,
                    self.held_out,
                    aligned=self.model_inputs[model].modalities[name].traits.aligned,
                    measured=self.model_inputs[model].modalities[name].traits.measured,
                )
                for name, stored in modalities.items()
            }

    def _seen(self, stored: Prepared, ids: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
        rows = stored.rows(ids)
        return np.asarray(rows[stored.present[rows]])

    def ids(self, role: Role) -> list[str]:
        """Sample ids of a role, in the split's order.

        Raises:
            InputError: the training or the validation part is empty.
        """
        withheld_too = role == "train" and self.unlabelled
        chosen = self.split.role(role, self.held_out, self.label_fraction, labelled_only=not withheld_too)
        if role == "train" and not withheld_too:
            # Samples that never had a label are left out like those whose label is withheld: for neither has a
            # label-only teacher an output.
            known = self.samples.filter(pl.any_horizontal(pl.col(self.target.columns).is_not_null()))["sample_id"]
            chosen = chosen.filter(pl.col("sample_id").is_in(known.to_list()))
        if role != "test" and chosen.is_empty():
            part = "training" if role == "train" else "validation"
            where = f"held-out folds {list(self.held_out)}, labels {self.label_fraction:g}"
            raise InputError(f"the {part} part is empty", where=where, remedy="Raise --labels, or use fewer folds")
        return chosen["sample_id"].to_list()

    def dataset(self, role: Role) -> SampleDataset:
        """The samples of a role, augmented only in training."""
        table = pl.DataFrame({"sample_id": self.ids(role)}).join(
            self.samples, on="sample_id", how="left", maintain_order="left"
        )
        if role == "train":
            rows = table.select("sample_id").join(self.split.table, on="sample_id", how="left", maintain_order="left")
            labelled = torch.from_numpy(rows.select(keeps_label(self.label_fraction)).to_series().to_numpy())
        else:
            labelled = torch.ones(table.height, dtype=torch.bool)
        seed = self.seed if role == "train" and self.augment else None
        return SampleDataset(table, labelled, self.target, self.model_inputs, self.stored, self.statistics, seed)

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimiser steps per epoch."""
        n = len(self.ids("train"))
        return self.steps or max(n // min(self.batch_size, n), 1)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches in an order that is a pure function of (seed, epoch)."""
        dataset = self.dataset("train")
        if not bool(dataset.labelled.any()):
            raise InputError(
                "no training sample is labelled", where=f"held-out folds {list(self.held_out)}", remedy="Raise --labels"
            )
        self._batches = EpochBatches(len(dataset), self.batch_size, self.steps, self.seed, *self._process)
        if self._position is not None:
            self._batches.start = self._position[1] % len(self._batches)
        return self._loader(dataset, self._batches)

    @property
    def _process(self) -> tuple[int, int]:
        """Rank of this process, and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Inner validation, in order; only labelled samples."""
        return self._in_order("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """The held-out folds, in order."""
        return self._in_order("test")

    def _in_order(self, role: Role) -> DataLoader[Batch]:
        dataset = self.dataset(role)
        rank, world = self._process
        if len(dataset) < world:
            raise InputError(
                f"{world} processes share {len(dataset)} samples of {role}",
                where="trainer",
                remedy="Lower devices, or num_nodes",
            )
        # The same number of batches in each process, since every pass of the network waits for the others.
        batches = -(-len(dataset) // (4 * self.batch_size * world))
        order = [
            [(int(index), 0) for index in part]
            for part in np.array_split(np.arange(rank, len(dataset), world), batches)
        ]
        return self._loader(dataset, order)

    def _loader(self, dataset: SampleDataset, batches: Iterable[list[Key]]) -> DataLoader[Batch]:
        # A loader draws a seed for its workers; from the global generator, that would make a resumed run differ from a
        # whole one.
        generator = torch.Generator().manual_seed(self.seed)
        return DataLoader(
            dataset, batch_sampler=batches, collate_fn=as_is, num_workers=self.num_workers, generator=generator
        )

    def state_dict(self) -> dict[str, Any]:
        """Position within the epoch, so that a run killed mid-epoch continues with the next batch."""
        if self.trainer is None:
            return {}
        return {
            "epoch": self.trainer.current_epoch,
            "ready": self.trainer.fit_loop.epoch_loop.batch_progress.current.ready,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Start the first epoch after a resume at the stored position."""
        if "ready" in state_dict:
            self._position = (int(state_dict["epoch"]), int(state_dict["ready"]))
