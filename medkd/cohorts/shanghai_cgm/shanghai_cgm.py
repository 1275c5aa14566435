"""ShanghaiT1DM and ShanghaiT2DM: 125 sensor recordings of 112 people with diabetes, with insulin and food."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar

import polars as pl

from medkd.cohorts.glucose_forecast import GlucoseForecast
from medkd.cohorts.shanghai_cgm.diet_text import eaten
from medkd.cohorts.shanghai_cgm.insulin_text import injected, pumped
from medkd.data.core.modality import Modality
from medkd.data.io.archive import read_members
from medkd.data.io.moments import read_moments
from medkd.errors import InputError
from medkd.modalities.cgm import CGM
from medkd.modalities.cgm.cgm import sensor_reading
from medkd.modalities.insulin import Insulin
from medkd.modalities.meals import Meals

COLUMNS: Mapping[str, str | tuple[str, ...]] = {
    "date": "Date",
    "glucose": "CGM",
    "english": "Dietary intake",
    "chinese": ("饮食", "进食量"),
    "injected": "Insulin dose - s.c.",
    "bolus": "CSII - bolus insulin",
    "rate": "CSII - basal insulin",
    "infused": "Insulin dose - i.v.",
}
"""Our name → how the published column begins."""


class ShanghaiCGM(GlucoseForecast):
    """The Shanghai data set as one zip of CSV files, ``Shanghai_T1DM/1001_0_20210730.csv``: patient, recording, day.

    A recording's sensor writes every 15 minutes. An insulin log with a dose anywhere, and a food log with a weighed
    meal anywhere, count as kept: times without an entry are zero. In other logs nothing is known at any time. A meal
    written as "data not available" counts as eaten and not weighed.

    On our copy: 125 recordings (T1DM 16 of 12 people, T2DM 109 of 100), 128,157 readings.

    Source: Zhao et al. 2023, doi:10.1038/s41597-023-01940-7; data doi:10.6084/m9.figshare.21600933, of which this is a
    conversion of the .xls and .xlsx files to CSV.
    """

    name: ClassVar[str] = "shanghai_cgm"
    marker: ClassVar[str] = "shanghai_T1DM_T2DM_csv.zip"
    default_target: ClassVar[str] = "glucose60"
    licence: ClassVar[str] = "CC BY 4.0"

    def modalities(self) -> Mapping[str, Modality]:
        """``cgm`` and what was logged: ``insulin`` and ``meals``."""
        return {"cgm": CGM(step=0.25), "insulin": Insulin(), "meals": Meals()}

    @cached_property
    def published(self) -> pl.DataFrame:
        """All recordings as published: ``series``, ``diabetes``, ``time`` (null: cannot be read), our columns."""
        parts = list(_recordings(self.root / self.marker))
        if not parts:
            raise InputError("holds no recording", where=self.marker, remedy="Use the file as published")
        return pl.concat(parts)

    @cached_property
    def rows(self) -> pl.DataFrame:
        """All recordings, one row per 15 minutes: ``series``, ``diabetes``, ``minute``, our columns."""
        start = pl.col("time").min().over("series")
        timed = self.published.with_columns(((pl.col("time") - start).dt.total_seconds() / 60).alias("minute"))
        return (
            timed.drop_nulls("minute")
            .sort("series", "minute")
            .unique(["series", "minute"], keep="first", maintain_order=True)
        )

    def readings(self) -> pl.DataFrame:
        """Every reading of the sensor."""
        return self.rows.select("series", "minute", sensor_reading(pl.col("glucose")).alias("glucose")).drop_nulls()

    def recordings(self) -> pl.Series:
        """Every recording of the zip."""
        return self.published["series"].unique(maintain_order=True)

    def set_aside(self) -> dict[str, pl.DataFrame]:
        """Rows that are no reading, by reason; a row without an entry in the sensor's column is none."""
        entered = self.published.filter(pl.col("glucose").str.strip_chars() != "")
        timed, known = pl.col("time").is_not_null(), sensor_reading(pl.col("glucose")).is_not_null()
        return {
            "no time": entered.filter(~timed & known),
            "no number": entered.filter(~known),
            "second reading at one time": entered.filter(
                timed & known & ~pl.struct("series", "time").is_first_distinct()
            ),
        }

    def people(self) -> pl.DataFrame:
        """Patients by the number that a recording's name begins with; ``diabetes`` is T1DM or T2DM."""
        return self.rows.group_by("series", maintain_order=True).agg(
            pl.col("series").first().str.split("_").list.first().alias("subject_id"),
            pl.col("diabetes").first(),
        )

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame | None:
        """Readings, doses or meals of all recordings."""
        if modality == "cgm":
            table = self.readings().select("series", "minute", variable=pl.lit("glucose"), value="glucose")
        else:
            entries, known = (self.doses(), Insulin.table()) if modality == "insulin" else (self.meals(), Meals.table())
            table = _with_zeros(entries, self.rows, tuple(known))
        return table.lazy().select("series", (pl.col("minute") / 60).alias("hours"), "variable", "value")

    def doses(self) -> pl.DataFrame:
        """Every dose of each recording that has one."""
        time = ["series", "minute"]
        bolus = self.rows.select(
            *time, pl.lit("bolus").alias("variable"), pl.col("bolus").cast(pl.Float64, strict=False).alias("value")
        )
        parts = [
            injected(self.rows.select(*time, "injected"), "injected"),
            injected(self.rows.select(*time, "infused"), "infused"),
        ]
        doses = pl.concat([*parts, bolus.drop_nulls(), pumped(self.rows.select(*time, "rate"), "rate")])
        return doses.filter((pl.col("value") > 0).any().over("series"))

    def meals(self) -> pl.DataFrame:
        """Every meal of each recording that has one of known mass."""
        meals = eaten(self.rows.select("series", "minute", "english", "chinese"), "english", "chinese")
        return meals.filter((pl.col("variable") == "mass").any().over("series"))


