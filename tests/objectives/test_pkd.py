import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.pkd import PKD, pkd


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 100), shift=st.floats(-100, 100))
def test_blind_to_scale_and_offset_of_a_channel(seed, scale, shift):
    student, teacher = draw(seed, 6, 3, 4), draw(seed + 1, 6, 3, 4)
    factor = torch.tensor([scale, 1.0, 2.0], dtype=torch.float64)[:, None]
    torch.testing.assert_close(pkd(factor * student + shift, teacher), pkd(student, teacher), rtol=1e-3, atol=1e-6)
    assert pkd(factor * teacher + shift, teacher) < 1e-6
    assert 0 < pkd(student, teacher) < 2


def test_equals_numpy_correlation():
    student, teacher = draw(0, 9, 4), draw(1, 9, 4)
    expected = np.mean([1 - np.corrcoef(student[:, i], teacher[:, i])[0, 1] for i in range(4)])
    assert pkd(student, teacher).item() == pytest.approx(expected, abs=1e-5)


def test_a_collapsed_student_is_not_rewarded():
    teacher = draw(1, 8, 4)
    assert pkd(torch.zeros(8, 4, dtype=torch.float64), teacher).item() == pytest.approx(0.5, abs=1e-5)
    assert pkd(teacher + 0.1 * draw(0, 8, 4), teacher) < 0.1


def test_gradient():
    teacher = draw(1, 5, 3)
    assert torch.autograd.gradcheck(lambda s: pkd(s, teacher), draw(0, 5, 3).requires_grad_())


def test_module_is_the_function_of_the_projection(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    objective = PKD(5, 3)
    expected = pkd(objective.projector(student.embedding), teacher.embedding)
    assert objective(student, {"t": teacher}, batch)["normalised_mse"] == expected
