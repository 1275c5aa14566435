"""The sample table: one row per sample, with its exclusions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from medkd.data.core.target import Target
from medkd.errors import InputError

REQUIRED = ("sample_id", "subject_id")


@dataclass(frozen=True)
class Exclusion:
    """Number of samples that a cohort leaves out for one reason (one line of the flow table)."""

    reason: str
    count: int


def summed(parts: Iterable[Sequence[Exclusion]], modalities: Sequence[str]) -> tuple[Exclusion, ...]:
    """Exclusions of several places, added up by reason.

    Reasons that count nothing come first, in their order, then modality by modality.

    Args:
        parts: exclusions of each place, with reasons such as ``labs: no number``.
        modalities: names, in their order.

    >>> one = [Exclusion("labs: no time", 1), Exclusion("labs: no table", 0)]
    >>> other = [Exclusion("vitals: no time", 2), Exclusion("labs: no time", 3)]
    >>> [(out.count, out.reason) for out in summed([one, other], ["vitals", "labs"])]
    [(0, 'labs: no table'), (2, 'vitals: no time'), (4, 'labs: no time')]
    """
    counts: dict[str, int] = {}
    for item in chain.from_iterable(parts):
        counts[item.reason] = counts.get(item.reason, 0) + item.count
    position = {name: number for number, name in enumerate(modalities, start=1)}
    order = sorted(
        counts, key=lambda reason: (position.get(reason.partition(":")[0], 0), reason) if counts[reason] else (0, "")
    )
    return tuple(Exclusion(reason, counts[reason]) for reason in order)


def check_samples(table: pl.DataFrame, target: Target | None, where: object) -> pl.DataFrame:
    """Check a sample table, and return it with ids as strings.

    Columns: ``sample_id``, ``subject_id``, one column per modality (path of its signal; null = absent), the target's
    columns (null = unlabelled), and where known ``site``, ``age`` (years), ``sex`` ("female" or "male"), ``time``,
    ``official_fold``.

    Raises:
        InputError: a column is missing, an id is null or repeated, no sample is labelled, or no sample is left.
    """
    for column in (*REQUIRED, *(target.columns if target else ())):
        if column not in table.columns:
            raise InputError(
                f"sample table has no column '{column}'", where=where, remedy=f"It has: {', '.join(table.columns)}"
            )
    if table.is_empty():
        raise InputError("no sample is left", where=where, remedy="See the exclusions with: medkd cohort describe")
    table = table.with_columns(pl.col(REQUIRED).cast(pl.String))
    for column in REQUIRED:
        if missing := table[column].null_count():
            raise InputError(f"{missing} samples have no {column}", where=where, remedy="Give every sample one")
    twice = table.filter(pl.col("sample_id").is_duplicated())["sample_id"]
    if len(twice):
        raise InputError(
            f"sample_id '{twice[0]}' stands {(table['sample_id'] == twice[0]).sum()} times",
            where=where,
            remedy="Make ids unique",
        )
    if target and table.select(pl.all_horizontal(pl.col(target.columns).is_null()).all()).item():
        raise InputError(f"target '{target.key}' has no label", where=where, remedy="Choose another with --target")
    return table