def _with_zeros(entries: pl.DataFrame, rows: pl.DataFrame, variables: tuple[str, ...]) -> pl.DataFrame:
    """The entries, and zeros at every row of each recording with entries, for each variable of any recording.

    >>> entries = pl.DataFrame({"series": ["a"], "minute": [0.0], "variable": ["mass"], "value": [50.0]})
    >>> rows = pl.DataFrame({"series": ["a", "b"], "minute": [0.0, 0.0]})
    >>> _with_zeros(entries, rows, ("mass", "carbs")).rows()
    [('a', 0.0, 'mass', 50.0), ('a', 0.0, 'mass', 0.0)]
    """
    logged = rows.select("series", "minute").join(entries.select("series").unique(), on="series", how="semi")
    recorded = [name for name in variables if name in entries["variable"].unique()]
    zeros = logged.join(pl.DataFrame({"variable": recorded}, schema={"variable": pl.String}), how="cross").with_columns(
        value=pl.lit(0.0)
    )
    return pl.concat([entries.select(zeros.columns), zeros])


def _recordings(path: Path) -> list[pl.DataFrame]:
    """Each recording of the zip, all columns but the time as text."""
    members = sorted(member for member in read_members(path, ".csv") if not member[0].startswith("__MACOSX/"))
    return [_recording(PurePosixPath(name), content) for name, content in members]


def _recording(name: PurePosixPath, content: bytes) -> pl.DataFrame:
    try:
        table = pl.read_csv(content, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError("is not a readable CSV", where=name.name, remedy="Copy the published file again") from error
    columns = {ours: _column(table, begins, name.name) for ours, begins in COLUMNS.items()}
    kind = name.parent.name.removeprefix("Shanghai_")
    return table.select(
        pl.lit(name.stem).alias("series"),
        pl.lit(kind).alias("diabetes"),
        **{ours: pl.col(published) for ours, published in columns.items() if ours != "date"},
        time=read_moments(table[columns["date"]], name.name),
    )


def _column(table: pl.DataFrame, begins: str | tuple[str, ...], where: str) -> str:
    for column in table.columns:
        if column.strip().startswith(begins):
            return column
    wanted = begins if isinstance(begins, str) else begins[0]
    raise InputError(f"has no column '{wanted}'", where=where, remedy="Use the file as published")
