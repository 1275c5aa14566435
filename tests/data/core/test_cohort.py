"""A cohort on disk: its marker, its targets by name, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.errors import InputError


class Clinic(Cohort):
    """Two targets."""

    name = "clinic"
    marker = "patients.csv"
    default_target = "CD"

    def targets(self) -> Mapping[str, Target]:
        return {key: Target(key, "binary", (key,)) for key in ("CD", "norm")}

    def modalities(self) -> Mapping[str, Modality]:
        return {}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        return pl.read_csv(self.root / self.marker), []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "patients.csv").write_text("sample_id,subject_id,CD,norm\n1,1,0,1\n")
    return tmp_path


def test_a_target_is_found_whatever_its_case(root: Path) -> None:
    clinic = Clinic(root)
    assert clinic.target(None).key == clinic.target("cd").key == "CD"
    assert clinic.target("NORM").key == "norm"
    with pytest.raises(InputError, match=r"no target 'CDD' .*Did you mean 'CD'"):
        clinic.target("CDD")


def test_a_folder_of_another_data_set_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Clinic(tmp_path / "missing")
    (root / "patients.csv").rename(root / "people.csv")
    with pytest.raises(InputError, match=r"holds no patients.csv .*cohort clinic"):
        Clinic(root)


def test_a_cohort_of_files_extracts_nothing(root: Path, tmp_path: Path) -> None:
    clinic = Clinic(root)
    samples, _ = clinic.samples(clinic.target(None))
    extract = clinic.extract(samples, tmp_path / "extracted")
    assert extract.root == root
    assert extract.samples.equals(samples)
    assert extract.aside == ()
    assert not (tmp_path / "extracted").exists()


def test_the_default_protocol_is_five_folds(root: Path) -> None:
    assert Clinic(root).default_protocol == "kfold:5"
    assert Clinic(root).official_folds is None
