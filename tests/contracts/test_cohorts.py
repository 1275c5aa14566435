"""Every cohort keeps the contract of ``medkd.data.core.cohort``; a new one is swept without writing a test.

Synthetic cohorts run everywhere; real ones on the data below MEDKD_SHARED, and are skipped where there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from medkd import registry
from medkd.data.core.cohort import Cohort, Extract
from medkd.data.core.sample import REQUIRED, Exclusion, check_samples
from medkd.data.core.target import Kind
from medkd.errors import InputError, RecordError

IDENTIFYING = ("name", "birth", "dob", "address", "phone", "email", "mrn", "zip", "ssn")
"""Words that no column of a sample table is called by: what it holds travels into runs."""


def test_the_sweep_finds_the_cohorts():
    assert {"demo_ecg", "demo_icu", "demo_cgm", "ptbxl", "brugada_huca", "mimic3", "mimic4", "eicu", "cinc2012"} <= {
        entry.name for entry in registry.entries("cohorts")
    }


@pytest.fixture
def cohort(cohort_class: type[Cohort], open_cohort: Callable[[type[Cohort]], Cohort | None]) -> Cohort:
    """The cohort of that name, opened; skipped where its data is not there."""
    cohort = open_cohort(cohort_class)
    if cohort is None:
        pytest.skip(f"no {cohort_class.marker} below MEDKD_SHARED")
    return cohort


@cache
def samples_of(cohort: Cohort, key: str) -> tuple[pl.DataFrame, list[Exclusion]]:
    """Samples and exclusions of a target, read once."""
    return cohort.samples(cohort.target(key))


def default_samples(cohort: Cohort) -> pl.DataFrame:
    return samples_of(cohort, cohort.target(None).key)[0]


@cache
def extracted(cohort: Cohort, folder: Path) -> Extract:
    """Signals of the first samples, extracted once."""
    return cohort.extract(default_samples(cohort).head(60), folder)


@pytest.fixture
def extract(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Extract:
    """Signals of the cohort's first samples."""
    return extracted(cohort, tmp_path_factory.getbasetemp() / f"extract-{cohort.name}")


def test_it_is_described(cohort_class, cohort_name):
    assert cohort_class.name == cohort_name
    assert cohort_class.marker
    assert cohort_class.licence
    assert cohort_class.__doc__


def test_targets_have_a_rule_and_a_kind(cohort):
    targets = cohort.targets()
    assert targets
    for key, target in targets.items():
        assert target.key == key
        assert target.kind in get_args(Kind)
        assert target.rule.strip(), f"target {key} does not say what counts as what"
        assert target.columns
    assert cohort.target(None).key in targets
    first = next(iter(targets))
    assert cohort.target(first.upper()) == targets[first]


def test_an_unknown_target_is_one_line_with_the_nearest_name(cohort):
    key = next(iter(cohort.targets()))
    with pytest.raises(InputError, match=f"Did you mean '{key}'") as refused:
        cohort.target(f"{key}x")
    assert "\n" not in str(refused.value)


def test_samples_can_be_used(cohort):
    for target in cohort.targets().values():
        table, _ = samples_of(cohort, target.key)
        checked = check_samples(table, target, cohort.root)
        assert checked.height == table.height
        assert table.select(pl.col(REQUIRED).null_count()).sum_horizontal().item() == 0
        if target.kind in ("binary", "multilabel"):
            labels = table.select(pl.col(target.columns).cast(pl.Float64)).unpivot()["value"].drop_nulls()
            assert set(labels.unique()) <= {0.0, 1.0}
            assert labels.n_unique() == 2, f"{target.key} is the same for all"
        if target.kind == "multiclass":
            assert table[target.columns[0]].drop_nulls().is_between(0, len(target.classes) - 1).all()
        if len(target.classes) > 1:
            assert len(set(target.classes)) == len(target.classes)


def test_no_column_identifies_a_person(cohort):
    """Ages as published: none above 90, which stands for all who are older."""
    table = default_samples(cohort)
    for column in table.columns:
        words = column.lower().split("_")
        assert not set(words) & set(IDENTIFYING), f"column {column}"
    if "age" in table.columns:
        assert table["age"].drop_nulls().is_between(0, 90).all()
    if "sex" in table.columns:
        assert set(table["sex"].drop_nulls()) <= {"female", "male"}


