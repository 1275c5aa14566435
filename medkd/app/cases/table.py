"""Case table: one row per case with scores, uncertainty, drift, and out-of-fold scores of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from medkd.data.core.target import Target
from medkd.data.io.load import read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.plan import PARQUET, QUARANTINE
from medkd.deploy.inference.predictions import escape_formulas
from medkd.deploy.inference.pseudonym import Pseudonyms, identifiers_in
from medkd.errors import InputError

OK, SET_ASIDE, UNSCORED = "ok", "set aside", "not scored"
ABSTAINS = "abstains"
_DEFAULT_THRESHOLD = 0.5


def case_table(items: Items, scores: Path, bundle: Bundle, names: Pseudonyms, run: Path | None = None) -> pl.DataFrame:
    """All cases, scored or not.

    Args:
        scores: finished output of ``medkd predict``.
        run: folder of ``medkd distill``, whose out-of-fold scores are added.

    Returns:
        case (1, 2, ...), pseudonym, sample_id, subject_id (the sample's where unknown), status ("ok", "set aside", "not
        scored"), reason (with pseudonyms in place of identifiers), p_<class>, p_cal_<class>, set, drift, uncertainty;
        of a run also teacher_<class> and student_oof_<class>.

    Raises:
        InputError: the scores are another bundle's, or unfinished.
    """
    scored = read_table(scores / PARQUET, "Run medkd predict to its end, or leave --predictions out").filter(
        pl.col("status") == "ok"
    )
    wanted = [f"{prefix}{name}" for prefix in ("p_", "p_cal_") for name in bundle.target.names]
    if lacking := [column for column in (*wanted, "set", "drift", "model_sha256") if column not in scored.columns]:
        raise InputError(
            f"predictions have no column '{lacking[0]}'", where=scores, remedy="Give predictions of this very bundle"
        )
    if (scored["model_sha256"] != bundle.model_sha256).any():
        raise InputError("predictions are another model's", where=scores, remedy="Give predictions of this very bundle")
    scored = scored.select("sample_id", *wanted, pl.col("set").cast(pl.String), pl.col("drift").cast(pl.Float64))
    table = items.table.select("sample_id", "subject_id").sort("sample_id")
    table = table.join(_quarantined(items, scores), on="sample_id", how="left").join(scored, on="sample_id", how="left")
    table = table.sort("sample_id").with_row_index("case", offset=1)
    known = pl.col(wanted[0]).is_not_null()
    pseudonyms = pl.Series("pseudonym", [names.hash(name) for name in table["sample_id"]], dtype=pl.String)
    status = (
        pl.when(known)
        .then(pl.lit(OK))
        .when(pl.col("reason").is_not_null())
        .then(pl.lit(SET_ASIDE))
        .otherwise(pl.lit(UNSCORED))
    )
    table = table.with_columns(
        pl.col("case").cast(pl.Int64),
        pseudonyms,
        pl.col("subject_id").fill_null(pl.col("sample_id")),
        status.alias("status"),
        pl.when(known)
        .then(None)
        .otherwise(pl.col("reason").fill_null("it is not among the predictions"))
        .alias("reason"),
        pl.when(known).then(uncertainty(bundle.target, bundle.threshold)).alias("uncertainty"),
    )
    table = table.with_columns(_redacted_reasons(table, items, names))
    first = ["case", "pseudonym", "sample_id", "subject_id", "status", "reason", *wanted, "set", "drift", "uncertainty"]
    table = table.select(first)
    return (
        table.join(out_of_fold(run, bundle.target), on="sample_id", how="left", maintain_order="left") if run else table
    )


def uncertainty(target: Target, threshold: Mapping[str, float | None]) -> pl.Expr:
    """Closeness of the decision, 0 to 1, from columns ``p_cal_<class>`` and ``set``; null for quantities.

    Of a class: 1 where its calibrated probability is at its threshold, falling linearly to 0 at the probabilities 0 and
    1; of several classes the greatest. Of exclusive classes: 1 minus the difference of the two likeliest. 1 where the
    prediction set abstains.

    >>> rows = pl.DataFrame({"p_cal_cd": [0.2, 0.6, 1.0, 0.0], "set": [None, None, None, "abstains"]})
    >>> rows.select(uncertainty(Target("cd", "binary", ("cd",)), {"cd": 0.2}).round(3)).to_series().to_list()
    [1.0, 0.5, 0.0, 1.0]
    """
    columns = [f"p_cal_{name}" for name in target.names]
    if target.kind in ("regression", "forecast", "mask"):
        return pl.lit(None, dtype=pl.Float64)
    if target.kind == "multiclass":
        ranked = pl.concat_list(columns).list.sort(descending=True)
        near = 1 - (ranked.list.get(0) - ranked.list.get(1))
    else:
        near = pl.max_horizontal(
            _nearness(column, threshold.get(name)) for column, name in zip(columns, target.names, strict=True)
        )
    return pl.when(abstains()).then(1.0).otherwise(near)


def abstains() -> pl.Expr:
    """Whether a prediction set abstains, on at least one class."""
    return pl.col("set").str.contains(rf"(^|: ){ABSTAINS}($|; )").fill_null(False)


def out_of_fold(run: Path, target: Target) -> pl.DataFrame:
    """Out-of-fold scores of teacher and student: sample_id, teacher_<class>, student_oof_<class>.

    Calibrated, mean over seeds, at the largest label fraction. Without test predictions there are no rows.
    """
    arms = {"teacher": "teacher", "student": "student_oof"}
    columns = {f"{prefix}_{name}": (arm, name) for arm, prefix in arms.items() for name in target.names}
    path = run / "test_predictions.parquet"
    if not path.is_file():
        return pl.DataFrame(schema={"sample_id": pl.String, **dict.fromkeys(columns, pl.Float64)})
    table = read_table(path).filter(pl.col("label_fraction") == pl.col("label_fraction").max())
    return table.group_by(pl.col("sample").alias("sample_id")).agg(
        pl.col("calibrated").filter((pl.col("arm") == arm) & (pl.col("class") == name)).mean().alias(column)
        for column, (arm, name) in columns.items()
    )


def labels(samples: pl.DataFrame, target: Target) -> pl.DataFrame:
    """Labels: sample_id, truth_<class> (0, 1, or the quantity; null where unlabelled).

    >>> labels(pl.DataFrame({"sample_id": ["a"], "k": [1.0]}), Target("k", "multiclass", ("k",), ("x", "y"))).row(0)
    ('a', 0.0, 1.0)
    """
    names: Sequence[str] = target.names
    if target.kind == "multiclass":
        values = [(pl.col(target.columns[0]) == index).cast(pl.Float64) for index in range(len(names))]
    else:
        values = [pl.col(column).cast(pl.Float64) for column in target.columns]
    return samples.select(
        "sample_id", *(value.alias(f"truth_{name}") for value, name in zip(values, names, strict=True))
    )


def _nearness(column: str, threshold: float | None) -> pl.Expr:
    at = _DEFAULT_THRESHOLD if threshold is None else threshold
    below, above = max(at, 1e-9), max(1 - at, 1e-9)
    distance = pl.col(column) - at
    return (1 - pl.when(distance < 0).then(-distance / below).otherwise(distance / above)).clip(0, 1)


def _quarantined(items: Items, scores: Path) -> pl.DataFrame:
    """Quarantined items: sample_id, reason."""
    empty = pl.DataFrame(schema={"sample_id": pl.String, "reason": pl.String})
    path = scores / QUARANTINE
    if not path.is_file():
        return empty
    try:
        quarantine = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path.name} cannot be read", where=path, remedy="Run medkd predict again") from error
    if quarantine.is_empty():
        return empty
    # In the file a name may be preceded by an apostrophe (see ``escape_formulas``).
    names = items.table.select("sample_id", escape_formulas(items.table.select("sample_id"))["sample_id"].alias("item"))
    return names.join(quarantine.unique("item", keep="first"), on="item").select("sample_id", "reason")


def _redacted_reasons(table: pl.DataFrame, items: Items, names: Pseudonyms) -> pl.Series:
    """Reasons without identifiers, which not every account that sees the work list may see."""
    rows = items.table.filter(
        pl.col("sample_id").is_in(table.filter(pl.col("reason").is_not_null())["sample_id"].implode())
    )
    known = {row["sample_id"]: identifiers_in(row) for row in rows.iter_rows(named=True)}
    pairs = table.select("sample_id", "reason").iter_rows()
    redacted = [None if reason is None else names.redact(reason, known.get(name, ())) for name, reason in pairs]
    return pl.Series("reason", redacted, dtype=pl.String)
