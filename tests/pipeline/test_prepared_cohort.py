"""Prepared cohort: what is kept of it, and what makes two of them the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medkd.data.core.cohort import OfficialFolds
from medkd.data.core.sample import Exclusion
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import FILE, PreparedCohort, trusted

Named = Callable[..., PreparedCohort]


def test_it_survives_being_written(named_cohort: Named, tmp_path: Path):
    full = {
        "official": OfficialFolds((10,), (9,)),
        "flow": (Exclusion("samples found", 3), Exclusion("samples kept", 2)),
        "aside": (Exclusion("no unit", 1),),
        "model_inputs": {"student": {"view": "ecg[I]", "modalities": {"ecg": {"class_path": "a.B", "init_args": {}}}}},
        "stores": {"student": {"ecg": "/somewhere"}},
    }
    for cohort in (named_cohort(), named_cohort().model_copy(update=full)):
        cohort.save(tmp_path)
        again = PreparedCohort.load(tmp_path)
        assert again == cohort
        assert again.digest == cohort.digest
        assert type(again.target.prediction_hour) is type(cohort.target.prediction_hour) is int


def test_its_digest_follows_what_decides_later_stages_and_no_path(named_cohort: Named):
    cohort = named_cohort()
    moved = {"root": "/elsewhere", "stores": {"student": {"ecg": "/elsewhere"}}, "licence": "other"}
    assert cohort.model_copy(update=moved).digest == cohort.digest
    for key, value in (("name", "other"), ("protocol", "holdout"), ("data_sha256", "1"), ("samples_sha256", "1")):
        assert cohort.model_copy(update={key: value}).digest != cohort.digest


def test_a_folder_without_one_and_a_damaged_one_are_refused(named_cohort: Named, tmp_path: Path):
    with pytest.raises(InputError, match="nothing was prepared here"):
        PreparedCohort.load(tmp_path)
    named_cohort().save(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    changes = [({"schema_version": 1}, "schema_version"), ({"colour": "red"}, "colour"), ({"target": 3}, "target")]
    for change, what in changes:
        (tmp_path / FILE).write_text(json.dumps(content | change))
        with pytest.raises(InputError, match=what):
            PreparedCohort.load(tmp_path)


def test_a_recipe_s_own_packages_are_trusted():
    spec = {"modalities": {"ecg": {"class_path": "medkd.modalities.ecg.ECG"}, "x": {"class_path": "ours.x.X"}}}
    assert set(trusted(spec)) == {"medkd", "ours"}
