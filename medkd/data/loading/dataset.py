"""Data set of whole batches: prepared samples gathered, augmented and normalised at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset

from medkd.data.core.batch import Batch
from medkd.data.core.modality import Params
from medkd.data.core.model_input import ModelInput
from medkd.data.core.signal import Signal, observed
from medkd.data.core.target import Target
from medkd.data.loading.sampler import Key
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import Prepared


class SampleDataset(Dataset[Batch]):
    """Batches of samples for one or several models; equal modalities share each sample's augmentation.

    Args:
        samples: rows of the sample table, in the order of their positions.
        labelled: "sample" bool; the label of the others is withheld.
        target: the outcome that is predicted.
        model_inputs: view and modalities of each model.
        prepared: model → modality → prepared arrays.
        statistics: model → modality → statistics of the training samples.
        augment_seed: seed of the augmentation; None for none.
    """

    def __init__(
        self,
        samples: pl.DataFrame,
        labelled: Tensor,
        target: Target,
        model_inputs: Mapping[str, ModelInput],
        prepared: Mapping[str, Mapping[str, Prepared]],
        statistics: Mapping[str, Mapping[str, Statistics]],
        augment_seed: int | None = None,
    ) -> None:
        self.target, self.model_inputs, self.prepared, self.statistics = target, model_inputs, prepared, statistics
        self.augment_seed = augment_seed
        self.ids = samples["sample_id"].to_list()
        self.subjects = samples["subject_id"].to_list()
        self.sites = (
            samples["site"].cast(pl.String).fill_null("").to_list()
            if "site" in samples.columns
            else [""] * samples.height
        )
        columns = samples.select(pl.col(target.columns).cast(pl.Float32)).to_torch(dtype=pl.Float32).clone()
        known = ~torch.isnan(columns) & labelled[:, None]
        self.targets, self.labelled = torch.where(known, columns, 0.0), known
        self.rows = {
            model: {name: stored.rows(self.ids) for name, stored in modalities.items()}
            for model, modalities in prepared.items()
        }
        self._params: dict[tuple[str, str], tuple[int, Params]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: Key) -> Batch:
        return self.__getitems__([key])

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """The batch of these (position, epoch) pairs."""
        positions = np.array([position for position, _ in keys])
        epoch = keys[0][1]
        views: dict[str, dict[str, Signal]] = {}
        presence: dict[str, dict[str, Tensor]] = {}
        for model, modalities in self.prepared.items():
            views[model], presence[model] = {}, {}
            for name, stored in modalities.items():
                rows = self.rows[model][name][positions]
                values = torch.from_numpy(np.asarray(stored.values[rows]))
                modality = self.model_inputs[model].modalities[name]
                if self.augment_seed is not None:
                    params = {key: value[positions] for key, value in self._augmentation(model, name, epoch).items()}
                    values = modality.augment(values, params)
                present = torch.from_numpy(stored.present[rows])
                views[model][name] = observed(
                    self.statistics[model][name].apply(values), present, partial=modality.traits.partial
                )
                presence[model][name] = present
        return Batch(
            views=views,
            presence=presence,
            targets=self.targets[positions],
            labelled=self.labelled[positions],
            target=self.target,
            sample_id=[self.ids[position] for position in positions],
            subject_id=[self.subjects[position] for position in positions],
            site=[self.sites[position] for position in positions],
        )

    def _augmentation(self, model: str, name: str, epoch: int) -> Params:
        """Parameters of all samples for one epoch: a function of (seed, epoch), so that a resumed run repeats them.

        Models whose modality is equal share what was drawn; one with other strengths or another length draws its own.
        """
        current = self._params.get((model, name))
        if current is None or current[0] != epoch:
            modality = self.model_inputs[model].modalities[name]
            alike = (
                drawn
                for (other, kind), drawn in self._params.items()
                if kind == name and drawn[0] == epoch and self.model_inputs[other].modalities[name] == modality
            )
            rng = np.random.default_rng([self.augment_seed or 0, epoch, 2])
            current = next(alike, None) or (epoch, modality.sample_augmentation(rng, len(self)))
            self._params[model, name] = current
        return current[1]


def as_is(batch: Any) -> Any:
    """Collate function of a data set that returns whole batches."""
    return batch
