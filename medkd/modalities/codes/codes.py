"""Codes of diagnoses as a modality: their groups, or the codes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.modality import Modality, Traits
from medkd.data.core.sample import Exclusion
from medkd.data.core.view import Part
from medkd.data.events.events import Events, read_events, series_of, write_events
from medkd.errors import InputError, nearest
from medkd.modalities.codes.ccs import read_ccs
from medkd.modalities.codes.chapters import CHAPTERS, ICD9, ICD10, chapter, spelled
from medkd.modalities.codes.code_numbers import halves

CCS = {ICD9: "ccs_single_dx_tool_2015.csv.gz", ICD10: "ccs_dx_icd10cm_2019_1.csv.gz"}
"""The published single-level groups of each system; their numbers mean the same in both."""


@dataclass(frozen=True)
class Codes(Modality):
    """A sample's diagnoses, as far as they were known when the window ends; codes of the past count, too.

    Codes are billed after discharge: a view [0:24h] shows those of earlier stays. A code that does not exist (with
    ``ccs``: that is in no group; without: that is not spelt as a code) is set aside and counted.

    Args:
        form: "groups": the groups of the diagnoses. "list": the codes themselves, as numbers (``code_numbers``), for
            comparing patients along a tree.
        length: codes of a list, at most; the first in the order of the alphabet are used.
        ccs: folder of the published CCS tables, for their few hundred groups; "" for the twenty chapters that ICD-9-CM
            and ICD-10-CM share, for which no file is needed.

    >>> Codes().shape(Part("codes")), Codes().shape(Part("codes", ("circulatory",)))
    ((20,), (1,))
    """

    name: ClassVar[str] = "codes"
    # A sample whose codes are not known is absent, not healthy; patients share their groups with others.
    traits: ClassVar[Traits] = Traits(partial=True, identifying=False, measured=False)
    form: Literal["groups", "list"] = "groups"
    length: int = 40
    ccs: str = ""

    def __post_init__(self) -> None:
        if self.form not in ("groups", "list") or self.length < 1:
            raise InputError(
                f"form {self.form}, length {self.length}",
                where=self.name,
                remedy="Give groups or list, and a length of 1",
            )

    def groups(self) -> Sequence[str]:
        """Names of all groups, in their order."""
        return list(dict.fromkeys(_ccs_groups(Path(self.ccs)).values())) if self.ccs else list(CHAPTERS)

    def group_of(self, code: str) -> str | None:
        """The group of a code such as ``ICD9:428.0``; None of one that does not exist."""
        if not self.ccs:
            return chapter(code)
        parts = spelled(code)
        return None if parts is None else _ccs_groups(Path(self.ccs)).get(":".join(parts))

    def names(self, part: Part) -> tuple[str, ...]:
        """The groups that a part shows.

        Raises:
            InputError: it names a group that does not exist.
        """
        known = self.groups()
        for name in part.selector:
            if name not in known:
                raise InputError(f"{self.name} has no group '{name}'", where=str(part), remedy=nearest(name, known))
        return part.selector or tuple(known)

    def shape(self, part: Part) -> tuple[int, ...]:
        """Groups; for a list 2 (halves of the numbers) and ``length``."""
        names = self.names(part)
        return (2, self.length) if self.form == "list" else (len(names),)

    def read(self, row: Mapping[str, Any], root: Path) -> Events:
        """Codes of the sample's series and the hours at which they were known; values are 1."""
        return read_events(root / str(row[self.name]), *series_of(row))

    def select(self, raw: Events, part: Part) -> Events:
        """Codes known before the window ends; as groups, those that the part names, in its order."""
        known = raw.within(-np.inf, part.window[1] if part.window else np.inf)
        names = self.names(part)
        index_of = {name: index for index, name in enumerate(names)}
        group = np.array(
            [index_of.get(self.group_of(raw.variables[code]) or "", -1) for code in known.variable], dtype=np.int64
        )
        if self.form == "groups":
            return replace(known, variable=group, variables=names)
        shown = group >= 0
        return replace(known, hours=known.hours[shown], variable=known.variable[shown], value=known.value[shown])

    def prepare(self, raw: Events) -> NDArray[np.float32]:
        """1 for each group with a code, else 0, "group"; or codes as numbers, "half code"; NaN is not known."""
        if self.form == "list":
            numbers = np.full((2, self.length), np.nan, np.float32)
            codes = sorted({raw.variables[code] for code in raw.variable})[: self.length]
            for index, code in enumerate(codes):
                numbers[:, index] = halves(code)
            return numbers
        shown = np.zeros(len(raw.variables), np.float32)
        if not len(raw.variable):
            return shown * np.nan
        shown[raw.variable[raw.variable >= 0]] = 1.0
        return shown

    def extract(self, events: pl.LazyFrame, folder: Path) -> tuple[dict[str, str], list[Exclusion]]:
        """Write codes that exist below ``folder``: the file of each series, and counts of codes set aside, by reason.

        Args:
            events: ``series``, ``hours``, ``variable`` (``ICD9:4280``, ``ICD10:I50.23``).
            folder: what the returned paths are relative to.
        """
        given = events.select("series", "hours", pl.col("variable").cast(pl.String)).collect(engine="streaming")
        named = {
            code: _named(code) for code in given["variable"].drop_nulls().unique() if self.group_of(code) is not None
        }
        told = given.with_columns(
            pl.col("variable").replace_strict(named, default=None, return_dtype=pl.String).alias("code"),
            pl.lit(1.0).alias("value"),
        )
        flaw = (
            pl.when(pl.col("code").is_null())
            .then(pl.lit("no such code"))
            .when(pl.col("hours").is_null())
            .then(pl.lit("no time"))
            .otherwise(None)
        )
        flaws = told.group_by(flaw.alias("flaw")).len().drop_nulls().sort("flaw")
        kept = told.lazy().select("series", "hours", pl.col("code").alias("variable"), "value")
        return write_events(kept, folder, self.name), [
            Exclusion(f"{self.name}: {reason}", count) for reason, count in flaws.iter_rows()
        ]


def _named(code: str) -> str:
    parts = spelled(code)
    return code if parts is None else ":".join(parts)


@cache
def _ccs_groups(folder: Path) -> Mapping[str, str]:
    """Code with its system → the title of its group, groups in the order of their numbers."""
    tables = [
        read_ccs(folder / name).with_columns(pl.format("{}:{}", pl.lit(system), pl.col("code")).alias("code"))
        for system, name in CCS.items()
    ]
    number = pl.col("group").cast(pl.Int64)
    first = {row[0]: row[1] for row in tables[0].select("group", "title").unique("group", keep="first").iter_rows()}
    rows = (
        pl.concat([table.select("code", "group", "title") for table in tables])
        .filter(number > 0)
        .sort(number, maintain_order=True)
    )
    return {code: first.get(group, title) for code, group, title in rows.iter_rows()}
