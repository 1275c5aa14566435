import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Dirichlet

from medkd.errors import InputError
from medkd.objectives.dirichlet_mixture import (
    DirichletMixture,
    dirichlet_mixture,
    entropy_weights,
)


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), teachers=st.integers(1, 4), temperature=st.floats(0.5, 4))
def test_equals_torch_distributions(seed, teachers, temperature):
    student, taught = draw(seed, 5, 4), draw(seed + 1, teachers, 5, 4)
    weights = entropy_weights(taught)
    assert weights.sum(0).allclose(torch.ones(5).double())
    density = torch.stack(
        [Dirichlet(1 + 5 * (t / temperature).softmax(1)).log_prob((student / temperature).softmax(1)) for t in taught]
    )
    torch.testing.assert_close(
        dirichlet_mixture(student, taught, weights, temperature), -(weights * density.exp()).sum(0).log()
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_smallest_where_all_teachers_agree(seed):
    teacher, step = draw(seed, 5, 4), draw(seed + 1, 5, 4)
    taught = teacher.expand(3, 5, 4)
    weights = entropy_weights(taught)
    there = dirichlet_mixture(teacher, taught, weights)
    assert (dirichlet_mixture(teacher + 0.5 * step, taught, weights) > there).all()
    at = teacher.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(dirichlet_mixture(at, taught, weights).sum(), at)
    assert gradient.abs().max() < 1e-8


def test_a_student_far_off_has_a_finite_value_and_gradient():
    taught = draw(0, 2, 5, 4)
    far = torch.tensor([[4000.0, -4000.0, 0, 0]]).double().requires_grad_()
    value = dirichlet_mixture(far, taught[:, :1], entropy_weights(taught[:, :1]))
    (gradient,) = torch.autograd.grad(value.sum(), far)
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0.1


def test_sides_with_either_teacher_instead_of_splitting_the_difference():
    taught = torch.tensor([[[8.0, 0, 0]], [[0, 0, 8.0]]]).double()
    weights = entropy_weights(taught)
    values = [
        dirichlet_mixture(torch.tensor([x]).double(), taught, weights, concentration=30.0)
        for x in ([8.0, 0, 0], [4.0, 0, 4.0])
    ]
    assert values[0] < values[1]


def test_certain_teachers_are_believed_alike():
    weights = entropy_weights(torch.tensor([[[80.0, 0.0]], [[0.0, 80.0]]]))
    assert weights.flatten().tolist() == [0.5, 0.5]


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel"])
def test_module_is_the_mean(kind, make_batch, make_output):
    batch = make_batch(kind)
    student, teachers = make_output(batch, 1), {"a": make_output(batch, 2), "b": make_output(batch, 3)}
    term = DirichletMixture(scale=2.0)(student, teachers, batch)["prior"]
    one = DirichletMixture()(student, teachers, batch)["prior"]
    torch.testing.assert_close(term, 2 * one)
    assert term.isfinite()


def test_refuses_settings():
    with pytest.raises(InputError, match="above 0"):
        DirichletMixture(concentration=0)
