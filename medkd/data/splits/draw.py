"""Draw of a split: by subject, stratified by target and site, under one of three protocols."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from medkd.data.core.cohort import OfficialFolds
from medkd.data.core.target import Target
from medkd.data.splits.split import Split, refuse_overlap
from medkd.errors import InputError

CROSSFIT = 5
"""Folds of a hold-out or official training part, and of a default protocol at most."""
INNER = 4
"""One in so many training subjects is inner validation."""
PER_FOLD = 2 * INNER
"""Subjects of a fold, at least, so that two of them are inner validation."""
FEWEST = 3
"""Folds of a k-fold protocol, at least: one to test, one that an out-of-fold teacher leaves out, one to train on."""


def draw_split(
    samples: pl.DataFrame, target: Target, protocol: str, seed: int, official: OfficialFolds | None = None
) -> Split:
    """Assign every subject a fold, an inner-validation flag and a label rank.

    Args:
        samples: checked sample table; ``official_fold`` is used by the protocol "official".
        target: subjects are stratified by it, and by ``site`` where sites are large enough.
        protocol: "holdout" (a fifth is test), "official", or "kfold:K".
        seed: of the draw. Under "official" only the cross-fitting folds and label ranks depend on it.
        official: which official folds are test and validation.

    Raises:
        InputError: unknown protocol, too few subjects (protocols that these subjects suffice for are named), or a part
            would be empty.
    """
    subjects = _subjects(samples, target)
    strata = subjects["stratum"].to_numpy()
    rng = np.random.default_rng([seed, 20])
    if protocol == "official":
        fold, inner, evaluated = _official(subjects, strata, official, seed)
    elif protocol == "holdout":
        _refuse_few(len(strata), protocol, CROSSFIT, tested=-(-len(strata) // CROSSFIT))
        test = _folds(strata, CROSSFIT, seed) == 0
        fold = np.zeros(len(strata), dtype=np.int64)
        fold[~test] = 1 + _folds(strata[~test], CROSSFIT, seed + 1)
        inner, evaluated = _inner(strata, fold, seed), (0,)
    else:
        _refuse_few(len(strata), protocol, _k(protocol))
        fold = _folds(strata, _k(protocol), seed)
        inner, evaluated = _inner(strata, fold, seed), tuple(range(_k(protocol)))
    assigned = subjects.with_columns(
        pl.Series("fold", fold),
        pl.Series("inner", inner),
        pl.Series("label_rank", _label_ranks(strata, fold, inner, rng)),
    )
    table = samples.select("sample_id", "subject_id").join(
        assigned.select("subject_id", "fold", "inner", "label_rank"), on="subject_id", how="left", maintain_order="left"
    )
    refuse_overlap(table, "split")
    crossfit = tuple(sorted(set(fold.tolist()) - (set() if len(evaluated) > 1 else set(evaluated))))
    return Split(table=table, protocol=protocol, seed=seed, evaluated=evaluated, crossfit=crossfit)


def _k(protocol: str) -> int:
    name, _, count = protocol.partition(":")
    if name != "kfold" or not count.isdigit() or int(count) < FEWEST:
        raise InputError(
            f"unknown protocol '{protocol}'",
            where="--protocol",
            remedy=f"Choose holdout, official or kfold:K with K of {FEWEST} or more",
        )
    return int(count)


def fitting_protocol(protocol: str, subjects: int) -> str:
    """A cohort's default protocol with as many of its folds as so many subjects fill; any other protocol as it is.

    >>> fitting_protocol("kfold:5", 40), fitting_protocol("kfold:5", 36), fitting_protocol("holdout", 36)
    ('kfold:5', 'kfold:4', 'holdout')
    """
    if not protocol.startswith("kfold:"):
        return protocol
    return f"kfold:{max(min(_k(protocol), subjects // PER_FOLD), FEWEST)}"


def _refuse_few(subjects: int, protocol: str, folds: int, *, tested: int = 0, least: int = PER_FOLD) -> None:
    """Refuse ``folds`` of fewer than ``least`` subjects, in numbers that the user can check.

    Args:
        subjects: all of them.
        protocol: that was asked for.
        folds: that the subjects who are not tested are divided into.
        tested: subjects that a protocol sets aside for the test first.
        least: subjects that a fold needs.
    """
    per_fold = (subjects - tested) // folds
    if per_fold >= least:
        return
    text = f"{subjects - tested} subjects in {folds} folds leave {per_fold} per fold"
    if tested:
        text = f"{subjects} subjects are too few: {tested} are tested, and the other {text}"
    text += f"; {'inner validation' if least == PER_FOLD else 'cross-fitting'} needs {least}"
    raise InputError(text, where=f"protocol {protocol}", remedy=_enough(subjects, protocol))


def _enough(subjects: int, protocol: str) -> str:
    """Protocols that so many subjects suffice for."""
    if subjects < FEWEST * PER_FOLD:
        return f"Give {FEWEST * PER_FOLD} subjects or more"
    most = subjects // PER_FOLD if protocol.startswith("kfold:") else min(subjects // PER_FOLD, CROSSFIT)
    holdout = subjects - -(-subjects // CROSSFIT) >= CROSSFIT * PER_FOLD
    return f"Use --protocol kfold:{most}" + (" or holdout" if holdout else "")


def _subjects(samples: pl.DataFrame, target: Target) -> pl.DataFrame:
    """One row per subject with its stratum: the rarest class of its samples, and its site."""
    if target.kind in ("binary", "multilabel"):
        counts = {name: samples[name].fill_null(0).sum() for name in target.columns}
        rarest_first = sorted(target.columns, key=lambda name: counts[name])
        label = pl.coalesce(*(pl.when(pl.col(name) == 1).then(pl.lit(name)) for name in rarest_first), pl.lit("none"))
        order = [*rarest_first, "none", "unlabelled"]
    elif target.kind == "multiclass":
        label = pl.col(target.columns[0]).cast(pl.Int64).cast(pl.String)
        order = [
            *samples.select(label.alias("label"))["label"].drop_nulls().value_counts(sort=True)["label"].reverse(),
            "unlabelled",
        ]
    else:
        label = pl.lit("all")
        order = ["all", "unlabelled"]
    unlabelled = pl.all_horizontal(pl.col(target.columns).is_null())
    marked = samples.with_columns(pl.when(unlabelled).then(pl.lit("unlabelled")).otherwise(label).alias("label"))
    rank = {name: position for position, name in enumerate(order)}
    extra = [pl.col(name).first() for name in ("site", "official_fold") if name in samples.columns]
    folds = [pl.col("official_fold").n_unique().alias("n_folds")] if "official_fold" in samples.columns else []
    subjects = (
        marked.with_columns(pl.col("label").replace_strict(rank, return_dtype=pl.Int64).alias("rank"))
        .group_by("subject_id", maintain_order=True)
        .agg(pl.col("label").sort_by("rank").first(), *extra, *folds)
        .sort("subject_id")
    )
    stratum = pl.col("label")
    if "site" in subjects.columns:
        both = pl.concat_str(pl.col("label"), pl.col("site").cast(pl.String).fill_null("?"), separator="|")
        stratum = pl.when(pl.len().over(both) >= 2 * CROSSFIT).then(both).otherwise(pl.col("label"))
    return subjects.with_columns(stratum.alias("stratum"))


def _folds(strata: NDArray[np.str_], k: int, seed: int) -> NDArray[np.int64]:
    """Stratified folds, whose sizes differ by one at most; strata with fewer members than folds are pooled."""
    names, counts = np.unique(strata, return_counts=True)
    pooled = np.where(np.isin(strata, names[counts < k]), "pooled rare strata", strata)
    names, counts = np.unique(pooled, return_counts=True)
    if counts.min() < k:
        pooled = np.where(pooled == "pooled rare strata", names[counts.argmax()], pooled)
    fold = np.empty(len(strata), dtype=np.int64)
    splitter = StratifiedKFold(k, shuffle=True, random_state=seed)
    for number, (_, rows) in enumerate(splitter.split(np.zeros(len(strata)), pooled)):
        fold[rows] = number
    return fold


def _inner(strata: NDArray[np.str_], fold: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    inner = np.zeros(len(strata), dtype=bool)
    for number in np.unique(fold):
        here = np.flatnonzero(fold == number)
        inner[here] = _folds(strata[here], INNER, seed + 1000 + int(number)) == 0
    return inner


def _official(
    subjects: pl.DataFrame, strata: NDArray[np.str_], official: OfficialFolds | None, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], tuple[int, ...]]:
    if official is None or "official_fold" not in subjects.columns:
        raise InputError("this cohort has no official folds", where="--protocol", remedy="Choose holdout or kfold:5")
    if crossing := subjects.filter(pl.col("n_folds") > 1).height:
        raise InputError(
            f"{crossing} subjects are in two official folds",
            where="split",
            remedy="Choose kfold:5, which splits by subject",
        )
    published = subjects["official_fold"].to_numpy()
    test, validation = np.isin(published, official.test), np.isin(published, official.validation)
    for name, part in (("test", test), ("validation", validation), ("training", ~test & ~validation)):
        if not part.any():
            raise InputError(
                f"the official {name} part is empty", where="split", remedy="Choose kfold:5, or give the whole data set"
            )
    _refuse_few(len(strata), "official", CROSSFIT, tested=int(test.sum()), least=2)
    fold = np.zeros(len(strata), dtype=np.int64)
    fold[~test] = 1 + _folds(strata[~test], CROSSFIT, seed)
    return fold, validation, (0,)


def _label_ranks(
    strata: NDArray[np.str_], fold: NDArray[np.int64], inner: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Ranks in [0, 1) within each stratum and role, dealt round the folds so that all lose the same share of labels."""
    ranks = np.empty(len(strata))
    for stratum in np.unique(strata):
        for role in (False, True):
            here = np.flatnonzero((strata == stratum) & (inner == role))
            if not len(here):
                continue
            here = rng.permutation(here)
            turn = np.empty(len(here), dtype=np.int64)
            for number in np.unique(fold[here]):
                mine = np.flatnonzero(fold[here] == number)
                turn[mine] = np.arange(len(mine))
            ranks[here[np.argsort(turn, kind="stable")]] = (np.arange(len(here)) + 0.5) / len(here)
    return ranks
