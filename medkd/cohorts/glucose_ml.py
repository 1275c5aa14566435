"""Glucose-ML: six open sets of sensor glucose in one form, without insulin and food."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import ClassVar

import polars as pl

from medkd.cohorts.glucose_forecast import GlucoseForecast
from medkd.data.core.modality import Modality
from medkd.data.io.archive import read_members
from medkd.data.io.moments import read_moments
from medkd.errors import InputError
from medkd.modalities.cgm import CGM
from medkd.modalities.cgm.cgm import sensor_reading

ENDING = "-from-Glucose-ML.zip"
_COLUMNS = ("timestamp", "glucose_value_mg_dl")


class GlucoseML(GlucoseForecast):
    """The zips of the Glucose-ML collection in the folder, such as ``AZT1D-from-Glucose-ML.zip``; one CSV per person.

    Sensors write every 5 or every 15 minutes; the series is made of steps of 5, so the slower ones are bridged (see
    ``CGM``). "Low" is 40 mg/dL (Hall 2018 has nine). HUPA-UCM's publisher interpolated readings 15 minutes apart to 5:
    two values of three depend on the next reading, up to ten minutes ahead, and forecasts there look better
    than they are. Where a set gives the time of day alone (Colas 2019), a clock that goes back has passed midnight.
    ``site`` is the set; age, sex and kind of diabetes come from its metadata (an age as a range is left out). Of
    several readings at one time the first is used.

    On our copy, all six: AZT1D 25 people and 290,392 readings, BIG IDEAs 16 and 36,898, Colas 2019 208 and 114,253,
    D1NAMO 9 and 8,055, Hall 2018 57 and 105,426, HUPA-UCM 25 and 309,392.

    Source: Glucose-ML, github.com/Augmented-Health-Lab/Glucose-ML-Project; each set keeps its own licence.
    """

    name: ClassVar[str] = "glucose_ml"
    marker: ClassVar[str] = f"AZT1D{ENDING}"
    default_target: ClassVar[str] = "glucose60"
    licence: ClassVar[str] = "AZT1D, HUPA-UCM, Colas, Hall: CC BY 4.0; BIG IDEAs: ODC-BY 1.0; D1NAMO: CC BY-SA 4.0"

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.sets = sorted(self.root.glob(f"*{ENDING}"))
        if not self.sets:
            # Raises: the marker is missing.
            super().__init__(root)

    def modalities(self) -> Mapping[str, Modality]:
        """``cgm`` alone."""
        return {"cgm": CGM()}

    @cached_property
    def published(self) -> pl.DataFrame:
        """All sets as published: ``series``, ``second`` (null: cannot be read), ``glucose`` (null) and its ``text``."""
        return pl.concat([part for path in self.sets for part in _people(path)])

    @cached_property
    def rows(self) -> pl.DataFrame:
        """All sets: ``series``, ``minute`` from its first reading, ``glucose``; ordered, each minute once."""
        start = pl.col("second").min().over("series")
        usable = self.published.select("series", "second", "glucose").drop_nulls()
        timed = usable.select("series", "glucose", minute=(pl.col("second") - start) / 60)
        return timed.sort("series", "minute").unique(["series", "minute"], keep="first", maintain_order=True)

    def readings(self) -> pl.DataFrame:
        """Every reading of every set."""
        return self.rows

    def recordings(self) -> pl.Series:
        """Every person of every set, with readings or without."""
        return self.published["series"].unique(maintain_order=True)

    def set_aside(self) -> dict[str, pl.DataFrame]:
        """Rows that are no reading, by reason."""
        timed, known = pl.col("second").is_not_null(), pl.col("glucose").is_not_null()
        empty = pl.col("text").is_null() | (pl.col("text") == "")
        readings = self.published.filter(timed & known)
        return {
            "no time": self.published.filter(~timed & known),
            "no number": self.published.filter(~known & ~empty),
            "second reading at one time": readings.filter(~pl.struct("series", "second").is_first_distinct()),
        }

    def people(self) -> pl.DataFrame:
        """One recording per person: ``subject_id``, ``site`` (the set), and age, sex, diabetes where published."""
        series = self.rows.select(pl.col("series").unique(maintain_order=True)).with_columns(
            subject_id="series", site=pl.col("series").str.split("/").list.first()
        )
        known = pl.concat([_metadata(path) for path in self.sets])
        return series.join(known, on="series", how="left")

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame | None:
        """Every reading."""
        hours = (pl.col("minute") / 60).alias("hours")
        return self.rows.lazy().select(
            "series", hours, pl.lit("glucose").alias("variable"), pl.col("glucose").alias("value")
        )


def _set(path: Path) -> str:
    return path.name.removesuffix(ENDING)


def _series(path: Path, person: str) -> str:
    """Colas 2019 writes "case  142", with two blanks."""
    return f"{_set(path)}/{' '.join(person.split())}"


def _people(path: Path) -> list[pl.DataFrame]:
    """Each person's rows: ``series``, ``second``, ``glucose``, ``text``."""
    return [
        _readings(_series(path, name.stem), content, name.name)
        for name, content in _members(path)
        if not _is_metadata(name)
    ]


