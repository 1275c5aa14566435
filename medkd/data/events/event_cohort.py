"""Cohorts whose signals are in tables shared by all samples: extracted once, with a thousand series per file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl

from medkd.data.core.cohort import Cohort, Extract
from medkd.data.core.sample import Exclusion


@runtime_checkable
class FromEvents(Protocol):
    """A modality that can be extracted from tables of events."""

    def extract(self, events: pl.LazyFrame, folder: Path) -> tuple[dict[str, str], list[Exclusion]]:
        """Write events below ``folder``.

        Args:
            events: ``series`` (text), ``hours`` from the series' start, and the modality's own columns.
            folder: that the returned paths are relative to.

        Returns:
            The file of each series that has any, and how many values were set aside, by reason.
        """
        ...


class EventCohort(Cohort):
    """A cohort in tables, each of whose samples is a stretch of a series (a stay, a recording).

    ``samples`` returns the columns ``series`` and, where a sample does not begin with its series, ``zero_hour`` (its
    time zero, in hours of the series); the columns of the modalities are added by ``extract``.
    """

    @abstractmethod
    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame | None:
        """Published values of one modality: ``series``, ``hours`` from the series' start, and its own columns.

        Those of variables are ``variable``, ``value`` and, if it is known, ``unit``.

        Args:
            modality: its name.
            samples: of the wanted series; others may be left out.

        Returns:
            None where its table is missing.
        """

    def extract(self, samples: pl.DataFrame, folder: Path, wanted: Collection[str] | None = None) -> Extract:
        """Write every wanted modality's events below ``folder``.

        The samples get the path of their series' file, null where it has none.
        """
        aside: list[Exclusion] = []
        series = samples["series"].cast(pl.String).unique()
        for name, modality in self.modalities().items():
            if wanted is not None and name not in wanted:
                continue
            events = self.events(name, samples)
            files: dict[str, str] = {}
            if events is None:
                aside.append(Exclusion(f"{name}: its table is not there", 0))
            elif isinstance(modality, FromEvents):
                ours = events.with_columns(pl.col("series").cast(pl.String)).filter(
                    pl.col("series").is_in(series.implode())
                )
                files, flaws = modality.extract(ours, folder)
                aside += flaws
            path = pl.col("series").cast(pl.String).replace_strict(files, default=None, return_dtype=pl.String)
            samples = samples.with_columns(path.alias(name))
        return Extract(folder, samples, tuple(aside))
