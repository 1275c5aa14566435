import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from medkd.errors import InputError
from medkd.objectives.rkd import RKD, rkd_angle, rkd_distance


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10), shift=st.floats(-100, 100))
def test_blind_to_scale_shift_and_rotation(seed, scale, shift):
    teacher = draw(seed, 6, 4)
    rotation, _ = torch.linalg.qr(draw(seed + 1, 4, 4))
    student = scale * teacher @ rotation + shift
    assert rkd_distance(student, teacher) < 1e-12
    assert rkd_angle(student, teacher) < 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_pulls_a_student_that_differs(seed):
    teacher = draw(seed, 6, 4)
    for loss in (rkd_distance, rkd_angle):
        student = draw(seed + 1, 6, 3).requires_grad_()
        value = loss(student, teacher)
        (gradient,) = torch.autograd.grad(value, student)
        assert value > 0
        assert loss(student - 1e-3 * gradient / gradient.norm(), teacher) < value


def test_angle_equals_the_definition_triple_by_triple():
    student, teacher = draw(0, 5, 3), draw(1, 5, 7)

    def cosine(x, i, j, k):
        a, b = x[j] - x[i], x[k] - x[i]
        size = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / size if size else 0.0

    total = 0.0
    for i, j, k in np.ndindex(5, 5, 5):
        x = abs(cosine(student.numpy(), i, j, k) - cosine(teacher.numpy(), i, j, k))
        total += 0.5 * x * x if x < 1 else x - 0.5
    assert rkd_angle(student, teacher).item() == pytest.approx(total / 125, rel=1e-10)


@pytest.mark.parametrize("loss", [rkd_distance, rkd_angle])
def test_gradient(loss):
    teacher = draw(1, 5, 4)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher), draw(0, 5, 3).requires_grad_())


@pytest.mark.parametrize("loss", [rkd_distance, rkd_angle])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_duplicates_far_from_the_origin(loss, dtype):
    student, teacher = (draw(0, 6, 4) + 1000).to(dtype), draw(1, 6, 4).to(dtype)
    student[3] = student[1]
    student.requires_grad_()
    value = loss(student, teacher)
    value.backward()
    assert torch.isfinite(value)
    assert student.grad.abs().max() < 10


@pytest.mark.parametrize("loss", [rkd_distance, rkd_angle])
def test_float32_far_from_the_origin(loss):
    student, teacher = draw(0, 16, 8), draw(1, 16, 8)
    exact = loss((student + 64).float().double(), teacher)
    torch.testing.assert_close(loss((student + 64).float(), teacher.float()).double(), exact, rtol=1e-4, atol=1e-7)


class _Largest(TorchDispatchMode):
    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.size = max(self.size, out.numel())
        return out


def test_no_tensor_of_pairwise_differences():
    b, d = 8, 300
    student = draw(0, b, d).requires_grad_()
    with _Largest() as largest:
        (rkd_distance(student, draw(1, b, d)) + rkd_angle(student, draw(1, b, d))).backward()
    assert largest.size <= b * d


def test_module_is_the_functions_weighted(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    terms = RKD(distance_weight=2.0, angle_weight=3.0)(student, {"t": teacher}, batch)
    torch.testing.assert_close(terms["rkd_d"], 2 * rkd_distance(student.embedding, teacher.embedding))
    torch.testing.assert_close(terms["rkd_a"], 3 * rkd_angle(student.embedding, teacher.embedding))
    assert set(RKD(angle_weight=0.0)(student, {"t": teacher}, batch)) == {"rkd_d"}


def test_refuses_weights():
    with pytest.raises(InputError, match="nothing to match"):
        RKD(0.0, 0.0)
    with pytest.raises(InputError, match="at least one above 0"):
        RKD(-1.0, 1.0)
