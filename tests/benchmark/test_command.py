"""``medkd benchmark`` from the command line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkd.benchmark.candidates import contestants
from medkd.cli import main
from medkd.objectives.objective import Objective

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
    held = table.filter((pl.col("factor") == "centre") & (pl.col("objective") == "soft_labels"))
    assert held["student"][0] == pytest.approx(centre, abs=1e-6)
    assert held["gain"][0] == pytest.approx(held["student"][0] - held["baseline"][0], abs=3e-6)


def test_the_page_stands_alone_and_names_those_that_do_not_take_part(run: Path):
    page = (run / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "attention_transfer: needs feature maps" in page
    assert "its numbers mean nothing" in page


def test_it_goes_on_where_it_stopped_and_gives_the_same(run: Path):
    cells = {file: file.stat().st_mtime_ns for file in (run / "cells").iterdir()}
    before = (run / "results.csv").read_bytes()
    lost = next(iter(sorted(cells)))
    lost.unlink()
    assert main([*FAST, "--out", str(run)]) == 0
    assert (run / "results.csv").read_bytes() == before
    assert all(file.stat().st_mtime_ns == time for file, time in cells.items() if file != lost)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("privilege", "Did you mean 'privileged'?"),
        ("privileged --objectives soft_label", "Did you mean 'soft_labels'?"),
        ("privileged --objectives attention_transfer", "needs feature maps"),
        ("privileged --objectives ,", "is not a list of names"),
        ("privileged --root x", "Name it with --cohort"),
        ("privileged --cohort ptbxll --root x", "no task has a recipe for cohort 'ptbxll'"),
        ("privileged --cohort ptbxl", "--root"),
        ("privileged --seeds 1", "one seed has no interval"),
    ],
)
def test_a_slip_ends_in_one_line(words: str, part: str, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["benchmark", *words.split()]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert part in said
    assert not list(tmp_path.iterdir())


def test_every_objective_takes_part_or_says_why_not():
    taking, absent = contestants()
    named = {one.name for one in taking} | {one.name for one in absent}
    assert len(named) == len(taking) + len(absent)
    assert {"soft_labels", "info_nce", "relational", "class_memory", "contrastive_representation"} <= {
        one.name for one in taking
    }
    assert all(one.reason for one in absent)
    assert all(isinstance(one.build(50), Objective) for one in taking)


def test_a_cohort_is_measured_on_test_subjects(tmp_path: Path):
    out = tmp_path / "run"
    words = [
        "benchmark",
        "privileged",
        "--cohort",
        "demo_ecg",
        "--fast",
        "--seeds",
        "1",
        "--jobs",
        "1",
        "--objectives",
        "soft_labels",
    ]
    assert main([*words, "--out", str(out)]) == 0
    table = pl.read_csv(out / "results.csv")
    assert table.height == 5
    scores = pl.read_parquet(out / "scores.parquet")
    # A subject is tested in one fold a seed, and every arm is tested on the same.
    folds = scores.group_by("cell", "seed", "subject").agg(pl.col("fold").n_unique(), pl.col("arm").n_unique())
    assert folds["fold"].unique().to_list() == [1]
    assert folds["arm"].unique().to_list() == [3]
    assert set(scores["arm"]) == {"baseline", "teacher", "soft_labels"}
