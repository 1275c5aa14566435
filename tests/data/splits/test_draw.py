"""Splits are drawn by subject, stratified by target and site, with nested label fractions."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.data.core.cohort import OfficialFolds
from medkd.data.core.target import Target
from medkd.data.splits.draw import draw_split, fitting_protocol
from medkd.data.splits.split import Split
from medkd.errors import InputError

BINARY = Target("cd", "binary", ("cd",))
MULTILABEL = Target("two", "multilabel", ("cd", "mi"))
CLASSES = Target("stage", "multiclass", ("stage",), ("wake", "light", "deep", "rem"))
AGE = Target("age", "regression", ("age",), units="years")
OFFICIAL = OfficialFolds(test=(10,), validation=(9,))
PROTOCOLS = ["holdout", "official", "kfold:3", "kfold:5"]


def cohort(
    subjects: int = 200, seed: int = 0, sites: int = 3, positive: float = 0.25, unlabelled: float = 0.0
) -> pl.DataFrame:
    """Subjects with one to three samples, whose labels may differ within a subject."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(subjects), rng.integers(1, 4, subjects))
    rng.shuffle(of)
    site, fold, ill = (
        rng.integers(0, sites, subjects),
        rng.permutation(subjects) % 10 + 1,
        rng.uniform(size=subjects) < positive,
    )
    table = pl.DataFrame(
        {
            "sample_id": [f"s{row:04d}" for row in range(len(of))],
            "subject_id": [f"p{number:04d}" for number in of],
            "site": [str(place) for place in site[of]],
            "official_fold": fold[of],
            "cd": (ill[of] & (rng.uniform(size=len(of)) < 0.9)).astype(float),
            "mi": (rng.uniform(size=len(of)) < 0.1).astype(float),
            "stage": rng.integers(0, 4, len(of)),
            "age": rng.uniform(20, 90, len(of)),
        }
    )
    lost = pl.Series((rng.uniform(size=subjects) < unlabelled)[of])
    return table.with_columns(
        pl.when(lost).then(None).otherwise(pl.col(name)).alias(name) for name in ("cd", "mi", "stage", "age")
    )


def by_subject(split: Split, samples: pl.DataFrame) -> pl.DataFrame:
    """One row a subject with its assignment, whether any sample of it is positive, and its site."""
    both = split.table.join(samples.select("sample_id", "cd", "site"), on="sample_id")
    return both.group_by("subject_id").agg(pl.col("fold", "inner", "label_rank", "site").first(), pl.col("cd").max())


@settings(deadline=None, max_examples=25)
@given(
    st.integers(110, 240),
    st.integers(0, 1000),
    st.integers(1, 6),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.4),
    st.sampled_from(PROTOCOLS),
    st.sampled_from([BINARY, MULTILABEL, CLASSES, AGE]),
)
def test_any_cohort_is_split_by_subject(
    subjects: int, seed: int, sites: int, positive: float, lost: float, protocol: str, target: Target
) -> None:
    samples = cohort(subjects, seed, sites, positive, lost)
    split = draw_split(samples, target, protocol, seed, OFFICIAL)
    assert split.table["sample_id"].to_list() == samples["sample_id"].to_list()
    assert split.table["subject_id"].to_list() == samples["subject_id"].to_list()
    assert split.table.null_count().sum_horizontal().item() == 0
    assigned = split.table.group_by("subject_id").agg(pl.col("fold", "inner", "label_rank").n_unique())
    assert assigned.select(pl.col("fold", "inner", "label_rank").max()).row(0) == (1, 1, 1)
    assert split.table["label_rank"].is_between(0, 1, closed="none").all()
    assert set(split.table["fold"]) == set(split.evaluated) | set(split.crossfit)
    for fold in split.evaluated:
        parts = {role: set(split.role(role, (fold,))["subject_id"]) for role in ("train", "val", "test")}
        assert all(parts.values()), "no part is empty"
        assert len(set.union(*parts.values())) == sum(len(part) for part in parts.values()) == subjects
        for left_out in set(split.crossfit) - {fold}:
            assert split.role("train", (fold, left_out)).height
            assert split.role("val", (fold, left_out)).height or protocol == "official"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_seed_fixes_the_split(protocol: str) -> None:
    samples = cohort()
    drawn = [draw_split(samples, BINARY, protocol, seed, OFFICIAL) for seed in (0, 0, 1)]
    assert drawn[0].sha256 == drawn[1].sha256 != drawn[2].sha256
    assert not drawn[0].table["label_rank"].equals(drawn[2].table["label_rank"])
    test = [set(split.role("test", (0,))["subject_id"]) for split in drawn]
    assert (test[0] == test[2]) == (protocol == "official")


