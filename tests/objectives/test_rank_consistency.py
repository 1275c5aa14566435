import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.rank_consistency import RankConsistency, rank_consistency


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10))
def test_zero_at_the_teacher_up_to_scale_and_rotation(seed, scale):
    teacher = draw(seed, 6, 4)
    rotation, _ = torch.linalg.qr(draw(seed + 1, 4, 4))
    assert rank_consistency(scale * teacher @ rotation, teacher) < 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_collapsed_student_pays(seed):
    teacher = draw(seed, 6, 4)
    collapsed = teacher.mean(0).expand(6, 4)
    assert rank_consistency(collapsed, teacher) > rank_consistency(teacher, teacher)


@settings(max_examples=20, deadline=None)
@given(angle=st.floats(0.1, 1.4))
def test_a_reversed_order_is_penalised(angle):
    near, far = torch.tensor([angle / 2, angle]).double()
    zero = torch.zeros(()).double()

    def fan(a, b):
        angles = torch.stack([zero, a, b])
        return torch.stack([angles.cos(), angles.sin()], dim=1)

    teacher, reversed_order = fan(near, far), fan(far, near)
    assert rank_consistency(reversed_order, teacher) > rank_consistency(teacher, teacher)


def test_equals_the_definition_triple_by_triple():
    student, teacher = draw(0, 5, 3), draw(1, 5, 7)

    def cosines(x):
        unit = x.numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True)
        return unit @ unit.T

    s, t = cosines(student), cosines(teacher)
    values = []
    for i, j, k in np.ndindex(5, 5, 5):
        if len({i, j, k}) == 3:
            dt, ds = t[i, j] - t[i, k], s[i, j] - s[i, k]
            values.append(max(0.0, abs(dt) - np.sign(dt) * ds))
    assert rank_consistency(student, teacher).item() == pytest.approx(np.mean(values))


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_samples_have_no_order(n):
    student = draw(0, n, 3).requires_grad_()
    value = rank_consistency(student, draw(1, n, 3))
    value.backward()
    assert value == 0
    assert student.grad.isfinite().all()


def test_module(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    term = RankConsistency()(student, {"t": teacher}, batch)["rank"]
    torch.testing.assert_close(term, rank_consistency(student.embedding, teacher.embedding))
