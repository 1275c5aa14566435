"""Cohorts of sensor recordings whose targets are glucose half an hour and an hour later."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from medkd.data.core.cohort import Extract
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.data.events.event_cohort import EventCohort
from medkd.errors import InputError
from medkd.modalities.cgm.origins import glucose_at, origins, thinned

AHEAD = {"glucose30": 30, "glucose60": 60}
"""Target column → minutes after the origin."""
EVERY, HISTORY, MOST = 30, 180, 200
"""Minutes between forecasts, unbroken minutes before each, and the highest number of forecasts per person."""


class GlucoseForecast(EventCohort):
    """A cohort whose samples are forecasts, each made at its origin: a reading after three unbroken hours.

    Targets are ``glucose30`` and ``glucose60``, glucose exactly 30 and 60 minutes after the origin in mg/dL, and
    ``glucose``, both. The value is read at that minute, or interpolated between two readings at most 20 minutes apart;
    otherwise the sample is left out and counted. Origins are the first reading of each half hour; of a person with more
    than 200 of them, 200 evenly spread are taken.
    """

    @abstractmethod
    def readings(self) -> pl.DataFrame:
        """Every sensor reading: ``series``, ``minute`` from the series' start, ``glucose`` in mg/dL; sorted, unique."""

    @abstractmethod
    def people(self) -> pl.DataFrame:
        """One row per series: ``series``, ``subject_id``, and other columns of the sample table."""

    def recordings(self) -> pl.Series:
        """The series of every recording that was published, also of those without a reading."""
        return self.people()["series"]

    def set_aside(self) -> dict[str, pl.DataFrame]:
        """Rows with ``series`` that hold no reading that can be used, by reason."""
        return {}

    def targets(self) -> Mapping[str, Target]:
        """``glucose30``, ``glucose60``, and ``glucose``, which is both."""
        rule = (
            "sensor glucose that many minutes after the origin, "
            "read or interpolated between readings at most 20 minutes apart"
        )

        def target(key: str, columns: tuple[str, ...]) -> Target:
            return Target(key, "forecast", columns, units="mg/dL", rule=rule, prediction_hour=0.0)

        return {key: target(key, (key,)) for key in AHEAD} | {"glucose": target("glucose", tuple(AHEAD))}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row per forecast."""
        readings = self.readings()
        if readings.is_empty():
            raise InputError("no sensor reading can be used", where=self.root, remedy="Use the files as published")
        table, excluded = forecasts(readings, self.people(), target.columns)
        lost = set(self.recordings()) - set(readings["series"].unique())
        return table, (
            [Exclusion("recording without a reading that can be used", len(lost))] if lost else []
        ) + excluded

    def extract(self, samples: pl.DataFrame, folder: Path, wanted: Collection[str] | None = None) -> Extract:
        """As any cohort of events, with counts of rows of these samples' recordings that hold no usable reading."""
        extract = super().extract(samples, folder, wanted)
        if wanted is not None and "cgm" not in wanted:
            return extract
        series = samples["series"].unique().implode()
        counts = {
            reason: rows.filter(pl.col("series").is_in(series)).height for reason, rows in self.set_aside().items()
        }
        aside = [Exclusion(f"cgm: {reason}", count) for reason, count in counts.items() if count]
        return replace(extract, aside=(*extract.aside, *aside))


def forecasts(
    readings: pl.DataFrame, people: pl.DataFrame, columns: tuple[str, ...]
) -> tuple[pl.DataFrame, list[Exclusion]]:
    """The samples of some recordings, and the exclusions of other origins.

    Args:
        readings: ``series``, ``minute``, ``glucose``.
        people: ``series``, ``subject_id``, ...
        columns: of the target; a sample without one of them is left out.

    >>> minutes, glucose = [15.0 * n for n in range(19)], [100.0 + n for n in range(19)]
    >>> readings = pl.DataFrame({"series": "a", "minute": minutes, "glucose": glucose})
    >>> table, excluded = forecasts(readings, pl.DataFrame({"series": ["a"], "subject_id": ["1"]}), ("glucose30",))
    >>> table.select("sample_id", "zero_hour", "glucose30", "glucose60").rows()
    [('a-00180', 3.0, 114.0, 116.0), ('a-00210', 3.5, 116.0, 118.0), ('a-00240', 4.0, 118.0, None)]
    >>> [(item.count, item.reason) for item in excluded]
    [(6, 'fewer than 180 unbroken minutes of glucose before it'), (1, 'no glucose at the time that is forecast')]
    """
    chosen = origins(readings, EVERY, HISTORY)
    whole = chosen.filter("whole")
    labelled = whole.with_columns(glucose_at(readings, whole, ahead).alias(name) for name, ahead in AHEAD.items()).join(
        people, on="series"
    )
    known = labelled.filter(pl.all_horizontal(pl.col(columns).is_not_null()))
    samples = thinned(known, MOST)
    counts = {
        f"fewer than {HISTORY} unbroken minutes of glucose before it": chosen.height - whole.height,
        "no glucose at the time that is forecast": labelled.height - known.height,
        f"thinned: more than {MOST} forecasts of one person": known.height - samples.height,
    }
    minute = pl.col("minute").round().cast(pl.Int64).cast(pl.String).str.zfill(5)
    table = samples.select(
        pl.concat_str("series", minute, separator="-").alias("sample_id"),
        (pl.col("minute") / 60).alias("zero_hour"),
        pl.exclude("minute", "glucose", "unbroken", "whole"),
    )
    return table, [Exclusion(reason, count) for reason, count in counts.items() if count]
