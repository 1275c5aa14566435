import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.hybrid_divergence import HybridDivergence, hybrid_divergence


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_gradient_vanishes_at_the_teacher(seed):
    teacher = draw(seed, 6, 4)
    student = teacher.clone().requires_grad_()
    label = torch.randint(4, (6,), generator=torch.Generator().manual_seed(seed))
    loss, _ = hybrid_divergence(student, teacher, label, torch.ones(6).bool())
    (gradient,) = torch.autograd.grad(loss, student)
    assert gradient.abs().max() < 1e-12


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_expectation_is_the_mean_over_every_draw(seed):
    student, teacher, known = draw(seed, 5, 3), draw(seed + 1, 5, 3), torch.ones(5).bool()
    label = torch.randint(3, (5,), generator=torch.Generator().manual_seed(seed))
    expected, _ = hybrid_divergence(student, teacher, label, known)
    share = student.softmax(1)
    mean = torch.zeros(()).double()
    for position in range(5):
        for z in range(3):
            one = slice(position, position + 1)
            value, _ = hybrid_divergence(student[one], teacher[one], label[one], known[one], torch.tensor([z]))
            mean += share[position, z] * value / 5
    torch.testing.assert_close(expected, mean, rtol=1e-6, atol=1e-9)


def test_a_label_that_the_teacher_likes_more_is_raised_and_one_it_likes_less_lowered():
    label, known = torch.tensor([0]), torch.tensor([True])
    for teacher, sign in (([4.0, 0, 0], -1), ([-4.0, 0, 0], 1)):
        student = torch.zeros(1, 3).double().requires_grad_()
        loss, _ = hybrid_divergence(student, torch.tensor([teacher]).double(), label, known)
        (gradient,) = torch.autograd.grad(loss, student)
        assert gradient[0, 0].sign() == sign


def test_excluded_classes_stay_excluded():
    student = torch.tensor([[0.0, 1.0, -torch.inf]]).requires_grad_()
    teacher = torch.tensor([[1.0, 0.0, -torch.inf]])
    loss, _ = hybrid_divergence(student, teacher, torch.tensor([0]), torch.tensor([True]))
    without, _ = hybrid_divergence(student[:, :2], teacher[:, :2], torch.tensor([0]), torch.tensor([True]))
    torch.testing.assert_close(loss, without)
    loss.backward()
    assert student.grad.isfinite().all()
    assert student.grad[0, 2] == 0
    shut_out, _ = hybrid_divergence(
        torch.zeros(1, 2), torch.tensor([[0.0, -torch.inf]]), torch.tensor([1]), torch.tensor([True])
    )
    assert shut_out.isfinite()


@pytest.mark.parametrize("draw_by", ["expected", "sampled", "greedy"])
@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel"])
def test_module_takes_every_target(kind, draw_by, make_batch, make_output):
    batch = make_batch(kind)
    student = make_output(batch, 1)
    HybridDivergence(draw_by)(student, {"t": make_output(batch, 2)}, batch)["hpd"].backward()
    assert student.logits.grad.isfinite().all()
    assert student.logits.grad[~batch.labelled.all(1)].abs().sum() == 0 or kind == "multilabel"


def test_positions_of_a_sequence(make_batch, make_output):
    batch = make_batch(labelled=1)
    batch.targets, batch.labelled = torch.randint(3, (8, 4)).float(), torch.rand(8, 4) < 0.5
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    student.logits, teacher.logits = torch.randn(8, 4, 3), torch.randn(8, 4, 3)
    term = HybridDivergence()(student, {"t": teacher}, batch)["hpd"]
    flat, _ = hybrid_divergence(
        student.logits.flatten(0, 1),
        teacher.logits.flatten(0, 1),
        batch.targets.flatten().long(),
        batch.labelled.flatten(),
    )
    torch.testing.assert_close(term, flat)
    batch.targets, batch.labelled = batch.targets[:, :1], batch.labelled[:, :1]
    with pytest.raises(InputError, match="32 positions and 8 labels"):
        HybridDivergence()(student, {"t": teacher}, batch)


def test_refuses_an_unknown_draw():
    with pytest.raises(InputError, match="Did you mean 'greedy'"):
        HybridDivergence("gredy")
