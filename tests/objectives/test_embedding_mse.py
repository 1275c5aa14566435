import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.embedding_mse import EmbeddingMse, embedding_mse


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_smallest_at_the_teacher(seed):
    generator = torch.Generator().manual_seed(seed)
    teacher = torch.randn(4, 3, generator=generator)
    student = torch.randn(4, 3, generator=generator).requires_grad_()
    assert embedding_mse(teacher, teacher) == 0
    value = embedding_mse(student, teacher)
    (gradient,) = torch.autograd.grad(value, student)
    assert value > 0
    assert (embedding_mse(student - 0.1 * gradient, teacher)) < value


def test_gradient():
    student = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: embedding_mse(s, torch.ones(4, 3, dtype=torch.float64)), student)


def test_projection_learns_a_linear_teacher(make_batch, make_output):
    batch = make_batch(n=32)
    student = make_output(batch, dim=5)
    teacher = make_output(batch, seed=1, dim=3)
    teacher.embedding = student.embedding.detach() @ torch.randn(5, 3) + 2
    objective = EmbeddingMse(5, 3)
    optimiser = torch.optim.Adam(objective.parameters(), lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        loss = objective(student, {"t": teacher}, batch)["embedding_mse"]
        loss.backward()
        optimiser.step()
    assert loss < 1e-4


def test_module_is_the_function_of_the_projection(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    objective = EmbeddingMse(5, 3, hidden=4)
    expected = embedding_mse(objective.projector(student.embedding), teacher.embedding)
    torch.testing.assert_close(objective(student, {"t": teacher}, batch)["embedding_mse"], expected)


def test_wrong_widths_are_named(make_batch, make_output):
    batch = make_batch()
    with pytest.raises(InputError, match="student_dim to 5"):
        EmbeddingMse(4, 3)(make_output(batch, dim=5), {"t": make_output(batch, dim=3)}, batch)
    with pytest.raises(InputError, match="teacher_dim"):
        EmbeddingMse(5, 4)(make_output(batch, dim=5), {"t": make_output(batch, dim=3)}, batch)
