"""PhysioNet/CinC Challenge 2012: the first 48 hours of intensive care, one text file per stay."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import polars as pl

from medkd.cohorts.icu.exclusions import exclude
from medkd.cohorts.icu.stay_files import read_stay_files
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.data.events.event_cohort import EventCohort
from medkd.errors import InputError
from medkd.modalities.labs import Labs
from medkd.modalities.nursing import Nursing
from medkd.modalities.vitals import Vitals

SETS = ("a", "b", "c")
UNITS = {1: "coronary care", 2: "cardiac surgery recovery", 3: "medical ICU", 4: "surgical ICU"}
LABS = (
    *("Albumin", "ALP", "ALT", "AST", "Bilirubin", "BUN", "Cholesterol", "Creatinine", "Glucose", "HCO3", "HCT"),
    *("K", "Lactate", "Mg", "Na", "PaCO2", "PaO2", "pH", "Platelets", "SaO2", "TroponinI", "TroponinT", "WBC"),
)
NURSING = ("FiO2", "GCS", "Height", "MechVent", "Urine", "Weight")
_COLUMNS = {"Time": pl.String, "Parameter": pl.String, "Value": pl.Float64}
_OUTCOMES = ("RecordID", "Length_of_stay", "In-hospital_death")
_DESCRIPTORS = ("RecordID", "Age", "Gender", "ICUType", "Height", "Weight")


class CinC2012(EventCohort):
    """The Challenge of 2012 as published: ``Outcomes-a.txt`` with ``set-a.tar.gz`` (or .zip, or a folder).

    Sets b and c are used where they exist. Only stays of adults that lasted 48 hours or longer were published, so none
    is left out for its length. A RecordID is a stay's; no person's is published, so each stay counts as a subject. Set
    A has 4,000 stays, 554 of them with a death in hospital; three, of survivors, have no measurement and are left out.
    -1 means "missing" for a descriptor and for a weight. Times are hours and minutes from admission to the unit. Age
    and sex are also events at hour 0; ages above 90 are published as 90.

    - ``mortality_24h``: died in this hospital stay; predicted at hour 24. ``mortality_48h``: the same at hour 48, as in
      the Challenge.
    - ``length_of_stay``: days from admission to the unit to the end of the hospital stay; predicted at hour 24.

    Magnesium is published as mmol/L, but its values (median 2.0) are mg/dL and are read as such.

    Source: Silva et al. 2012, Computing in Cardiology 39:245; data https://physionet.org/content/challenge-2012/1.0.0/.
    """

    name: ClassVar[str] = "cinc2012"
    marker: ClassVar[str] = "Outcomes-a.txt"
    default_target: ClassVar[str] = "mortality_24h"
    licence: ClassVar[str] = "ODC-BY 1.0"

    def targets(self) -> Mapping[str, Target]:
        """``mortality_24h`` at 24 hours, ``mortality_48h``, and ``length_of_stay``."""
        died = "In-hospital_death is 1 in Outcomes-*.txt"
        stayed = "Length_of_stay in Outcomes-*.txt, days; unlabelled where it is -1"
        return {
            "mortality_24h": Target(
                "mortality_24h", "binary", ("died",), ("death in hospital",), rule=died, prediction_hour=24
            ),
            "mortality_48h": Target(
                "mortality_48h", "binary", ("died",), ("death in hospital",), rule=died, prediction_hour=48
            ),
            "length_of_stay": Target(
                "length_of_stay", "regression", ("days",), units="days", rule=stayed, prediction_hour=24
            ),
        }

    def modalities(self) -> Mapping[str, Modality]:
        """``vitals``, ``labs``, ``nursing``: cells of one hour, 24 hours unless the view names others."""
        return {"vitals": Vitals(), "labs": Labs(), "nursing": Nursing()}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row per stay; a stay whose outcome was not published has no label."""
        outcomes, repeated = exclude(
            self._outcomes, {"second outcome of a RecordID": ~pl.col("RecordID").is_first_distinct()}
        )
        table, unusable = usable(described(self._rows), labels(outcomes))
        refused = [Exclusion("file that holds no stay", len(self._refused))] if self._refused else []
        samples = table.select(
            sample_id="RecordID",
            subject_id="RecordID",
            series="stay",
            age="Age",
            sex=pl.col("Gender").replace_strict({0: "female", 1: "male"}, default=None, return_dtype=pl.String),
            site=pl.col("ICUType").replace_strict(UNITS, default=None, return_dtype=pl.String),
            died="died",
            days="days",
        )
        return samples, [*refused, *repeated, *unusable]

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame:
        """Measurements by their published names; vital signs are those of no other modality."""
        name = pl.col("variable")
        wanted = {"labs": name.is_in(LABS), "nursing": name.is_in(NURSING)}
        return measurements(self._rows).lazy().filter(wanted.get(modality, ~name.is_in((*LABS, *NURSING))))

    @cached_property
    def _outcomes(self) -> pl.DataFrame:
        """The published outcomes of all sets that exist."""
        files = [self.root / f"Outcomes-{letter}.txt" for letter in SETS]
        return pl.concat([_read_outcomes(file) for file in files if file.is_file()])

    @cached_property
    def _read(self) -> tuple[pl.DataFrame, list[str]]:
        """Every line of every stay's file, and the names of files without a stay."""
        sources = [self._source(letter) for letter in SETS if (self.root / f"Outcomes-{letter}.txt").is_file()]
        lines, refused = read_stay_files([source for source in sources if source is not None], ".txt", _COLUMNS)
        return timed(lines), refused

    @property
    def _rows(self) -> pl.DataFrame:
        return self._read[0]

    @property
    def _refused(self) -> list[str]:
        return self._read[1]

    def _source(self, letter: str) -> Path | None:
        """The folder or archive of a set."""
        for suffix in ("", ".tar.gz", ".zip", ".tar"):
            if (source := self.root / f"set-{letter}{suffix}").exists():
                return source
        if letter == SETS[0]:
            raise InputError(
                f"{self.root} holds no set-a.tar.gz",
                where=f"cohort {self.name}",
                remedy=f"Copy it beside {self.marker}",
            )
        return None


