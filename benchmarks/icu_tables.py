"""MIMIC-IV-shaped tables of any length for ``icu.py``.

5,000 patients, and as many rows of ``labevents`` as are asked for.

The published columns in the published order, gzipped; rows by patient and time; times to the minute. Draws of blood of
eight panels fall from ten days before a patient's first admission to twenty days after it, half of them in the first 72
hours; no item is drawn twice at one moment, since which of two values PyHealth keeps is not defined. Nothing in them is
a patient's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from medkd.cohorts.demo_icu.layout import write_table
from medkd.cohorts.icu.items import items_in
from medkd.cohorts.icu.mimic import ITEMS
from medkd.modalities.labs import Labs

PATIENTS = 5000
AT_ONCE = 500_000
PANELS: tuple[tuple[int, ...], ...] = (
    (50983, 50971, 50902, 50931, 50960, 50868, 50970, 50882, 50912, 51006),
    (50824, 50822, 50806, 50804, 50809, 50808, 50820, 50818, 50821, 50813),
    (51221, 51222, 51265, 51301, 51248, 51249, 51250, 51277, 51279, 52172),
    (51256, 51244, 51254, 51146, 51200, 52069, 52073, 52074, 51133, 52075),
    (50861, 50878, 50863, 50885, 50862, 50954, 50956, 50893, 51237, 51275),
    (51003, 50911, 50910, 50963, 50889, 50852, 50904, 50907, 51000, 50905),
    (51491, 51498, 51484, 51478, 51464, 51514, 51486, 51487, 51492, 51506),
    (52610, 52623, 52535, 52569, 52500, 50964, 51701, 52546, 52647, 50801),
)
SHARES = (0.34, 0.08, 0.26, 0.06, 0.1, 0.04, 0.07, 0.05)
UNITS = ("mEq/L", "mg/dL", "%", "K/uL", "IU/L", "mmol/L")
FIRST_ITEM = 50800
EPOCH = np.datetime64("2150-01-01T00:00", "m")
DAY = 24 * 60


def _levels() -> np.ndarray:
    """An item's usual value, "item" from FIRST_ITEM on.

    Where the item is one of our variables, low within its plausible limits.
    """
    levels = np.arange(2000) % 97 + 3.0
    for item, variable in items_in(ITEMS)["labs"]["labevents"].items():
        limits = Labs.table()[variable.split(" [")[0]]
        if FIRST_ITEM <= int(item) < FIRST_ITEM + len(levels):
            levels[int(item) - FIRST_ITEM] = limits.low + 0.3 * (limits.high - limits.low)
    return levels


LEVELS = _levels()


def write_tables(root: Path, rows: int, seed: int = 0) -> None:
    """Write all tables below ``root``, with about ``rows`` rows of ``labevents`` (to a draw of ten a patient).

    Args:
        root: becomes MIMIC-IV's root, with ``hosp`` and ``icu``.
        rows: of ``labevents``.
        seed: of everything random.
    """
    rng = np.random.default_rng(seed)
    people = _people(rng)
    admissions = _admissions(rng, people)
    write_table(root, "hosp/patients", [people], {"anchor_year": 2150, "anchor_year_group": "2014 - 2016"})
    write_table(root, "hosp/admissions", [admissions], {"admission_type": "EW EMER.", "language": "ENGLISH"})
    unit = "Medical Intensive Care Unit (MICU)"
    stays = admissions.with_columns(
        (pl.col("hadm_id") + 10_000_000).alias("stay_id"),
        (pl.col("admittime") + pl.duration(hours=2)).alias("intime"),
        (pl.col("dischtime") - pl.duration(minutes=30)).alias("outtime"),
    )
    write_table(root, "icu/icustays", [stays], {"first_careunit": unit, "last_careunit": unit})
    numbers = pl.DataFrame({"itemid": [item for panel in PANELS for item in panel]})
    items = numbers.with_columns(pl.format("Item {}", "itemid").alias("label"))
    write_table(root, "hosp/d_labitems", [items], {"fluid": "Blood", "category": "Chemistry"})
    write_table(root, "hosp/labevents", _labs(rng, people, admissions, rows), {"priority": "ROUTINE"})


def _people(rng: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "subject_id": 10_000_000 + np.sort(rng.choice(9_999_999, PATIENTS, replace=False)),
            "gender": rng.choice(["F", "M"], PATIENTS),
            # Some are younger than 18: neither side takes them.
            "anchor_age": rng.integers(15, 92, PATIENTS),
            "first": rng.integers(20, 300, PATIENTS) * DAY + rng.integers(0, DAY, PATIENTS),
        }
    )


def _admissions(rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
    """One or two a patient, the second a week after the first; a tenth ends in death."""
    place = np.sort(np.concatenate([np.arange(PATIENTS), np.flatnonzero(rng.uniform(size=PATIENTS) < 0.3)]))
    second = np.concatenate([[False], place[1:] == place[:-1]])
    start = people["first"].to_numpy()[place] + second * 17 * DAY
    end = start + (DAY * np.clip(rng.lognormal(1.1, 0.7, len(place)), 0.3, 9.5)).astype(np.int64)
    died = rng.uniform(size=len(place)) < 0.1
    discharged = _moments(end)
    return pl.DataFrame(
        {
            "subject_id": people["subject_id"].to_numpy()[place],
            "hadm_id": 20_000_000 + np.arange(len(place)),
            "admittime": _moments(start),
            "dischtime": discharged,
            "deathtime": pl.select(pl.when(pl.Series(died)).then(discharged)).to_series(),
            "hospital_expire_flag": died.astype(np.int64),
        }
    )


def _labs(
    rng: np.random.Generator, people: pl.DataFrame, admissions: pl.DataFrame, rows: int
) -> Iterator[pl.DataFrame]:
    draws = max(round(rows / 10 / PATIENTS), 1)
    spans = admissions.select(
        "subject_id", pl.col("admittime").alias("from"), pl.col("dischtime").alias("to"), "hadm_id"
    )
    count, step = 0, max(AT_ONCE // (draws * 10), 1)
    for first in range(0, PATIENTS, step):
        chunk = people[first : first + step]
        many = (chunk.height, draws)
        spread = np.where(
            rng.uniform(size=many) < 0.5, rng.integers(0, 3 * DAY, many), rng.integers(-10 * DAY, 20 * DAY, many)
        )
        # One minute more a draw: no two of a patient are at one moment.
        at = (np.sort(spread, axis=1) + np.arange(draws) + chunk["first"].to_numpy()[:, None]).ravel()
        blood = pl.DataFrame(
            {
                "subject_id": np.repeat(chunk["subject_id"].to_numpy(), draws),
                "charttime": _moments(at),
                "storetime": _moments(at + rng.integers(15, 240, len(at))),
                "specimen_id": rng.integers(10_000_000, 99_999_999, len(at)),
                "panel": rng.choice(len(PANELS), len(at), p=SHARES),
            }
        ).join_asof(
            spans.sort("subject_id", "from"),
            left_on="charttime",
            right_on="from",
            by="subject_id",
            check_sortedness=False,
        )
        blood = blood.with_columns(
            pl.when(pl.col("charttime") <= pl.col("to")).then(pl.col("hadm_id")).alias("hadm_id")
        )
        part = blood[np.repeat(np.arange(blood.height), 10)]
        item = np.array(PANELS)[blood["panel"].to_numpy()].ravel()
        level = LEVELS[item - FIRST_ITEM]
        value = np.round(rng.uniform(0.9, 1.1, len(item)) * level, 2)
        number = pl.Series(value).set(pl.Series(rng.uniform(size=len(item)) < 0.02), None)
        yield part.with_columns(
            pl.Series("labevent_id", np.arange(count + 1, count + 1 + len(item))),
            pl.Series("itemid", item),
            number.alias("valuenum"),
            number.cast(pl.String).fill_null("___").alias("value"),
            pl.Series("valueuom", np.array(UNITS)[item % len(UNITS)]),
            pl.Series("ref_range_lower", np.round(0.95 * level, 1)),
            pl.Series("ref_range_upper", np.round(1.05 * level, 1)),
            pl.when(number > pl.Series(1.05 * level)).then(pl.lit("abnormal")).alias("flag"),
        )
        count += len(item)


def _moments(minutes: np.ndarray) -> pl.Series:
    return pl.Series((EPOCH + minutes.astype("timedelta64[m]")).astype("datetime64[us]"))
