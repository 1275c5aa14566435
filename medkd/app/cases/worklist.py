"""The work list: cases searched, filtered and sorted on the server, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from medkd.app.cases.cases import Cases
from medkd.app.cases.table import ASIDE, OK, abstains
from medkd.errors import InputError, nearest

STATUSES = ("all", "unread", "read by me", "disagree", "abstains", "drifted", "set aside")
"""What a list can be narrowed to. Of other readers' verdicts only those who may see them (``everyone``) find any."""
SORTS = ("case", "uncertainty", "drift", "disagreement")
"""What it can be sorted by, the greatest first but for the case; and, where scores are shown, ``p_cal_<class>``."""
DRIFTED = 1.0
"""Drift above which an input is unlike the training samples: the 99th percentile of theirs."""


class WorkList:
    """Cases with what readers did.

    Args:
        cases: all of them.
        verdicts: ``case_key`` to reader to "read", "agree", "disagree" or "unsure"
            (``medkd.app.storage.reviews.Verdicts.by_case``).
        blinded: of a case that the reader has not read yet, nothing that the model said is in the list, nor decides its
            place or whether it is found.
    """

    def __init__(self, cases: Cases, verdicts: Mapping[str, Mapping[str, str]], *, blinded: bool = False) -> None:
        self.cases = cases
        self.blinded = blinded
        rows = [(key, reader, state) for key, states in verdicts.items() for reader, state in states.items()]
        columns = {"sample_id": pl.String, "reader": pl.String, "state": pl.String}
        self._verdicts = pl.DataFrame(rows, schema=columns, orient="row")
        names = cases.bundle.target.names
        self._scores = [f"p_cal_{name}" for name in names]
        self._said = [column for column in cases.table.columns if column.startswith(("p_", "teacher_", "student_oof_"))]
        self._said += ["set", "uncertainty"]
        pairs = [
            (f"teacher_{name}", f"student_oof_{name}") for name in names if f"teacher_{name}" in cases.table.columns
        ]
        self._apart = (
            pl.max_horizontal([(pl.col(one) - pl.col(other)).abs() for one, other in pairs]) if pairs else pl.lit(None)
        )

    def page(
        self,
        search: str = "",
        status: str = "all",
        sort: str = "case",
        page: int = 1,
        size: int = 50,
        reader: str = "",
        *,
        identifiers: bool = False,
        everyone: bool = False,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the list, and how many cases were found in all.

        Args:
            search: a case's number, or a part of its pseudonym (and of its identifiers, for those who may see them),
                taken literally.
            status: one of ``STATUSES``.
            sort: one of ``SORTS``, or ``p_cal_<class>``.
            page: counted from 1; one past the end is the last.
            size: rows a page.
            reader: who asks.
            identifiers: whether they may see sample_id and subject_id; without, these are None.
            everyone: whether they may see what others wrote; without, only their own counts.

        Returns:
            Rows with the columns of ``Cases.table`` (in blinded mode None where the model must not be shown), ``mine``
                ("" unread,
            "read", "agree", "disagree", "unsure"), ``readers`` and ``disagreeing`` (how many, of those that may be
                seen) and
            ``disagreement``: 1 more for each verdict that disagrees, and the distance between teacher and out-of-fold
                student.

        Raises:
            InputError: there is no such status or order.
        """
        ordered = self._ordered(search, status, sort, reader, identifiers, everyone)
        last = max(1, -(-ordered.height // size))
        rows = ordered.slice((min(max(page, 1), last) - 1) * size, size)
        if not identifiers:
            rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in ("sample_id", "subject_id"))
        return rows.to_dicts(), ordered.height

    def order(
        self,
        search: str = "",
        status: str = "all",
        sort: str = "case",
        reader: str = "",
        *,
        identifiers: bool = False,
        everyone: bool = False,
    ) -> list[int]:
        """The numbers of all cases that are found, in order; asked for as in ``page``."""
        return self._ordered(search, status, sort, reader, identifiers, everyone)["case"].to_list()

    def _ordered(
        self, search: str, status: str, sort: str, reader: str, identifiers: bool, everyone: bool
    ) -> pl.DataFrame:
        if status not in STATUSES:
            raise InputError(f"no status '{status}'", where="status", remedy=nearest(status, STATUSES))
        if sort not in (*SORTS, *self._scores):
            raise InputError(f"no order '{sort}'", where="sort", remedy=nearest(sort, (*SORTS, *self._scores)))
        found = self._of(reader, everyone).filter(_matching(search, identifiers) & _STATUS[status]())
        if sort == "case":
            return found.sort("case")
        return found.sort([pl.col(sort), pl.col("case")], descending=[True, False], nulls_last=True)

    def _of(self, reader: str, everyone: bool) -> pl.DataFrame:
        mine = self._verdicts.filter(pl.col("reader") == reader)
        seen = self._verdicts if everyone else mine
        counts = seen.group_by("sample_id").agg(
            pl.len().cast(pl.Int64).alias("readers"),
            (pl.col("state") == "disagree").sum().cast(pl.Int64).alias("disagreeing"),
        )
        table = (
            self.cases.table.join(mine.select("sample_id", pl.col("state").alias("mine")), on="sample_id", how="left")
            .join(counts, on="sample_id", how="left")
            .with_columns(pl.col("mine").fill_null(""), pl.col("readers", "disagreeing").fill_null(0))
        )
        if self.blinded:
            table = table.with_columns(
                pl.when(pl.col("mine") != "").then(pl.col(name)).alias(name) for name in self._said
            )
        return table.with_columns(
            (pl.col("disagreeing") + self._apart.cast(pl.Float64).fill_null(0.0)).alias("disagreement")
        )


def _matching(search: str, identifiers: bool) -> pl.Expr:
    wanted = search.strip().lower()
    if not wanted:
        return pl.lit(True)
    # A plain number is a case's; within hashes it would find strangers.
    number = wanted.removeprefix("#")
    parts = [*(() if number.isdecimal() else ("pseudonym",)), *(("sample_id", "subject_id") if identifiers else ())]
    within = [pl.col(name).str.to_lowercase().str.contains(wanted, literal=True) for name in parts]
    return pl.any_horizontal(pl.col("case").cast(pl.String) == number, *within)


_STATUS: Mapping[str, Callable[[], pl.Expr]] = {
    "all": lambda: pl.lit(True),
    "unread": lambda: (pl.col("mine") == "") & (pl.col("status") == OK),
    "read by me": lambda: pl.col("mine") != "",
    "disagree": lambda: pl.col("disagreeing") > 0,
    "abstains": abstains,
    "drifted": lambda: pl.col("drift") > DRIFTED,
    "set aside": lambda: pl.col("status") == ASIDE,
}
