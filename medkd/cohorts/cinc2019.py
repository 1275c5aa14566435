"""PhysioNet/CinC Challenge 2019: intensive care hour by hour, and the onset of sepsis."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import polars as pl

from medkd.cohorts.icu.derived_variables import age_and_sex
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

VITALS = ("HR", "O2Sat", "Temp", "SBP", "MAP", "DBP", "Resp", "EtCO2")
LABS = (
    *("BaseExcess", "HCO3", "pH", "PaCO2", "SaO2", "AST", "BUN", "Alkalinephos", "Calcium", "Chloride", "Creatinine"),
    *("Bilirubin_direct", "Glucose", "Lactate", "Magnesium", "Phosphate", "Potassium", "Bilirubin_total", "TroponinI"),
    *("Hct", "Hgb", "PTT", "WBC", "Fibrinogen", "Platelets"),
)
NURSING = ("FiO2",)
EARLY = 6
"""Hours by which the published label precedes sepsis."""
SEEN = 12
"""Hours of the stay before its first prediction."""
_COLUMNS = (
    *(*VITALS, *LABS[:2], *NURSING, *LABS[2:]),
    *("Age", "Gender", "Unit1", "Unit2", "HospAdmTime", "ICULOS", "SepsisLabel"),
)


class CinC2019(EventCohort):
    """The Challenge of 2019 as published: ``training_setA`` or ``training_setB`` or both, as folder, .zip or .tar.gz.

    A file is a stay, a row an hour; ICULOS counts the hours since admission to the unit, and the values of row h are
    events at hour h - 1, the hour's beginning. Sepsis begins (Sepsis-3) when infection is suspected or SOFA rises by
    two points, whichever is first, if the rise comes at most 24 h before or 12 h after the suspicion. SepsisLabel is 1
    from six hours before that; so sepsis begins at the first labelled hour + 6. Where the first row already has the
    label, only the latest possible hour is known. Of the first 7,271 stays of set B 400 have sepsis.

    - ``sepsis``: one sample per stay, predicted at hour 12; positive: sepsis begins later in the stay. Left out: sepsis
      at or before hour 12, stays that end before it. Of those 7,271 stays 7,055 are samples, 286 of them positive.
    - ``sepsis6h``: predicted at hour 12 and every six hours while the patient is in the unit and not septic; positive:
      sepsis begins within the next six hours. A view [0:12h] of a sample is the twelve hours before its prediction.

    Age is in years; 100 means "over 89" and is given as 90. Magnesium, lactate and FiO2 are published in mg/dL,
    mmol/L and as a fraction, whatever the Challenge's table of units says. Calcium of about 1 is ionised, in mmol/L,
    and set aside.

    Args:
        root: the folder of one set or both.

    Source: Reyna et al. 2020, doi:10.1097/CCM.0000000000004145; data doi:10.13026/v64v-d857.
    """

    name: ClassVar[str] = "cinc2019"
    marker: ClassVar[str] = "training_setB.zip"
    default_target: ClassVar[str] = "sepsis"
    licence: ClassVar[str] = "CC BY 4.0"

    def __init__(self, root: Path) -> None:
        # Not the base class's check of one marker file: either set is enough, packed or not.
        self.root = Path(root)
        suffixes = ("", ".zip", ".tar.gz", ".tar")
        candidates = [self.root / f"training_set{letter}{suffix}" for letter in "AB" for suffix in suffixes]
        # Reversed, so that of one set in several forms the first suffix counts.
        self._sources = {path.name.split(".")[0]: path for path in reversed(candidates) if path.exists()}
        if not self._sources:
            raise InputError(
                f"{self.root} holds no training_setA or training_setB (.zip, .tar.gz, or a folder)",
                where=f"cohort {self.name}",
                remedy="Give the data set's own folder with --root",
            )

    def targets(self) -> Mapping[str, Target]:
        """``sepsis``, one sample per stay, and ``sepsis6h``, one every six hours."""
        begins = f"sepsis begins {EARLY} h after the first hour whose SepsisLabel is 1"
        return {
            "sepsis": Target(
                "sepsis",
                "binary",
                ("sepsis",),
                ("sepsis later in the stay",),
                rule=f"{begins}; asked at hour {SEEN} of patients who are in the unit and not septic; "
                "positive: it begins later",
                prediction_hour=SEEN,
            ),
            "sepsis6h": Target(
                "sepsis6h",
                "binary",
                ("sepsis6h",),
                (f"sepsis within {EARLY} h",),
                rule=f"{begins}; asked at hour {SEEN} and every {EARLY} h, until then; "
                f"positive: it begins within {EARLY} h",
                prediction_hour=SEEN,
            ),
        }

    def modalities(self) -> Mapping[str, Modality]:
        """``vitals``, ``labs``, ``nursing`` (FiO2): cells of one hour, twelve hours unless the view names others."""
        known = (Vitals(hours=SEEN), Labs(hours=SEEN), Nursing(variables=("fio2",), hours=SEEN))
        return {modality.name: modality for modality in known}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row per stay, for ``sepsis6h`` one every six hours of it."""
        rows, refused = self._rows
        included, unusable = usable(stays(rows))
        table, excluded = {"sepsis": sepsis, "sepsis6h": sepsis6h}[target.key](included)
        unreadable = [Exclusion("file that holds no stay", len(refused))] if refused else []
        return table, [*unreadable, *unusable, *excluded]

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame:
        """The values of each row; vital signs together with age and sex at every sample's hour 0."""
        charted = measurements(self._rows[0], {"vitals": VITALS, "labs": LABS, "nursing": NURSING}[modality]).lazy()
        if modality != "vitals":
            return charted
        return pl.concat([charted, age_and_sex(samples, EARLY).select(charted.collect_schema().names())])

    @cached_property
    def _rows(self) -> tuple[pl.DataFrame, list[str]]:
        """Every hour of every stay, and the names of files without a stay."""
        return read_stay_files(
            [self._sources[name] for name in sorted(self._sources)], ".psv", dict.fromkeys(_COLUMNS, pl.Float64), "|"
        )


