"""Work list: cases searched, filtered, sorted and paged on the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from medkd.app.cases.cases import Cases
from medkd.app.cases.table import OK, SET_ASIDE, abstains
from medkd.errors import InputError, nearest

STATUSES = ("all", "unread", "read by me", "disagree", "abstains", "drifted", "set aside")
"""Filters. "disagree" counts other readers' verdicts only for accounts that may see them (``everyone``)."""
SORTS = ("case", "uncertainty", "drift", "disagreement")
"""Sort keys beside ``p_cal_<class>``; all but the case number sort in descending order."""
DRIFTED = 1.0
"""Drift above which an input is unlike the training samples: their 99th percentile."""


class Worklist:
    """Cases with the readers' progress.

    Args:
        progress: ``case_key`` to reader to "read", "agree", "disagree" or "unsure"
            (``medkd.app.storage.reviews.Reviews.progress_by_case``).
        blinded: while the reader has not read a case, the list does not contain the model's output for it, and neither
            order nor filter depends on that output.
    """

    def __init__(self, cases: Cases, progress: Mapping[str, Mapping[str, str]], *, blinded: bool = False) -> None:
        self.cases = cases
        self.blinded = blinded
        rows = [(key, reader, state) for key, states in progress.items() for reader, state in states.items()]
        columns = {"sample_id": pl.String, "reader": pl.String, "state": pl.String}
        self._progress = pl.DataFrame(rows, schema=columns, orient="row")
        names = cases.bundle.target.names
        self._scores = [f"p_cal_{name}" for name in names]
        self._model_columns = [
            column for column in cases.table.columns if column.startswith(("p_", "teacher_", "student_oof_"))
        ]
        self._model_columns += ["set", "uncertainty"]
        pairs = [
            (f"teacher_{name}", f"student_oof_{name}") for name in names if f"teacher_{name}" in cases.table.columns
        ]
        self._teacher_gap = (
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
        """A page of the list, and the number of cases that match.

        Args:
            search: a case's number, or a part of its pseudonym (with ``identifiers`` also of those), taken literally.
            status: one of ``STATUSES``.
            sort: one of ``SORTS``, or ``p_cal_<class>``.
            page: counted from 1; a number past the end is the last page.
            size: rows per page.
            reader: the account's name.
            identifiers: whether the account may see sample_id and subject_id; otherwise they are None.
            everyone: whether the account may see other readers' verdicts; otherwise only its own count.

        Returns:
            Rows with the columns of ``Cases.table`` (in blinded mode None where the model must not be shown), ``mine``
            ("" unread, "read", "agree", "disagree", "unsure"), ``readers`` and ``disagreeing`` (numbers of readers) and
            ``disagreement``: the number of disagreeing verdicts plus the difference between teacher and out-of-fold
            student.

        Raises:
            InputError: there is no such status or sort key.
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
        """The numbers of all matching cases, in order; arguments as in ``page``."""
        return self._ordered(search, status, sort, reader, identifiers, everyone)["case"].to_list()

    def _ordered(
        self, search: str, status: str, sort: str, reader: str, identifiers: bool, everyone: bool
    ) -> pl.DataFrame:
        if status not in STATUSES:
            raise InputError(f"no status '{status}'", where="status", remedy=nearest(status, STATUSES))
        if sort not in (*SORTS, *self._scores):
            raise InputError(f"no order '{sort}'", where="sort", remedy=nearest(sort, (*SORTS, *self._scores)))
        rows = self._with_progress(reader, everyone).filter(_matching(search, identifiers) & _STATUS[status]())
        if sort == "case":
            return rows.sort("case")
        return rows.sort([pl.col(sort), pl.col("case")], descending=[True, False], nulls_last=True)

    def _with_progress(self, reader: str, everyone: bool) -> pl.DataFrame:
        mine = self._progress.filter(pl.col("reader") == reader)
        seen = self._progress if everyone else mine
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
                pl.when(pl.col("mine") != "").then(pl.col(name)).alias(name) for name in self._model_columns
            )
        return table.with_columns(
            (pl.col("disagreeing") + self._teacher_gap.cast(pl.Float64).fill_null(0.0)).alias("disagreement")
        )


def _matching(search: str, identifiers: bool) -> pl.Expr:
    text = search.strip().lower()
    if not text:
        return pl.lit(True)
    # A plain number is a case's number; within hashes it would match unrelated cases.
    number = text.removeprefix("#")
    parts = [*(() if number.isdecimal() else ("pseudonym",)), *(("sample_id", "subject_id") if identifiers else ())]
    within = [pl.col(name).str.to_lowercase().str.contains(text, literal=True) for name in parts]
    return pl.any_horizontal(pl.col("case").cast(pl.String) == number, *within)


_STATUS: Mapping[str, Callable[[], pl.Expr]] = {
    "all": lambda: pl.lit(True),
    "unread": lambda: (pl.col("mine") == "") & (pl.col("status") == OK),
    "read by me": lambda: pl.col("mine") != "",
    "disagree": lambda: pl.col("disagreeing") > 0,
    "abstains": abstains,
    "drifted": lambda: pl.col("drift") > DRIFTED,
    "set aside": lambda: pl.col("status") == SET_ASIDE,
}