@pytest.mark.parametrize("target", [BINARY, MULTILABEL, CLASSES, AGE], ids=lambda target: target.kind)
def test_the_order_of_the_table_does_not_matter(target: Target) -> None:
    samples = cohort(unlabelled=0.2)
    first = draw_split(samples, target, "kfold:5", 0).table
    for seed in range(3):
        other = draw_split(samples.sample(fraction=1.0, shuffle=True, seed=seed), target, "kfold:5", 0).table
        assert other.sort("sample_id").equals(first.sort("sample_id"))


def test_folds_are_stratified_by_target_and_site() -> None:
    samples = cohort(300, sites=3)
    subjects = by_subject(draw_split(samples, BINARY, "kfold:5", 0), samples)
    for _, stratum in subjects.group_by("cd", "site"):
        assert stratum.height >= 10, "large enough to be stratified"
        counts = [stratum.filter(pl.col("fold") == fold).height for fold in range(5)]
        assert max(counts) - min(counts) <= 1, counts


def test_small_sites_do_not_cost_the_balance_of_the_target() -> None:
    samples = cohort(150, sites=60)
    subjects = by_subject(draw_split(samples, BINARY, "kfold:5", 0), samples)
    positive = [subjects.filter((pl.col("fold") == fold) & (pl.col("cd") == 1)).height for fold in range(5)]
    assert max(positive) - min(positive) <= 1, positive


def test_a_rare_label_reaches_every_fold() -> None:
    samples = cohort(120, positive=0.5).with_columns(
        mi=pl.col("subject_id").is_in([f"p{n:04d}" for n in range(6)]).cast(pl.Float64)
    )
    split = draw_split(samples, MULTILABEL, "kfold:5", 0)
    rare = split.table.join(samples, on="sample_id").filter(pl.col("mi") == 1)
    assert set(rare["fold"]) == set(range(5))


def test_inner_validation_is_a_quarter_of_every_fold_and_stratified() -> None:
    samples = cohort(320, sites=1)
    subjects = by_subject(draw_split(samples, BINARY, "kfold:5", 0), samples)
    for _, part in subjects.group_by("fold", "cd"):
        assert abs(int(part["inner"].sum()) - part.height / 4) <= 1


def test_holdout_tests_on_a_fifth_and_cross_fits_on_the_rest() -> None:
    samples = cohort(sites=1)
    split = draw_split(samples, BINARY, "holdout", 0)
    subjects = by_subject(split, samples)
    assert (split.evaluated, split.crossfit) == ((0,), (1, 2, 3, 4, 5))
    counts = subjects["fold"].value_counts().sort("fold")["count"].to_list()
    assert counts[0] == 40
    assert max(counts[1:]) - min(counts[1:]) <= 2
    for fold, ill in subjects.group_by("fold").agg(pl.col("cd").mean()).iter_rows():
        assert abs(ill - subjects["cd"].mean()) < 0.06, fold


