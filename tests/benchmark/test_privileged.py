"""The benchmark "privileged": its files and its page, on the synthetic world and on a cohort."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkd.cli import main

FAST = ["benchmark", "privileged", "--fast", "--jobs", "1", "--objectives", "soft_labels,class_memory"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark") / "run"
    assert main([*FAST, "--out", str(out)]) == 0
    return out


def test_results_hold_every_objective_in_every_cell(run: Path):
    table = pl.read_csv(run / "results.csv")
    assert set(table["objective"]) == {"soft_labels", "class_memory"}
    assert table.group_by("factor", "level").len()["len"].unique().to_list() == [2]
    assert set(table["factor"]) == {"centre", "samples", "labels", "control"}
    seeds = pl.read_csv(run / "seeds.csv")
    centre = seeds.filter((pl.col("factor") == "centre") & (pl.col("arm") == "soft_labels"))["auroc"].mean()
    result = table.filter((pl.col("factor") == "centre") & (pl.col("objective") == "soft_labels"))
    assert result["student"][0] == pytest.approx(centre, abs=1e-6)
    assert result["gain"][0] == pytest.approx(result["student"][0] - result["baseline"][0], abs=3e-6)


def test_the_page_stands_alone_and_names_the_excluded(run: Path):
    page = (run / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "attention_transfer: needs feature maps" in page
    assert "its numbers mean nothing" in page


def test_an_interrupted_run_resumes_and_gives_the_same(run: Path):
    conditions = {file: file.stat().st_mtime_ns for file in (run / "conditions").iterdir()}
    before = (run / "results.csv").read_bytes()
    lost = next(iter(sorted(conditions)))
    lost.unlink()
    assert main([*FAST, "--out", str(run)]) == 0
    assert (run / "results.csv").read_bytes() == before
    assert all(file.stat().st_mtime_ns == time for file, time in conditions.items() if file != lost)


def test_a_cohort_is_measured_on_test_subjects(tmp_path: Path):
    out = tmp_path / "run"
    words = [*FAST[:-1], "soft_labels", "--cohort", "demo_ecg", "--seeds", "1"]
    assert main([*words, "--out", str(out)]) == 0
    table = pl.read_csv(out / "results.csv")
    assert table.height == 5
    scores = pl.read_parquet(out / "scores.parquet")
    # A subject is tested in one fold a seed, and every arm is tested on the same.
    folds = scores.group_by("condition", "seed", "subject").agg(pl.col("fold").n_unique(), pl.col("arm").n_unique())
    assert folds["fold"].unique().to_list() == [1]
    assert folds["arm"].unique().to_list() == [3]
    assert set(scores["arm"]) == {"baseline", "teacher", "soft_labels"}
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "--cohort demo_ecg --seeds 1 --objectives soft_labels --fast" in page
