"""Cohort: a data set on disk, in its published layout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.errors import InputError, nearest


@dataclass(frozen=True)
class OfficialFolds:
    """Values of the ``official_fold`` column that are the test and the validation part; the others are for training."""

    test: tuple[int, ...]
    validation: tuple[int, ...]


@dataclass(frozen=True)
class Extract:
    """Files of a cohort from which each sample's signals are read.

    Args:
        root: folder that the samples' paths are relative to.
        samples: the sample table with a path (or null) in each modality's column.
        aside: values of shared tables that were left out, counted by reason; and missing tables.
    """

    root: Path
    samples: pl.DataFrame
    aside: tuple[Exclusion, ...] = ()


class Cohort(ABC):
    """A data set on disk. Subclasses read the layout exactly as its publisher ships it.

    Args:
        root: the data set's folder, which contains the file ``marker``.

    Raises:
        InputError: the folder or its marker file is missing.
    """

    name: ClassVar[str]
    marker: ClassVar[str]
    """A file, relative to the root, by which this data set is recognised."""
    default_target: ClassVar[str]
    official_folds: ClassVar[OfficialFolds | None] = None
    licence: ClassVar[str] = ""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(
                f"no such folder: {self.root}", where="--root", remedy=f"Give the folder that holds {self.marker}"
            )
        if not (self.root / self.marker).exists():
            raise InputError(
                f"{self.root} holds no {self.marker}",
                where=f"cohort {self.name}",
                remedy="Give the data set's own folder with --root",
            )

    @abstractmethod
    def targets(self) -> Mapping[str, Target]:
        """The targets of this data set by key, each with its rule."""

    @abstractmethod
    def modalities(self) -> Mapping[str, Modality]:
        """The modalities of this data set by the name of their column, with suitable settings."""

    @abstractmethod
    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """The sample table (see ``medkd.data.core.sample.check_samples``) and every exclusion with its reason."""

    def extract(self, samples: pl.DataFrame, folder: Path, wanted: Collection[str] | None = None) -> Extract:
        """Write the signals that are in tables shared by many samples below ``folder``, in files to read one by one.

        Nothing is written where each sample has files of its own.

        Args:
            samples: the sample table.
            folder: for the files.
            wanted: names of modalities; None means all.
        """
        return Extract(self.root, samples)

    @property
    def default_protocol(self) -> str:
        """The protocol where none is named, with fewer folds for a small cohort (``fitting_protocol``)."""
        return "kfold:5"

    def target(self, key: str | None) -> Target:
        """The target of that key (case does not matter), or the default one.

        Raises:
            InputError: there is none of that name; the nearest one is named.
        """
        wanted = self.default_target if key is None else key
        target = {name.lower(): target for name, target in self.targets().items()}.get(wanted.lower())
        if target is None:
            raise InputError(
                f"cohort {self.name} has no target '{wanted}'", where="--target", remedy=nearest(wanted, self.targets())
            )
        return target