def measurements(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Measurements as events: without NaN, published for "not measured"; with null, a word, to be counted later.

    >>> rows = pl.DataFrame(
    ...     {"stay": ["p1", "p1"], "ICULOS": [1.0, 2.0], "HR": [float("nan"), 80.0], "Temp": [36.5, None]}
    ... )
    >>> measurements(rows, ("HR", "Temp")).rows()
    [('p1', 1.0, 'HR', 80.0), ('p1', 0.0, 'Temp', 36.5), ('p1', 1.0, 'Temp', None)]
    """
    return (
        rows.select(pl.col("stay").alias("series"), (pl.col("ICULOS") - 1).alias("hours"), *columns)
        .unpivot(columns, index=["series", "hours"])
        .filter(pl.col("value").is_not_nan().fill_null(True))
    )


def stays(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per stay: its first, last and first labelled hour, ``unreadable``, and age, sex, site.

    ``unreadable``: an hour or a label of the stay cannot be read.

    >>> rows = pl.DataFrame(
    ...     {
    ...         "stay": ["p1"] * 3,
    ...         "ICULOS": [1.0, 2.0, 3.0],
    ...         "SepsisLabel": [0.0, 1.0, 1.0],
    ...         "Age": 100.0,
    ...         "Gender": 1.0,
    ...         "Unit1": float("nan"),
    ...         "Unit2": 1.0,
    ...     }
    ... )
    >>> stays(rows).rows()
    [('p1', 1.0, 3.0, 2.0, False, 90.0, 'male', 'surgical ICU')]
    """
    hour, label, age = pl.col("ICULOS"), pl.col("SepsisLabel"), pl.col("Age").first()
    unreadable = ~(hour >= 1).fill_null(False) | hour.is_nan() | ~label.is_in([0.0, 1.0]).fill_null(False)
    return rows.group_by("stay", maintain_order=True).agg(
        hour.min().alias("first"),
        hour.max().alias("last"),
        hour.filter(label == 1).min().alias("labelled"),
        unreadable.any().alias("unreadable"),
        pl.when(age > 89).then(90.0).otherwise(age.fill_nan(None)).alias("age"),
        pl.col("Gender")
        .first()
        .replace_strict({0.0: "female", 1.0: "male"}, default=None, return_dtype=pl.String)
        .alias("sex"),
        pl.when(pl.col("Unit1").first() == 1)
        .then(pl.lit("medical ICU"))
        .when(pl.col("Unit2").first() == 1)
        .then(pl.lit("surgical ICU"))
        .alias("site"),
    )


def usable(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """Stays whose hours and labels can be read, each once.

    >>> stays = pl.DataFrame(
    ...     {"stay": ["p1", "training_setB.zip/copy/p1.psv#9", "p2"], "unreadable": [False, False, True]}
    ... )
    >>> included, excluded = usable(stays)
    >>> included["stay"].to_list(), [(exclusion.count, exclusion.reason) for exclusion in excluded]
    (['p1'], [(1, 'stay stands in a second file'), (1, 'an hour or a label that cannot be read')])
    """
    repeated = pl.col("stay").str.contains("/", literal=True)
    return exclude(
        stays,
        {"stay stands in a second file": repeated, "an hour or a label that cannot be read": pl.col("unreadable")},
    )


def sepsis(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """One sample per stay of patients who are in the unit at hour 12 and not septic; 1 if sepsis begins later.

    >>> stays = pl.DataFrame(
    ...     {
    ...         "stay": ["p1", "p2", "p3", "p4"],
    ...         "first": 1.0,
    ...         "last": [40.0, 40.0, 9.0, 30.0],
    ...         "labelled": [7.0, 6.0, None, None],
    ...         "age": 60.0,
    ...         "sex": "male",
    ...         "site": None,
    ...     }
    ... )
    >>> samples, excluded = sepsis(stays)
    >>> samples.select("sample_id", "sepsis").rows()
    [('p1', 1.0), ('p4', 0.0)]
    >>> [(exclusion.count, exclusion.reason) for exclusion in excluded]
    [(1, 'sepsis at or before hour 12'), (1, 'stay that ends before hour 12')]
    """
    labelled = pl.col("labelled")
    included, excluded = exclude(
        stays,
        {
            f"sepsis at or before hour {SEEN}": labelled + EARLY <= SEEN,
            _UNKNOWN: labelled == pl.col("first"),
            f"stay that ends before hour {SEEN}": pl.col("last") < SEEN,
            f"no row in the first {SEEN} hours": pl.col("first") > SEEN,
        },
    )
    return included.select(
        pl.col("stay").alias("sample_id"),
        pl.col("stay").alias("subject_id"),
        pl.col("stay").alias("series"),
        *_DESCRIPTION,
        labelled.is_not_null().cast(pl.Float64).alias("sepsis"),
    ), excluded


def sepsis6h(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """A sample every six hours from hour 12, in the unit and not septic; 1 if sepsis begins within six hours.

    A sample's ``zero_hour`` is twelve hours before its prediction. Each stay with sepsis after hour 12 has one positive
    sample, unless it ends before that prediction. Exclusions count stays.

    >>> stays = pl.DataFrame(
    ...     {
    ...         "stay": ["p1", "p2"],
    ...         "first": 1.0,
    ...         "last": [40.0, 11.0],
    ...         "labelled": [14.0, None],
    ...         "age": 60.0,
    ...         "sex": "male",
    ...         "site": None,
    ...     }
    ... )
    >>> samples, excluded = sepsis6h(stays)
    >>> samples.select("sample_id", "subject_id", "zero_hour", "sepsis6h").rows()
    [('p1-12', 'p1', 0.0, 0.0), ('p1-18', 'p1', 6.0, 1.0)]
    >>> [(exclusion.count, exclusion.reason) for exclusion in excluded]
    [(1, 'stay that ends before hour 12')]
    """
    begins = pl.col("labelled") + EARLY
    included, excluded = exclude(
        stays,
        {
            f"sepsis at or before hour {SEEN}": begins <= SEEN,
            _UNKNOWN: pl.col("labelled") == pl.col("first"),
            f"stay that ends before hour {SEEN}": pl.col("last") < SEEN,
        },
    )
    end = pl.min_horizontal(pl.col("last"), begins - 1).cast(pl.Int64) + 1
    hour = pl.col("prediction_hour")
    samples = (
        included.with_columns(pl.int_ranges(SEEN, end, EARLY).alias("prediction_hour"))
        .explode("prediction_hour")
        .filter(hour >= pl.col("first"))
    )
    return samples.select(
        pl.format("{}-{}", "stay", hour).alias("sample_id"),
        pl.col("stay").alias("subject_id"),
        pl.col("stay").alias("series"),
        (hour - SEEN).cast(pl.Float64).alias("zero_hour"),
        *_DESCRIPTION,
        (begins <= hour + EARLY).fill_null(False).cast(pl.Float64).alias("sepsis6h"),
    ), excluded


_DESCRIPTION = ("age", "sex", "site")
_UNKNOWN = "labelled from its first row: when sepsis begins is not known"
