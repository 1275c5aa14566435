"""Preprocessing of a bundle, ``preprocess.yaml``: from a record's file to the network's input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import Modality
from medkd.data.core.view import View
from medkd.data.loading.statistics import Statistics
from medkd.deploy.bundle.schema_version import Versioned
from medkd.errors import InputError, RecordError

Prepared = dict[str, NDArray[np.float32]]
"""One sample: modality → "window channel ...", normalised; one window unless the record was cut into several."""


class PreprocessingDocument(Versioned):
    """What ``preprocess.yaml`` holds."""

    schema_version: Literal[1] = 1
    view: str
    """What the network sees, such as ``ecg[I]``."""
    modalities: dict[str, dict[str, Any]]
    """By name, ``class_path`` and ``init_args``; checked against the allow list before anything is imported."""
    statistics: dict[str, Statistics]
    """By name, fitted on training samples: aggregates only."""


@dataclass(frozen=True)
class Preprocessing:
    """How a sample is prepared, the same in training and at the bedside.

    Args:
        view: what the network sees.
        modalities: by name, as they were in training.
        statistics: by name, fitted on training samples.
    """

    view: View
    modalities: dict[str, Modality]
    statistics: dict[str, Statistics]

    @classmethod
    def from_document(cls, document: PreprocessingDocument, trust: Sequence[str], where: str) -> Preprocessing:
        """From what ``preprocess.yaml`` or ``learner.yaml`` holds.

        Raises:
            InputError: a modality of the view is missing or has no statistics, or those have another number of
                channels.
        """
        view = View.parse(document.view)
        modalities: dict[str, Modality] = {}
        statistics: dict[str, Statistics] = {}
        for part in view.parts:
            name = part.modality
            for entries, what in ((document.modalities, "modalities"), (document.statistics, "statistics")):
                if name not in entries:
                    raise InputError(f"{what} lacks '{name}', which the view names", where=where)
            modalities[name] = instantiate(document.modalities[name], Modality, trust)
            statistics[name] = document.statistics[name]
            _check_statistics(statistics[name], modalities[name].shape(part), f"{where}, {name}")
        return cls(view, modalities, statistics)

    def to_document(self) -> PreprocessingDocument:
        """As ``preprocess.yaml`` holds it; of the statistics only aggregates."""
        return PreprocessingDocument(
            view=str(self.view),
            modalities={name: modality.to_dict() for name, modality in self.modalities.items()},
            statistics=self.statistics,
        )

    def with_length(self, policy: Mapping[str, str]) -> Preprocessing:
        """With other answers for records of another length, ``longer`` and ``shorter``, in every modality.

        Raises:
            InputError: a modality has no such field, or refuses the value.
        """
        if not policy:
            return self
        changed = {}
        for name, modality in self.modalities.items():
            if unknown := sorted(set(policy) - set(_length_fields(modality))):
                raise InputError(
                    f"{name} has no length policy '{unknown[0]}'", where="length", remedy="Choose from: longer, shorter"
                )
            spec = modality.to_dict()
            fields = {**spec["init_args"], **policy}
            changed[name] = instantiate(
                {**spec, "init_args": fields}, type(modality), (spec["class_path"].partition(".")[0],)
            )
        return replace(self, modalities=changed)

    def length(self) -> dict[str, dict[str, str]]:
        """By modality, what is done with ``longer`` and ``shorter`` records, where that is defined."""
        return {name: _length_fields(modality) for name, modality in self.modalities.items()}

    def prepare(self, row: Mapping[str, Any], root: Path) -> Prepared:
        """Read, select, prepare and normalise one sample.

        Of several modalities one may be absent if its cells may be (``partial``): to the network that is as in
        training.

        Args:
            row: modality → path of its signal, relative to ``root``.

        Raises:
            RecordError: a signal is absent, cannot be read or prepared, or came out in another shape or not finite; or
                nothing at all was observed.
        """
        prepared: Prepared = {}
        for part in self.view.parts:
            name = part.modality
            modality = self.modalities[name]
            shape = modality.shape(part)
            if row.get(name) is None:
                if not modality.traits.partial or len(self.view.parts) == 1:
                    raise RecordError(f"has no {name}", remedy="Give its path")
                prepared[name] = np.full((1, *shape), np.nan, np.float32)
                continue
            raw = modality.select(modality.read(row, root), part)
            values = np.asarray(modality.windows(raw), dtype=np.float32)
            if values.shape[1:] != shape or not len(values):
                raise RecordError(f"{name} was prepared to {values.shape[1:]}, the network takes {shape}")
            if np.isinf(values).any() or (np.isnan(values).any() and not modality.traits.partial):
                raise RecordError(f"{name} has values that are not finite after preparation")
            prepared[name] = self.statistics[name].apply(torch.from_numpy(np.ascontiguousarray(values))).numpy()
        if len({len(values) for values in prepared.values()}) > 1:
            raise RecordError(
                "its modalities have different numbers of windows", remedy="Give records of the same length"
            )
        if all(np.isnan(values).all() for values in prepared.values()):
            raise RecordError(f"nothing of {self.view} was observed")
        return prepared


def _length_fields(modality: Modality) -> dict[str, str]:
    return {field: value for field, value in vars(modality.length_policy).items() if value is not None}


def _check_statistics(statistics: Statistics, shape: tuple[int, ...], where: str) -> None:
    if len(statistics.mean) not in (shape[0], math.prod(shape)) or len(statistics.std) != len(statistics.mean):
        raise InputError(f"statistics have {len(statistics.mean)} values, the view has shape {shape}", where=where)
    if not all(value > 0 for value in statistics.std):
        raise InputError("statistics hold a deviation of 0", where=where)