def _members(path: Path) -> list[tuple[PurePosixPath, bytes]]:
    members = sorted(member for member in read_members(path, ".csv") if not member[0].startswith("__MACOSX/"))
    return [(PurePosixPath(name), content) for name, content in members]


def _is_metadata(name: PurePosixPath) -> bool:
    return name.stem.endswith("-metadata")


def _table(content: bytes, columns: tuple[str, ...], where: str) -> pl.DataFrame:
    try:
        table = pl.read_csv(BytesIO(content), infer_schema=False, encoding="utf8-lossy")
    except pl.exceptions.PolarsError as error:
        raise InputError("is not a readable CSV", where=where, remedy="Copy the published file again") from error
    table = table.rename(lambda name: name.strip("\ufeff "))
    for column in columns:
        if column not in table.columns:
            raise InputError(f"has no column '{column}'", where=where, remedy="Use the file as published")
    return table


def _readings(series: str, content: bytes, where: str) -> pl.DataFrame:
    table = _table(content, _COLUMNS, where)
    if table.is_empty():
        # A person without a row is counted as one without a reading.
        table = table.clear(1)
    return table.select(
        pl.lit(series).alias("series"),
        seconds(table["timestamp"], where).alias("second"),
        sensor_reading(pl.col(_COLUMNS[1])).alias("glucose"),
        pl.col(_COLUMNS[1]).str.strip_chars().alias("text"),
    )


def seconds(text: pl.Series, where: str = "") -> pl.Series:
    """Seconds of a column of timestamps; of times of day, counted on past midnight.

    Args:
        text: timestamps, all in one form, see ``medkd.data.io.moments``.
        where: file, for the message.

    Raises:
        InputError: the form cannot be told.

    >>> (seconds(pl.Series(["2020-01-01 00:00:05", "2020-01-01T00:00:06", "soon"])) - 1577836800).to_list()
    [5, 6, None]
    >>> seconds(pl.Series(["23:58:00", "00:03:00"])).to_list()
    [86280, 86580]
    """
    text = text.str.strip_chars().replace("", None)
    clock = text.str.to_time("%H:%M:%S", strict=False).cast(pl.Int64) // 1_000_000_000
    clock = clock + 86400 * (clock.diff() < 0).fill_null(value=False).cum_sum()
    dated = pl.select(pl.when(clock.is_null()).then(text)).to_series()
    return read_moments(dated, where).dt.epoch("s").zip_with(clock.is_null(), clock)


def _metadata(path: Path) -> pl.DataFrame:
    """``series``, ``age`` (years), ``sex``, ``diabetes``; empty where a set has none."""
    beside = path.with_name(f"{_set(path)}-metadata.csv")
    inside = [content for name, content in _members(path) if _is_metadata(name)]
    schema = {"series": pl.String, "age": pl.Float64, "sex": pl.String, "diabetes": pl.String}
    if not inside and not beside.is_file():
        return pl.DataFrame(schema=schema)
    table = _table(
        inside[0] if inside else beside.read_bytes(), ("person_id", "age", "gender", "diabetes_type"), beside.name
    )
    sex = pl.col("gender").str.to_lowercase().replace_strict({"female": "female", "male": "male"}, default=None)
    person = pl.col("person_id").str.strip_chars().str.replace_all(r"\s+", " ")
    return table.select(
        pl.concat_str(pl.lit(f"{_set(path)}/"), person).alias("series"),
        pl.col("age").cast(pl.Float64, strict=False),
        sex.alias("sex"),
        pl.col("diabetes_type").alias("diabetes"),
    ).cast(schema)  # type: ignore[arg-type]
