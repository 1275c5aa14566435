"""Cohorts of events: every wanted modality is extracted for the samples' series alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.data.events.event_cohort import EventCohort
from medkd.data.events.grid import Grid
from medkd.data.events.variables import Variable


@dataclass(frozen=True)
class Vitals(Grid):
    name: ClassVar[str] = "vitals"

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        return {"heart_rate": Variable("1/min", 10, 300, {}, ("HR",))}


@dataclass(frozen=True)
class Labs(Vitals):
    name: ClassVar[str] = "labs"


class Ward(EventCohort):
    name = "ward"
    marker = "ward.csv"
    default_target = "died"

    def targets(self) -> Mapping[str, Target]:
        return {"died": Target("died", "binary", ("died",))}

    def modalities(self) -> Mapping[str, Modality]:
        return {"vitals": Vitals(), "labs": Labs()}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        return pl.DataFrame({"sample_id": ["a", "b"], "subject_id": ["a", "b"], "series": [1, 2], "died": [0, 1]}), []

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame | None:
        if modality == "labs":
            return None
        return pl.LazyFrame(
            {"series": [1, 1, 3], "hours": [0.5, 1.5, 0.5], "variable": ["HR"] * 3, "value": [70.0, 999.0, 80.0]}
        )


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    (tmp_path / "ward.csv").write_text("")
    return Ward(tmp_path)


def test_samples_get_the_file_of_their_series(ward: Ward, tmp_path: Path) -> None:
    samples, _ = ward.samples(ward.target(None))
    extract = ward.extract(samples, tmp_path / "events")
    path = extract.samples["vitals"][0]
    assert extract.samples["vitals"].to_list() == [path, None], "the second series has no event"
    rows = pl.read_parquet(extract.root / path)
    assert rows.select("series", "variable", "value").rows() == [("1", "heart_rate", 70.0)], "of wanted series alone"
    assert extract.samples["labs"].to_list() == [None, None]
    reasons = {(out.reason, out.count) for out in extract.aside}
    assert reasons == {("vitals: outside plausible limits", 1), ("labs: its table is not there", 0)}


def test_only_wanted_modalities_are_extracted(ward: Ward, tmp_path: Path) -> None:
    samples, _ = ward.samples(ward.target(None))
    extract = ward.extract(samples, tmp_path / "events", wanted=["labs"])
    assert "vitals" not in extract.samples.columns
    assert not (tmp_path / "events" / "vitals").exists()
