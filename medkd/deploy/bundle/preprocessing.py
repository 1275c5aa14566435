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
from medkd.data.events.events import Events
from medkd.data.events.value_count import ValueCount
from medkd.data.loading.statistics import Statistics
from medkd.deploy.bundle.schema_version import Versioned
from medkd.errors import InputError, RecordError

USED = "used"
"""Key of the number of values that were used, beside the reasons why others were not."""
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

    def prepare(self, row: Mapping[str, Any], root: Path, values: dict[str, int] | None = None) -> Prepared:
        """Read, select, prepare and normalise one sample.

        Of several modalities one may be absent if its cells may be (``partial``): to the network that is as in
        training.

        Args:
            row: modality → path of its signal, relative to ``root``.
            values: filled with the numbers of the values of event files that were used (``USED``), and that were set
                aside, by reason, also where the sample is refused.

        Raises:
            RecordError: a signal is absent, cannot be read or prepared, or came out in another shape or not finite; or
                nothing at all was observed, or of what a file holds no measurement could be used.
        """
        prepared: Prepared = {}
        files: dict[str, list[ValueCount]] = {}
        counts: list[ValueCount] = []
        has_more = False
        for part in self.view.parts:
            name = part.modality
            modality = self.modalities[name]
            shape = modality.shape(part)
            if row.get(name) is None:
                if not modality.traits.partial or len(self.view.parts) == 1:
                    raise RecordError(f"has no {name}", remedy="Give its path")
                prepared[name] = np.full((1, *shape), np.nan, np.float32)
                continue
            read = modality.read(row, root)
            if isinstance(read, Events) and read.count is not None:
                files.setdefault(str(row[name]), []).append(read.count)
                counts = [ValueCount.of_file(parts) for parts in files.values()]
                # Now, since what follows may refuse the sample.
                _tally(counts, {} if values is None else values)
            else:
                has_more = True
            raw = modality.select(read, part)
            array = np.asarray(modality.windows(raw), dtype=np.float32)
            if array.shape[1:] != shape or not len(array):
                raise RecordError(f"{name} was prepared to {array.shape[1:]}, the network takes {shape}")
            if np.isinf(array).any() or (np.isnan(array).any() and not modality.traits.partial):
                raise RecordError(f"{name} has values that are not finite after preparation")
            prepared[name] = self.statistics[name].apply(torch.from_numpy(np.ascontiguousarray(array))).numpy()
        if len({len(values) for values in prepared.values()}) > 1:
            raise RecordError(
                "its modalities have different numbers of windows", remedy="Give records of the same length"
            )
        if all(np.isnan(values).all() for values in prepared.values()):
            raise RecordError(f"nothing of {self.view} was observed")
        if not has_more and (unusable := _unusable(counts)) is not None:
            raise unusable
        return prepared


def _tally(counts: Sequence[ValueCount], values: dict[str, int]) -> None:
    values.clear()
    values[USED] = sum(count.used for count in counts)
    for count in counts:
        for reason, number in count.aside.items():
            values[reason] = values.get(reason, 0) + number


def _unusable(counts: Sequence[ValueCount]) -> RecordError | None:
    """The refusal of a sample of whose values no measurement can be used; None where one can, or there are none.

    Age and sex alone are not to be scored: a hospital's names of variables may all be unknown.
    """
    aside: dict[str, int] = {}
    for count in counts:
        for reason, number in count.aside.items():
            aside[reason] = aside.get(reason, 0) + number
    if not any(aside.values()) or any(count.measured for count in counts):
        return None
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(aside.items()) if number)
    return RecordError(
        f"none of its {sum(count.seen for count in counts):,} values is a measurement that can be used: {reasons}",
        remedy="Write variables and units as variables.yaml of the modality lists them",
    )


def _length_fields(modality: Modality) -> dict[str, str]:
    return {field: value for field, value in vars(modality.length_policy).items() if value is not None}


def _check_statistics(statistics: Statistics, shape: tuple[int, ...], where: str) -> None:
    if len(statistics.mean) not in (shape[0], math.prod(shape)) or len(statistics.std) != len(statistics.mean):
        raise InputError(f"statistics have {len(statistics.mean)} values, the view has shape {shape}", where=where)
    if not all(value > 0 for value in statistics.std):
        raise InputError("statistics hold a deviation of 0", where=where)
