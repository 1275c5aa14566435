"""Participants of a run, in aggregates."""

from __future__ import annotations

from typing import Any

import polars as pl

from medkd.data.core.target import Target


def participants(samples: pl.DataFrame, target: Target, least: int = 10) -> dict[str, Any]:
    """Counts for a model card, none of which points at a few people.

    A group of 1 to ``least - 1`` people is given as "fewer than N", and the largest group beside it as "the others",
    since the small count could be computed from it.

    Args:
        samples: the sample table.
        target: what is predicted.
        least: the smallest count that is shown.

    Returns:
        ``samples``, ``subjects``, ``unlabelled`` (samples), ``outcomes`` (by class, subjects ``with`` and ``without``;
        of values ``median``, ``q1``, ``q3`` and ``samples``), and where the cohort has them ``sites``, ``age`` (years,
        of subjects at their first sample) and ``sex``.

    >>> table = pl.DataFrame({"sample_id": ["a", "b"], "subject_id": ["p", "p"], "cd": [1, 0]})
    >>> participants(table, Target("cd", "binary", ("cd",)), least=1)["outcomes"]
    {'cd': {'with': 1, 'without': 0}}
    """
    labelled = samples.filter(pl.any_horizontal(pl.col(target.columns).is_not_null()))
    people = samples.unique("subject_id", keep="first", maintain_order=True)
    counts: dict[str, Any] = {
        "samples": samples.height,
        "subjects": people.height,
        "unlabelled": samples.height - labelled.height,
        "outcomes": {name: _outcome(samples, target, index, least) for index, name in enumerate(target.names)},
    }
    if "site" in people.columns and people["site"].null_count() < people.height:
        counts["sites"] = people["site"].drop_nulls().n_unique()
    if "age" in people.columns and people["age"].null_count() < people.height:
        counts["age"] = _quartiles(people["age"].drop_nulls()) | {"known": people["age"].count()}
    if "sex" in people.columns:
        by_sex = people["sex"].drop_nulls().cast(pl.String).value_counts().sort("sex")
        counts["sex"] = _suppressed(dict(by_sex.iter_rows()), least)
    return counts


def _outcome(samples: pl.DataFrame, target: Target, index: int, least: int) -> dict[str, Any]:
    column = samples.select(
        "subject_id", pl.col(target.columns[0 if target.kind == "multiclass" else index]).alias("y")
    ).drop_nulls("y")
    if target.kind in ("regression", "forecast"):
        return (
            _quartiles(column["y"]) | {"samples": column.height}
            if column.height
            else {"median": 0.0, "q1": 0.0, "q3": 0.0, "samples": 0}
        )
    has = column.group_by("subject_id").agg(
        (pl.col("y") == (index if target.kind == "multiclass" else 1)).any().alias("has")
    )["has"]
    return _suppressed({"with": int(has.sum()), "without": len(has) - int(has.sum())}, least)


def _quartiles(values: pl.Series) -> dict[str, float]:
    low, middle, high = (float(values.quantile(share, "linear") or 0.0) for share in (0.25, 0.5, 0.75))
    return {"median": round(middle, 3), "q1": round(low, 3), "q3": round(high, 3)}


def _suppressed(counts: dict[str, int], least: int) -> dict[str, int | str]:
    """Counts without those of a few people."""
    shown: dict[str, int | str] = {
        name: f"fewer than {least}" if 0 < count < least else count for name, count in counts.items()
    }
    exact = [name for name, count in shown.items() if isinstance(count, int)]
    if exact and len(exact) < len(shown):
        shown[max(exact, key=counts.__getitem__)] = "the others"
    return shown
