"""The best AUROCs are those that a large draw finds, and no view tells more than it should."""

from __future__ import annotations

import numpy as np
import pytest

from medkd.benchmark.synthetic.world import SyntheticWorld, bayes_auroc
from medkd.evidence.statistics.metrics import measure


def test_bayes_values_are_those_of_a_large_draw():
    world = SyntheticWorld()
    drawn = world.draw(2_000_000, np.random.default_rng(0))
    assert measure("auroc", drawn.y, drawn.risk) == pytest.approx(world.bayes_teacher, abs=1e-3)
    assert measure("auroc", drawn.y, drawn.posterior_mean) == pytest.approx(world.bayes_student, abs=1e-3)


def test_the_score_of_the_best_student_is_the_posterior_mean():
    world = SyntheticWorld()
    drawn = world.draw(200_000, np.random.default_rng(1))
    assert drawn.posterior_mean.var() == pytest.approx(world.reliability, abs=0.01)
    # A posterior mean is its own regression: slope one.
    assert np.polyfit(drawn.posterior_mean, drawn.risk, 1) == pytest.approx([1.0, 0.0], abs=0.02)


def test_more_reliability_ranks_better_and_a_flat_slope_not_at_all():
    values = [bayes_auroc(3.0, -1.0, share) for share in (0.1, 0.5, 0.9, 1.0)]
    assert values == sorted(values)
    assert bayes_auroc(0.0, -1.0, 0.7) == pytest.approx(0.5, abs=1e-9)


def test_views_can_be_undone():
    world = SyntheticWorld()
    first, again = (world.draw(50, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.student, again.student)
    # As many columns as what went in: signal and noise; no two columns of a large draw depend on one another linearly.
    large = world.draw(5_000, np.random.default_rng(4))
    assert large.student.shape[1] == world.seen + world.nuisance
    assert np.linalg.matrix_rank(large.student) == large.student.shape[1]