def test_reading_again_gives_the_same_samples_and_exclusions(cohort):
    key = cohort.target(None).key
    table, excluded = samples_of(cohort, key)
    other, others = samples_of(type(cohort)(cohort.root), key)
    assert table.equals(other)
    assert excluded == others


def test_every_exclusion_is_counted_once(cohort):
    for target in cohort.targets().values():
        _, excluded = samples_of(cohort, target.key)
        assert all(isinstance(exclusion, Exclusion) for exclusion in excluded)
        assert all(exclusion.count > 0 for exclusion in excluded)
        reasons = [exclusion.reason for exclusion in excluded]
        assert len(set(reasons)) == len(reasons)
        assert all(reason and "\n" not in reason for reason in reasons)


def test_what_is_used_and_what_is_excluded_add_up(cohort):
    """Targets of one cohort start from the same samples, or the same series of which one gives several samples."""
    counts = []
    for target in cohort.targets().values():
        table, excluded = samples_of(cohort, target.key)
        units = {table.height, table["series"].n_unique()} if "series" in table.columns else {table.height}
        counts.append({unit + sum(exclusion.count for exclusion in excluded) for unit in units})
    assert set.intersection(*counts), f"used + excluded differs between targets: {counts}"


def test_official_folds_are_in_the_table(cohort):
    if cohort.official_folds is None or cohort.default_protocol != "official":
        pytest.skip(f"{cohort.name} publishes no folds, or too few samples for them")
    table = default_samples(cohort)
    folds = set(table["official_fold"].drop_nulls())
    named = set(cohort.official_folds.test) | set(cohort.official_folds.validation)
    assert named < folds
    per_subject = table.group_by("subject_id").agg(pl.col("official_fold").n_unique())
    assert per_subject["official_fold"].max() == 1


def test_every_modality_is_registered_and_has_a_signal(cohort, extract):
    modalities = cohort.modalities()
    assert modalities
    for name, modality in modalities.items():
        assert modality.name == name
        assert type(modality) is registry.modality(name)
        assert extract.samples[name].count(), f"none of {extract.samples.height} samples has {name}"
        row = next(row for row in extract.samples.to_dicts() if row[name] is not None)
        try:
            modality.read(row, extract.root)
        except RecordError as error:
            pytest.fail(f"{name} of the first sample cannot be read: {error}")


def test_only_the_modalities_that_are_wanted_are_extracted(cohort, extract, tmp_path):
    wanted = list(cohort.modalities())[-1]
    part = cohort.extract(default_samples(cohort).head(60), tmp_path, {wanted})
    assert part.samples[wanted].to_list() == extract.samples[wanted].to_list()
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert written <= {wanted}


def test_a_wrong_root_is_one_line(cohort_class, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("nothing of the cohort")
    for root in ("missing", "empty", "other"):
        with pytest.raises(InputError) as refused:
            cohort_class(tmp_path / root)
        assert "\n" not in str(refused.value)
        assert refused.value.remedy


# Synthetic cohorts


def content(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def synthesise(cohort_class: Any) -> Callable[..., Path]:
    """``synthesise(root, subjects=..., seed=...)`` of a synthetic cohort."""
    if not hasattr(cohort_class, "synthesise"):
        pytest.skip(f"{cohort_class.name} is real data")
    return cohort_class.synthesise


def test_a_synthetic_cohort_is_the_same_bytes_for_the_same_seed(synthesise, synthesised, cohort_class, tmp_path):
    first = content(synthesised(cohort_class))
    assert first == content(synthesise(tmp_path / "again", subjects=30))
    assert first != content(synthesise(tmp_path / "seed", subjects=30, seed=1))


def test_a_synthetic_cohort_never_replaces_what_it_did_not_write(synthesise, tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(InputError) as refused:
        synthesise(tmp_path, subjects=30)
    assert "\n" not in str(refused.value)
    assert (tmp_path / "diary.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_synthetic_cohort_refuses_settings_out_of_range_in_one_line(synthesise, tmp_path):
    with pytest.raises(InputError) as refused:
        synthesise(tmp_path / "root", subjects=1)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "root").exists()