def test_official_folds_are_the_publishers() -> None:
    samples = cohort()
    # One official fold a subject, as the publisher has it.
    split = draw_split(samples, BINARY, "official", 0, OFFICIAL)
    published = samples.group_by("official_fold").agg(pl.col("sample_id"))
    by_fold = dict(zip(published["official_fold"], published["sample_id"].to_list(), strict=True))
    assert set(split.role("test", (0,))["sample_id"]) == set(by_fold[10])
    assert set(split.role("val", (0,))["sample_id"]) == set(by_fold[9])
    assert set(split.role("train", (0,))["sample_id"]) == set().union(*(by_fold[fold] for fold in range(1, 9)))
    assert (split.evaluated, split.crossfit) == ((0,), (1, 2, 3, 4, 5))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_label_fractions_are_nested_stratified_and_spread_over_folds(protocol: str) -> None:
    samples = cohort(400, sites=1)
    split = draw_split(samples, BINARY, protocol, 0, OFFICIAL)
    subjects = by_subject(split, samples)
    previous: set[str] = set()
    for share in (0.1, 0.3, 0.7, 1.0):
        kept = set(subjects.filter(pl.col("label_rank") < share)["subject_id"])
        assert previous < kept
        previous = kept
        for _, part in subjects.group_by("cd", "inner"):
            labelled = part.filter(pl.col("label_rank") < share)
            assert abs(labelled.height - share * part.height) <= 0.5 + 1e-9
            if protocol.startswith("kfold"):
                mine = [labelled.filter(pl.col("fold") == fold).height for fold in sorted(set(part["fold"]))]
                assert max(mine) - min(mine) <= 2, "every fold loses the same share"
    assert previous == set(subjects["subject_id"])
    fold = split.evaluated[0]
    assert split.role("test", (fold,), 0.1).height == split.role("test", (fold,)).height


