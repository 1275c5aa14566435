"""The benchmark on the synthetic world: what a resumed run measures again, and what it reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from medkd import registry
from medkd.benchmark.candidates import find_candidates
from medkd.benchmark.condition import Condition
from medkd.benchmark.experiment import Budget
from medkd.benchmark.synthetic import run
from medkd.benchmark.synthetic.run import ConditionScores, run_conditions
from medkd.benchmark.synthetic.world import SyntheticWorld

BUDGET = Budget(
    seeds=2, baseline_seeds=2, tuning_seeds=1, scored=60, batch=8, stops=(2, 4), decays=(0.3, 3.0), ratios=(1.0,)
)
CENTRE = Condition("centre", 60, 0.5)
CONTROL = replace(CENTRE, factor="control", teacher="shuffled_teacher")


def measured(out: Path, *names: str, conditions: Sequence[Condition] = (CENTRE, CONTROL)) -> list[ConditionScores]:
    candidates = find_candidates(registry, names)[0]
    return run_conditions(conditions, candidates, SyntheticWorld(), BUDGET, out, jobs=1)


@pytest.fixture
def experiments(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The objectives of each experiment that was run."""
    started: list[list[str]] = []
    experiment = run.run_experiment

    def counted(tuning, reported, teacher, candidates, *others):
        started.append([candidate.name for candidate in candidates])
        return experiment(tuning, reported, teacher, candidates, *others)

    monkeypatch.setattr(run, "run_experiment", counted)
    return started


def test_an_objective_that_is_added_is_measured_beside_those_that_were(tmp_path: Path, experiments: list[list[str]]):
    before = measured(tmp_path, "soft_labels")
    assert experiments == [["soft_labels"]] * 2
    after = measured(tmp_path, "soft_labels", "rkd")
    assert experiments[2:] == [["rkd"]] * 2
    for first, second in zip(before, after, strict=True):
        assert set(second.aurocs) == {"baseline", "teacher", "soft_labels", "rkd"}
        assert {arm: second.aurocs[arm] for arm in first.aurocs} == first.aurocs
    # One that is no longer asked for stays in the file and out of the results.
    assert [set(one.aurocs) for one in measured(tmp_path, "rkd")] == [{"baseline", "teacher", "rkd"}] * 2
    assert len(experiments) == 4


def test_a_control_is_the_centre_s_training_whatever_its_file_holds(tmp_path: Path, experiments: list[list[str]]):
    centre, control = measured(tmp_path, "soft_labels")
    assert control.settings == centre.settings
    assert control.aurocs["baseline"] == centre.aurocs["baseline"]
    (file,) = tmp_path.glob("control-*.json")
    content = json.loads(file.read_text())
    content["settings"]["soft_labels"]["steps"] += 1
    content["aurocs"]["soft_labels"] = [0.0, 0.0]
    file.write_text(json.dumps(content))
    assert measured(tmp_path, "soft_labels")[1].aurocs == control.aurocs
    assert len(experiments) == 3


def test_another_budget_or_condition_has_a_file_of_its_own(tmp_path: Path):
    measured(tmp_path, "soft_labels", conditions=[CENTRE])
    measured(tmp_path, "soft_labels", conditions=[replace(CENTRE, label_fraction=1.0)])
    candidates = find_candidates(registry, ["soft_labels"])[0]
    run_conditions([CENTRE], candidates, SyntheticWorld(), replace(BUDGET, rate=1e-3), tmp_path, jobs=1)
    run_conditions([CENTRE], candidates, SyntheticWorld(noise=0.5), BUDGET, tmp_path, jobs=1)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_run_without_the_centre_s_neighbours_gives_the_centre_the_same(tmp_path: Path):
    wide = replace(CENTRE, factor="labels", label_fraction=1.0)
    alone = measured(tmp_path / "alone", "soft_labels", conditions=[CENTRE])[0]
    beside = measured(tmp_path / "beside", "soft_labels", conditions=[CENTRE, wide])
    assert beside[0] == alone
    assert [one.condition for one in beside] == [CENTRE, wide]
