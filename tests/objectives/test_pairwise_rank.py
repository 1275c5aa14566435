import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.pairwise_rank import PairwiseRank, pairwise_rank

seeds = st.integers(0, 10_000)
temperatures = st.floats(0.3, 10)


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * (1 + seed % 5)


def chance(a, b, temperature):
    return 1 / (1 + math.exp((b - a) / temperature))


@settings(max_examples=20, deadline=None)
@given(seed=seeds, temperature=temperatures)
def test_equals_a_loop_over_ordered_pairs(seed, temperature):
    student, teacher = draw(seed, 5, 2), draw(seed + 1, 5, 2)
    costs = []
    for i, j, column in np.ndindex(5, 5, 2):
        if i != j:
            s, t = student[:, column].tolist(), teacher[:, column].tolist()
            above, below = chance(t[i], t[j], temperature), chance(t[j], t[i], temperature)
            costs.append(
                -above * math.log(chance(s[i], s[j], temperature)) - below * math.log(chance(s[j], s[i], temperature))
            )
    assert pairwise_rank(student, teacher, temperature).item() == pytest.approx(np.mean(costs), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, temperature=temperatures)
def test_least_at_the_teacher_and_nowhere_else(seed, temperature):
    teacher = draw(seed, 6, 3)
    student = teacher.clone().requires_grad_()
    least = pairwise_rank(student, teacher, temperature)
    (gradient,) = torch.autograd.grad(least, student)
    assert gradient.abs().max() < 1e-15
    assert pairwise_rank(teacher + 0.1 * draw(seed + 1, 6, 3), teacher, temperature) > least


@settings(max_examples=30, deadline=None)
@given(seed=seeds, shift=st.floats(-50, 50))
def test_an_offset_of_a_column_is_free(seed, shift):
    student, teacher = draw(seed, 6, 3), draw(seed + 1, 6, 3)
    plain = pairwise_rank(student, teacher)
    torch.testing.assert_close(pairwise_rank(student + shift, teacher), plain)
    torch.testing.assert_close(pairwise_rank(student + shift * torch.tensor([1.0, 0.0, -2.0]), teacher), plain)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_a_reversed_order_costs_more_than_none_and_none_more_than_the_order(seed):
    teacher = draw(seed, 6, 2)
    order, none, reverse = (pairwise_rank(scale * teacher, teacher) for scale in (1, 0, -1))
    assert order < none < reverse


def test_descent_turns_a_reversed_student():
    teacher = torch.tensor([[2.0], [0.0], [-2.0]])
    student = (-teacher).requires_grad_()
    (gradient,) = torch.autograd.grad(pairwise_rank(student, teacher), student)
    assert gradient[0] < 0 < gradient[2]
    assert gradient[1].abs() < 1e-7


def test_gradient():
    student, teacher = draw(3, 5, 2).requires_grad_(), draw(4, 5, 2)
    assert torch.autograd.gradcheck(lambda s: pairwise_rank(s, teacher, 1.5), student)


def test_far_tails_keep_their_gradient():
    student = torch.tensor([[40.0], [-40.0]], requires_grad=True)
    value = pairwise_rank(student, torch.tensor([[-40.0], [40.0]]))
    value.backward()
    assert value.item() == pytest.approx(80)
    assert student.grad.flatten().tolist() == pytest.approx([1, -1])


def test_differences_of_half_precision_do_not_overflow():
    student = torch.tensor([[6e4], [-6e4]], dtype=torch.float16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = pairwise_rank(student, -student)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(119_936, rel=1e-3)


@pytest.mark.parametrize("columns", [1, 3])
def test_one_sample_has_no_order(columns):
    student = draw(0, 1, columns).requires_grad_()
    value = pairwise_rank(student, draw(1, 1, columns))
    value.backward()
    assert value == 0
    assert torch.equal(student.grad, torch.zeros_like(student))


@pytest.mark.parametrize("kind", ["binary", "multilabel", "multiclass", "regression"])
def test_labels_change_nothing(kind, make_batch, make_output):
    some, none = make_batch(kind), make_batch(kind, labelled=0)
    student, teacher = make_output(some, 1), make_output(some, 2)
    objective = PairwiseRank(temperature=2.0)
    term = objective(student, {"t": teacher}, some)["ranknet"]
    assert term == objective(student, {"t": teacher}, none)["ranknet"]
    s, t = (x.logits.log_softmax(dim=1) if kind == "multiclass" else x.logits for x in (student, teacher))
    torch.testing.assert_close(term, pairwise_rank(s, t, 2.0))


@pytest.mark.parametrize("seed", [1, 2])
def test_an_offset_of_a_sample_is_free_where_classes_exclude_each_other(seed, make_batch, make_output):
    offset = torch.linspace(-3, 5, 8)[:, None]
    for kind, free in (("multiclass", True), ("multilabel", False)):
        batch = make_batch(kind)
        outputs = {1: make_output(batch, 1), 2: make_output(batch, 2)}
        plain = PairwiseRank()(outputs[1], {"t": outputs[2]}, batch)["ranknet"]
        outputs[seed] = Output(outputs[seed].logits + offset)
        moved = PairwiseRank()(outputs[1], {"t": outputs[2]}, batch)["ranknet"]
        assert moved.allclose(plain, atol=1e-5) == free


def test_columns_are_chosen_by_name(make_batch, make_output):
    batch = make_batch("multiclass")
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    term = PairwiseRank(columns=["z", "x"])(student, {"t": teacher}, batch)["ranknet"]
    s, t = (x.logits.log_softmax(dim=1)[:, [0, 2]] for x in (student, teacher))
    torch.testing.assert_close(term, pairwise_rank(s, t))
    with pytest.raises(InputError, match=r"no output 'w'.*x, y, z"):
        PairwiseRank(columns=["w"]).check(batch.target)


def test_refuses(make_batch, make_output):
    with pytest.raises(InputError, match="temperature is 0"):
        PairwiseRank(temperature=0)
    with pytest.raises(InputError, match="columns is empty"):
        PairwiseRank(columns=[])
    with pytest.raises(InputError, match="names one twice: x, y, x"):
        PairwiseRank(columns=["x", "y", "x"])
    classes, labels = make_batch("multiclass"), make_batch("binary")
    with pytest.raises(InputError, match="same target"):
        PairwiseRank()(make_output(classes), {"t": make_output(labels)}, classes)