@pytest.mark.parametrize(
    "protocol",
    ["kfold", "kfold:", "kfold:2", "kfold:0", "kfold:-5", "kfold:5.0", "kfold:x", "hold-out", "", "leave one out"],
)
def test_an_unknown_protocol_is_refused_with_the_choices(protocol: str) -> None:
    with pytest.raises(InputError, match="unknown protocol") as told:
        draw_split(cohort(), BINARY, protocol, 0)
    assert "kfold:K" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("subjects", "protocol", "message"),
    [
        (1, "kfold:3", "1 subjects in 3 folds leave 0 per fold; inner validation needs 8"),
        (5, "kfold:5", "5 subjects in 5 folds leave 1 per fold; inner validation needs 8"),
        (20, "kfold:5", "20 subjects in 5 folds leave 4 per fold; inner validation needs 8"),
        (23, "kfold:3", "23 subjects in 3 folds leave 7 per fold; inner validation needs 8"),
        (36, "kfold:5", "36 subjects in 5 folds leave 7 per fold; inner validation needs 8"),
        (9, "holdout", "9 subjects are too few: 2 are tested, and the other 7 subjects in 5 folds leave 1 per fold"),
        (12, "holdout", "12 subjects are too few: 3 are tested, and the other 9 subjects in 5 folds leave 1 per fold"),
        (49, "holdout", "49 subjects are too few: 10 are tested, and the other 39 subjects in 5 folds leave 7 per"),
        (150, "kfold:80", "150 subjects in 80 folds leave 1 per fold; inner validation needs 8"),
    ],
)
def test_too_few_subjects_is_one_clear_line(subjects: int, protocol: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        draw_split(cohort(subjects), BINARY, protocol, 0)
    assert str(refused.value).startswith(message)
    assert f"(protocol {protocol})" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("subjects", [7, 16, 24, 36, 39, 45, 49, 50, 150])
@pytest.mark.parametrize("protocol", ["kfold:5", "kfold:20", "holdout"])
def test_every_protocol_that_a_refusal_names_works(subjects: int, protocol: str) -> None:
    samples = cohort(subjects)
    remedy = refusal(samples, protocol)
    named = re.findall(r"kfold:\d+|holdout", remedy)
    if not named:
        assert remedy == ("" if fits(subjects, protocol) else "Give 24 subjects or more")
    assert bool(named) == (subjects >= 24 and not fits(subjects, protocol))
    for other in named:
        assert draw_split(samples, BINARY, other, 0).protocol == other


def fits(subjects: int, protocol: str) -> bool:
    return subjects >= {"kfold:5": 40, "kfold:20": 160, "holdout": 50}[protocol]


def refusal(samples: pl.DataFrame, protocol: str) -> str:
    """The remedy of a refusal, "" where the split is drawn."""
    try:
        draw_split(samples, BINARY, protocol, 0)
    except InputError as refused:
        return refused.remedy
    return ""


def test_too_few_subjects_for_an_official_split_are_refused() -> None:
    samples = cohort(12)
    subjects = samples["subject_id"].unique(maintain_order=True).to_list()
    folds = {name: (10 if row < 2 else 9 if row < 4 else 1) for row, name in enumerate(subjects)}
    few = samples.with_columns(official_fold=pl.col("subject_id").replace_strict(folds))
    assert draw_split(few, BINARY, "official", 0, OFFICIAL).evaluated == (0,)
    fewer = few.filter(pl.col("subject_id") != subjects[-1])
    with pytest.raises(InputError, match="the other 9 subjects in 5 folds leave 1 per fold; cross-fitting needs 2"):
        draw_split(fewer, BINARY, "official", 0, OFFICIAL)


@pytest.mark.parametrize("default", ["kfold:5", "kfold:3", "kfold:10"])
@pytest.mark.parametrize("subjects", [24, 31, 36, 39, 40, 79, 200])
def test_a_default_protocol_fits_the_cohort(default: str, subjects: int) -> None:
    protocol = fitting_protocol(default, subjects)
    split = draw_split(cohort(subjects), BINARY, protocol, 0)
    asked = int(default.partition(":")[2])
    assert len(split.evaluated) == min(asked, subjects // 8)
    if subjects >= 8 * asked:
        assert protocol == default


def test_a_default_that_is_not_k_fold_is_left_as_it_is() -> None:
    assert [fitting_protocol(name, 10) for name in ("holdout", "official")] == ["holdout", "official"]


@pytest.mark.parametrize(
    ("folds", "part"), [((10,), "test"), ((9,), "validation"), ((1, 2, 3, 4, 5, 6, 7, 8), "training")]
)
def test_an_empty_official_part_is_refused_by_name(folds: tuple[int, ...], part: str) -> None:
    samples = cohort().filter(~pl.col("official_fold").is_in(folds))
    with pytest.raises(InputError, match=f"official {part} part is empty"):
        draw_split(samples, BINARY, "official", 0, OFFICIAL)


def test_a_cohort_without_official_folds_has_no_such_protocol() -> None:
    for samples, official in ((cohort(), None), (cohort().drop("official_fold"), OFFICIAL)):
        with pytest.raises(InputError, match="no official folds"):
            draw_split(samples, BINARY, "official", 0, official)


def test_a_subject_in_two_official_folds_is_refused_without_its_name() -> None:
    samples = cohort()
    twice = samples.filter(pl.col("subject_id").is_duplicated())["subject_id"][0]
    rows = samples["subject_id"] == twice
    crossing = samples.with_columns(
        official_fold=pl.when(rows).then(pl.arange(0, pl.len()) % 8 + 1).otherwise(pl.col("official_fold"))
    )
    crossing = crossing.with_columns(
        official_fold=pl.when(rows & rows.cum_sum().eq(1)).then(10).otherwise(pl.col("official_fold"))
    )
    with pytest.raises(InputError, match="1 subjects are in two official folds") as told:
        draw_split(crossing, BINARY, "official", 0, OFFICIAL)
    assert twice not in str(told.value)


def test_one_label_for_all_is_still_a_split() -> None:
    split = draw_split(cohort(positive=1.0).with_columns(cd=pl.lit(1.0)), BINARY, "kfold:3", 0)
    assert set(split.table["fold"]) == {0, 1, 2}
