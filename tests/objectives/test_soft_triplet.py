import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.soft_triplet import SoftTriplet, soft_triplet


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), margin=st.floats(0, 3))
def test_soft_lies_above_the_hinge_and_is_never_done(seed, margin):
    anchor, positive, negative = draw(seed, 3, 5, 4)
    soft = soft_triplet(anchor, positive, negative, margin)
    near, far = (anchor - positive).norm(dim=1), (anchor - negative).norm(dim=1)
    hinge = (near - far + margin).relu()
    assert (soft > hinge - 1e-5).all()
    assert (soft < hinge + 0.6932 + 1e-5).all()
    assert (soft_triplet(anchor, positive, negative + 100, margin) > 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_collapse_is_worse_than_the_teacher(seed):
    teacher = draw(seed, 6, 4)
    collapsed = teacher.mean(0).expand(6, 4)
    others = teacher.roll(1, 0)
    assert soft_triplet(teacher, teacher, others).mean() < soft_triplet(collapsed, teacher, others).mean()


def test_gradient_is_zero_where_all_coincide():
    anchor = torch.ones(2, 3).requires_grad_()
    soft_triplet(anchor, torch.ones(2, 3), torch.ones(2, 3)).sum().backward()
    assert anchor.grad.abs().max() == 0


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_negatives_differ_in_their_label(kind, make_batch, make_output):
    batch = make_batch(kind)
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    objective = SoftTriplet(5, 3)
    term = objective(student, {"t": teacher}, batch)["triplet"]
    s, y, known = objective.projector(student.embedding), batch.targets, batch.labelled
    rows = []
    for i in range(len(batch)):
        others = [j for j in range(len(batch)) if ((y[i] - y[j]).abs().ge(0.5) & known[i] & known[j]).any()]
        if others:
            rows.append(
                torch.stack([soft_triplet(s[i], teacher.embedding[i], teacher.embedding[j]) for j in others]).mean()
            )
    torch.testing.assert_close(term, torch.stack(rows).mean())


def test_one_class_is_zero(make_batch, make_output):
    batch = make_batch(labelled=1)
    batch.targets = torch.zeros_like(batch.targets)
    student = make_output(batch, 1, dim=5)
    value = SoftTriplet(5, 3)(student, {"t": make_output(batch, 2, dim=3)}, batch)["triplet"]
    value.backward()
    assert value == 0
    assert student.embedding.grad.isfinite().all()


def test_refuses():
    with pytest.raises(InputError, match="least_difference is 0"):
        SoftTriplet(5, 3, least_difference=0.0)
