import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.similarity_preserving import SimilarityPreserving, similarity_preserving


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10))
def test_blind_to_scale_and_rotation(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    teacher = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    rotation, _ = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64))
    student = (scale * teacher @ rotation).requires_grad_()
    assert similarity_preserving(student, teacher) < 1e-20
    other = torch.randn(6, 3, generator=generator, dtype=torch.float64).requires_grad_()
    value = similarity_preserving(other, teacher)
    (gradient,) = torch.autograd.grad(value, other)
    assert value > 0
    assert gradient.abs().max() > 0


def test_gradient():
    student, teacher = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: similarity_preserving(s, teacher), student.requires_grad_())


def test_a_dead_row_does_not_ruin_the_step():
    student = torch.randn(6, 4)
    student[2] = 0
    student.requires_grad_()
    similarity_preserving(student, torch.randn(6, 4)).backward()
    assert torch.isfinite(student.grad).all()


def test_half_precision_gram_does_not_overflow():
    # 300² x 64 is past the largest float16.
    student, teacher = (300 * torch.randn(6, 64)).half(), (300 * torch.randn(6, 64)).half()
    torch.testing.assert_close(
        similarity_preserving(student, teacher), similarity_preserving(student.float(), teacher.float())
    )


def test_module_is_the_function(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    expected = similarity_preserving(student.embedding, teacher.embedding)
    assert SimilarityPreserving()(student, {"t": teacher}, batch)["sp"] == expected