def timed(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines of the files with ``hours`` in place of the published hours and minutes; null where they have another form.

    >>> lines = pl.DataFrame(
    ...     {"stay": ["7", "7"], "Time": ["24:30", "soon"], "Parameter": ["HR", "HR"], "Value": [80.0, 81.0]}
    ... )
    >>> timed(lines).rows()
    [('7', 24.5, 'HR', 80.0), ('7', None, 'HR', 81.0)]
    """
    hour, minute = (pl.col("Time").str.extract(r"^(\d+):(\d\d)$", group).cast(pl.Float64) for group in (1, 2))
    return lines.select(
        "stay",
        (hour + minute / 60).alias("hours"),
        pl.col("Parameter").alias("variable"),
        pl.col("Value").alias("value"),
    )


def described(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per file: the stay's descriptors (-1 is null) and whether anything was measured.

    A file without a RecordID gets its own name as one.

    >>> rows = pl.DataFrame({"stay": ["7", "7", "8"], "variable": ["Age", "HR", "Gender"], "value": [54.0, 88.0, -1.0]})
    >>> described(rows).select("stay", "RecordID", "Age", "Gender", "measured").rows()
    [('7', '7', 54.0, None, True), ('8', '8', None, None, False)]
    """
    name, value = pl.col("variable"), pl.col("value")
    descriptors = [
        value.filter((name == column) & (value != -1)).first().alias(column)
        for column in ("RecordID", "Age", "Gender", "ICUType")
    ]
    measured = (~name.is_in(_DESCRIPTORS)).any().alias("measured")
    number = pl.col("RecordID").cast(pl.Int64).cast(pl.String)
    return (
        rows.group_by("stay", maintain_order=True)
        .agg(*descriptors, measured)
        .with_columns(pl.coalesce(number, "stay").alias("RecordID"))
    )


def usable(stays: pl.DataFrame, outcomes: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """Stays with a measurement, each once, with their labels: null where no outcome was published.

    >>> stays = pl.DataFrame(
    ...     {"stay": ["7", "7 (2)", "8"], "RecordID": ["7", "7", "8"], "measured": [True, True, False]}
    ... )
    >>> outcomes = pl.DataFrame({"RecordID": ["7", "9"], "Length_of_stay": [5, 6], "In-hospital_death": [0, 1]})
    >>> included, excluded = usable(stays, labels(outcomes))
    >>> included.select("stay", "died", "days").rows()
    [('7', 0.0, 5.0)]
    >>> [(exclusion.count, exclusion.reason) for exclusion in excluded]
    [(1, 'RecordID stands in a second file'), (1, 'no measurement'), (1, 'outcome without a file')]
    """
    included, excluded = exclude(
        stays,
        {
            "RecordID stands in a second file": ~pl.col("RecordID").is_first_distinct(),
            "no measurement": ~pl.col("measured"),
        },
    )
    if without := outcomes.join(stays, on="RecordID", how="anti").height:
        excluded.append(Exclusion("outcome without a file", without))
    return included.join(outcomes, on="RecordID", how="left", maintain_order="left"), excluded


def measurements(rows: pl.DataFrame) -> pl.DataFrame:
    """Events of all stays, without RecordID and ICUType, and without -1, which is published for "missing".

    >>> rows = pl.DataFrame(
    ...     {
    ...         "stay": "7",
    ...         "hours": [0.0, 0.0, 0.1],
    ...         "variable": ["ICUType", "Weight", "MAP"],
    ...         "value": [4.0, -1.0, 71.0],
    ...     }
    ... )
    >>> measurements(rows).rows()
    [('7', 0.1, 'abp_mean', 71.0)]
    """
    is_measurement = ~pl.col("variable").is_in(["RecordID", "ICUType"]) & (pl.col("value") != -1).fill_null(True)
    # MAP is of an arterial line here; elsewhere it is any mean pressure.
    return rows.filter(is_measurement).select(
        pl.col("stay").alias("series"), "hours", pl.col("variable").replace({"MAP": "abp_mean"}), "value"
    )


def labels(outcomes: pl.DataFrame) -> pl.DataFrame:
    """Death in hospital, and days in hospital: null where published as -1.

    >>> labels(pl.DataFrame({"RecordID": ["7", "8"], "Length_of_stay": [5, -1], "In-hospital_death": [0, 1]})).rows()
    [('7', 0.0, 5.0), ('8', 1.0, None)]
    """
    days = pl.col("Length_of_stay")
    return outcomes.select(
        "RecordID",
        died=pl.col("In-hospital_death").cast(pl.Float64),
        days=pl.when(days >= 0).then(days.cast(pl.Float64)),
    )


def _read_outcomes(file: Path) -> pl.DataFrame:
    try:
        table = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{file.name} is not a readable CSV", where=file.parent, remedy="Copy the published file again"
        ) from error
    for column in _OUTCOMES:
        if column not in table.columns:
            raise InputError(
                f"{file.name} has no column '{column}'", where=file.parent, remedy="Use the file as published"
            )
    try:
        return table.select(
            pl.col("RecordID").str.strip_chars(), pl.col(_OUTCOMES[1:]).str.strip_chars().cast(pl.Int64)
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{file.name} holds a word where a number belongs",
            where=file.parent,
            remedy=f"Correct {', '.join(_OUTCOMES[1:])}",
        ) from error
