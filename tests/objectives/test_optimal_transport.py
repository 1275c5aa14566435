import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from medkd.errors import InputError
from medkd.objectives.optimal_transport import OptimalTransport, potentials, sinkhorn_divergence, transport_cost

EXACT = {"sweeps": 200, "tolerance": 1e-10}


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000), eps=st.sampled_from([0.05, 0.5, 5.0]), rows=st.integers(1, 6), columns=st.integers(1, 6)
)
def test_the_plan_has_its_masses(seed, eps, rows, columns):
    cost = draw(seed, 3, rows, columns).square()
    f, g = potentials(cost, eps, **EXACT)
    plan = (f + g - cost / eps).exp()
    torch.testing.assert_close(plan.sum(2), torch.full((3, rows), 1 / rows, dtype=torch.float64))
    torch.testing.assert_close(plan.sum(1), torch.full((3, columns), 1 / columns, dtype=torch.float64))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_blur_costs_at_most_its_entropy_above_the_best_assignment(seed):
    student, teacher = draw(seed, 1, 5, 2), draw(seed + 1, 1, 5, 2)
    table = torch.cdist(teacher, student)[0].square().numpy()
    best = table[linear_sum_assignment(table)].mean()
    for eps in (0.05, 0.5):
        cost, _ = transport_cost(student, teacher, eps, **EXACT)
        assert best - 1e-6 <= cost.item() <= best + eps * math.log(5) + 1e-6


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), eps=st.sampled_from([0.1, 1.0, 10.0]))
def test_the_debiased_cost_is_smallest_at_the_teacher(seed, eps):
    teacher = draw(seed, 2, 5, 3)
    at = teacher[:, torch.randperm(5)].clone().requires_grad_()
    value = sinkhorn_divergence(at, teacher, eps, **EXACT)
    assert value.abs().max() < 1e-9
    value.sum().backward()
    assert at.grad.abs().max() < 1e-6
    assert (sinkhorn_divergence(teacher + 0.3 * draw(seed + 1, 2, 5, 3), teacher, eps, **EXACT) > 0).all()


def test_the_published_cost_rewards_collapse_under_a_strong_blur():
    teacher = draw(0, 1, 6, 3)
    collapsed = teacher.mean(1, keepdim=True).expand_as(teacher)
    published = [transport_cost(x, teacher, 100.0, **EXACT)[0].item() for x in (collapsed, teacher)]
    debiased = [sinkhorn_divergence(x, teacher, 100.0, **EXACT).item() for x in (collapsed, teacher)]
    assert published[0] < published[1]
    assert debiased[0] > debiased[1]


def test_the_gradient_is_that_of_the_regularised_cost():
    teacher = draw(1, 2, 4, 3)
    student = draw(0, 2, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: sinkhorn_divergence(s, teacher, 0.5, **EXACT), student, eps=1e-5, atol=1e-6
    )


def test_samples_do_not_mix():
    student, teacher = draw(0, 4, 3, 2), draw(1, 4, 5, 2)
    together = sinkhorn_divergence(student, teacher, 0.3, **EXACT)
    apart = torch.cat([sinkhorn_divergence(student[i : i + 1], teacher[i : i + 1], 0.3, **EXACT) for i in range(4)])
    torch.testing.assert_close(together, apart)


def test_modules_are_the_functions(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2, dim=9)
    for debiased in (True, False):
        objective = OptimalTransport(6, 9, debiased=debiased)
        s, t = objective.projector(student.tokens) / 3, teacher.tokens / 3
        expected = sinkhorn_divergence(s, t, 0.1) if debiased else transport_cost(s, t, 0.1)[0]
        torch.testing.assert_close(objective(student, {"t": teacher}, batch)["ot"], expected.mean())
    with pytest.raises(InputError, match="teacher_dim"):
        OptimalTransport(6, 8)(student, {"t": teacher}, batch)
    with pytest.raises(InputError, match="eps is 0"):
        OptimalTransport(6, 9, eps=0)
