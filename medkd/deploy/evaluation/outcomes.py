"""Outcomes that arrive after a run, matched with its predictions; what does not match is counted by its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from medkd.data.core.target import Target
from medkd.deploy.inference.predictions import FORMULA_SIGNS
from medkd.deploy.inference.text_table import read_text_table
from medkd.errors import InputError, nearest
from medkd.evidence.calibration.conformal import VALUES

OUTCOME = "outcome"
"""Name of the column where there is only one outcome."""
YES, NO = (
    ("1", "1.0", "true", "t", "yes", "y", "positive", "pos"),
    ("0", "0.0", "false", "f", "no", "n", "negative", "neg"),
)
"""Words for an outcome that is there and for one that is not, in any case; no others: "unknown" is not "no"."""
_MOST_UNREADABLE = 0.2
"""Share of a column's outcomes that may be left out for being unreadable."""


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of predicted items.

    Args:
        table: ``sample_id``, ``subject_id``, ``y_CLASS``, ``time`` (a date, null where unknown), and the file's other
            columns.
        unmatched: (reason, count), never an identifier.
    """

    table: pl.DataFrame
    unmatched: tuple[tuple[str, int], ...]


def read_outcomes(path: Path, target: Target, predicted: pl.DataFrame, quarantined: Sequence[str] = ()) -> Outcomes:
    """Match a CSV (or Parquet) file with a run.

    Args:
        path: columns ``sample_id`` or ``subject_id``; one column per class, by the class's name or that of the target's
            column, or for one class or exclusive classes ``outcome``; ``time`` if known, an ISO date; ``sex``, ``age``
            and ``site`` if known.
        target: what was predicted.
        predicted: ``sample_id``, and where known ``subject_id``, of the scored items.
        quarantined: items that the run set aside.

    Raises:
        InputError: the file or a column is missing, not a single line matches, or what is written in too many is
            neither yes nor no, a number, or a class (``YES``, ``NO``).
    """
    table = _read(path)
    by = "sample_id" if "sample_id" in table.columns else "subject_id"
    if by not in table.columns:
        raise InputError("outcomes have no column 'sample_id'", where=path, remedy=nearest("sample_id", table.columns))
    if by not in predicted.columns:
        raise InputError(
            "outcomes are by subject, and this run does not state the subjects of its items",
            where=path,
            remedy="Add a column sample_id, or give the run's manifest with --manifest",
        )
    counts: dict[str, int] = {}
    columns = [_column(table, name, index, target) or OUTCOME for index, name in enumerate(target.names)]
    table = _values(table, target, path, counts)
    table = _once(table.with_columns(_same_names(pl.col(by), predicted[by])), by, target, counts)
    known = set(predicted[by].to_list())
    strangers = table.filter(~pl.col(by).is_in(list(known)))
    set_aside = strangers.filter(pl.col(by).is_in(list(quarantined))).height if by == "sample_id" else 0
    counts["outcomes of items that the run set aside"] = set_aside
    counts["outcomes of items that the run does not hold"] = strangers.height - set_aside
    # The file's own subjects count: it was written by those who know them.
    left = (
        predicted.drop("subject_id")
        if by == "sample_id" and {"subject_id"} <= set(table.columns) & set(predicted.columns)
        else predicted
    )
    matched = left.join(table, on=by, how="inner", maintain_order="left")
    counts["predictions without an outcome"] = predicted.height - matched.height
    if matched.is_empty():
        raise InputError(
            "not a single outcome matches a prediction", where=path, remedy=f"Write {by} as in predictions.csv"
        )
    empty = matched.filter(pl.all_horizontal(pl.col(f"y_{name}").is_null() for name in target.names)).height
    if empty == matched.height:
        raise InputError(
            f"the outcomes of all {empty} predictions that match are empty",
            where=path,
            remedy=f"Fill in {' or '.join(dict.fromkeys(columns))}",
        )
    counts["predictions whose outcome is empty"] = empty
    if "subject_id" not in matched.columns:
        matched = matched.with_columns(pl.col("sample_id").alias("subject_id"))
    matched = matched.with_columns(pl.coalesce("subject_id", "sample_id").alias("subject_id"))
    if "age" in matched.columns:
        matched = matched.with_columns(pl.col("age").cast(pl.Float64, strict=False))
    if "time" in matched.columns:
        matched = matched.with_columns(pl.col("time").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False))
        counts["outcomes without a usable time (used, but not over time)"] = matched["time"].null_count()
    return Outcomes(matched, tuple((reason, count) for reason, count in counts.items() if count))


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise InputError(f"no such file: {path}", where="--outcomes", remedy="Give a CSV file")
    return read_text_table(path, "outcomes").table


def _values(table: pl.DataFrame, target: Target, path: Path, counts: dict[str, int]) -> pl.DataFrame:
    """With ``y_CLASS`` for each class."""
    columns = {name: _column(table, name, index, target) for index, name in enumerate(target.names)}
    if target.kind == "multiclass" and OUTCOME in table.columns:
        return _exclusive(table, target, path, counts)
    for name, column in columns.items():
        if column is None:
            wanted = [name, *([OUTCOME] if len(target.names) == 1 or target.kind == "multiclass" else [])]
            raise InputError(
                f"outcomes have no column '{name}'",
                where=path,
                remedy=f"Name it {' or '.join(wanted)}; they have: {', '.join(table.columns)}",
            )
        text = table[column].str.to_lowercase()
        if target.kind in VALUES:
            y = text.cast(pl.Float64, strict=False)
            y = y.set(~y.is_finite(), None)
            reason, remedy = "outcomes that are not numbers", "Write numbers, with a point"
        else:
            y = pl.select(pl.when(text.is_in(YES)).then(1.0).when(text.is_in(NO)).then(0.0)).to_series()
            reason, remedy = "outcomes that are neither 0 nor 1", "Write 1 or 0"
        _check_readable(y, table[column], reason, remedy, path)
        counts[reason] = int((y.is_null() & text.is_not_null()).sum())
        table = table.with_columns(y.alias(f"y_{name}"))
    return table


def _check_readable(y: pl.Series, written: pl.Series, reason: str, remedy: str, path: Path) -> None:
    """Leaving out a few unreadable outcomes is counted; more would leave those who are alike in what was written.

    Raises:
        InputError: more than a fifth cannot be read, or all that can be are the same.
    """
    unreadable = written.filter(y.is_null() & written.is_not_null())
    if unreadable.is_empty():
        return
    readable = y.drop_nulls()
    if readable.n_unique() < 2 or len(unreadable) > _MOST_UNREADABLE * (len(unreadable) + len(readable)):
        are = reason.removeprefix("outcomes that ")
        raise InputError(
            f"{len(unreadable)} outcomes {are}, such as {unreadable[0][:20]!r}",
            where=f"{path}, {written.name}",
            remedy=remedy,
        )


def _column(table: pl.DataFrame, name: str, index: int, target: Target) -> str | None:
    names = [
        name,
        *([target.columns[index]] if len(target.columns) == len(target.names) else []),
        *([OUTCOME] if len(target.names) == 1 else []),
    ]
    return next((column for column in names if column in table.columns), None)


def _exclusive(table: pl.DataFrame, target: Target, path: Path, counts: dict[str, int]) -> pl.DataFrame:
    """One column that names the class, or gives its index."""
    index_of = {name: index for index, name in enumerate(target.names)} | {
        str(index): index for index in range(len(target.names))
    }
    index = table[OUTCOME].replace_strict(index_of, default=None, return_dtype=pl.Int64)
    reason = "outcomes that name no class"
    _check_readable(index, table[OUTCOME], reason, f"Write one of {', '.join(target.names)}", path)
    counts[reason] = int((index.is_null() & table[OUTCOME].is_not_null()).sum())
    return table.with_columns(
        (index == number).cast(pl.Float64).alias(f"y_{name}") for number, name in enumerate(target.names)
    )


def _once(table: pl.DataFrame, by: str, target: Target, counts: dict[str, int]) -> pl.DataFrame:
    """One line per item: repetitions are dropped, and of contradictions both lines."""
    named = table.filter(pl.col(by).is_not_null())
    counts["lines without an id"] = table.height - named.height
    labels = [f"y_{name}" for name in target.names]
    distinct = named.unique([by, *labels], keep="first", maintain_order=True)
    counts["lines that repeat another"] = named.height - distinct.height
    consistent = distinct.filter(~pl.col(by).is_duplicated())
    counts["lines that contradict another of the same id"] = distinct.height - consistent.height
    return consistent


def _same_names(column: pl.Expr, known: pl.Series) -> pl.Expr:
    """``predictions.csv`` has an apostrophe before an id that a spreadsheet would take for a formula.

    Such an id is known too.
    """
    bare = column.str.strip_prefix("'")
    written = (
        column.str.starts_with("'") & bare.str.slice(0, 1).is_in(list(FORMULA_SIGNS)) & ~column.is_in(known.implode())
    )
    return pl.when(written).then(bare).otherwise(column)
