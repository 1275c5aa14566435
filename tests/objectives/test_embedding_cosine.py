import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cosine

from medkd.objectives.embedding_cosine import EmbeddingCosine, embedding_cosine


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_only_the_direction_counts(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64)
    value = embedding_cosine(student, teacher)
    torch.testing.assert_close(embedding_cosine(scale * student, teacher), value)
    assert embedding_cosine(scale * teacher, teacher).abs() < 1e-12
    assert embedding_cosine(-teacher, teacher).item() == pytest.approx(2)
    assert 0 < value < 2


def test_equals_scipy():
    student, teacher = torch.randn(2, 5, 7, dtype=torch.float64)
    expected = sum(cosine(s, t) for s, t in zip(student, teacher, strict=True)) / 5
    assert embedding_cosine(student, teacher).item() == pytest.approx(expected)


def test_gradient():
    student, teacher = torch.randn(2, 4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: embedding_cosine(s, teacher), student.requires_grad_())


def test_zero_embedding_has_a_bounded_gradient():
    student = torch.zeros(2, 3, requires_grad=True)
    embedding_cosine(student, torch.randn(2, 3)).backward()
    assert torch.isfinite(student.grad).all()


def test_module_is_the_function_of_the_projection(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    objective = EmbeddingCosine(5, 3)
    expected = embedding_cosine(objective.projector(student.embedding), teacher.embedding)
    torch.testing.assert_close(objective(student, {"t": teacher}, batch)["embedding_cosine"], expected)
