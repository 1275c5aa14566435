import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from medkd.errors import InputError
from medkd.objectives.soft_labels import SoftLabels, soft_labels

logits = st.integers(0, 10_000).map(
    lambda seed: torch.randn(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * (1 + seed % 9)
)
temperatures = st.floats(0.5, 10)


@settings(max_examples=30, deadline=None)
@given(student=logits, teacher=logits, temperature=temperatures, bernoulli=st.booleans())
def test_never_negative_and_zero_only_at_the_teacher(student, teacher, temperature, bernoulli):
    assert soft_labels(teacher, teacher, temperature, bernoulli=bernoulli) == 0
    if not torch.equal(student, teacher):
        student = student.clone().requires_grad_()
        value = soft_labels(student, teacher, temperature, bernoulli=bernoulli)
        assert value > 0
        (gradient,) = torch.autograd.grad(value, student)
        assert gradient.abs().max() > 0


@settings(max_examples=30, deadline=None)
@given(student=logits, teacher=logits, shift=st.floats(-50, 50))
def test_classes_do_not_depend_on_an_offset(student, teacher, shift):
    torch.testing.assert_close(soft_labels(student + shift, teacher, 2.0), soft_labels(student, teacher, 2.0))


def test_equals_scipy():
    student, teacher = torch.randn(2, 6, 4, dtype=torch.float64)
    p, q = (teacher / 3).softmax(1).numpy(), (student / 3).softmax(1).numpy()
    assert soft_labels(student, teacher, 3.0).item() == pytest.approx(9 * entropy(p, q, axis=1).mean(), rel=1e-12)
    assert soft_labels(student, teacher, 3.0, t_squared=False).item() == pytest.approx(
        entropy(p, q, axis=1).mean(), rel=1e-12
    )


def test_one_label_is_two_classes_of_which_one_is_fixed():
    student, teacher = torch.randn(2, 6, 1, dtype=torch.float64)
    zeros = torch.zeros_like(student)
    as_classes = soft_labels(torch.cat([student, zeros], 1), torch.cat([teacher, zeros], 1), 2.0)
    torch.testing.assert_close(soft_labels(student, teacher, 2.0, bernoulli=True), as_classes)


def test_labels_are_averaged():
    student, teacher = torch.randn(2, 6, 3, dtype=torch.float64)
    each = torch.stack([soft_labels(student[:, [i]], teacher[:, [i]], 2.0, bernoulli=True) for i in range(3)])
    torch.testing.assert_close(soft_labels(student, teacher, 2.0, bernoulli=True), each.mean())


@pytest.mark.parametrize("bernoulli", [False, True])
def test_gradient(bernoulli):
    student, teacher = torch.randn(2, 4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda s: soft_labels(s, teacher, 2.0, bernoulli=bernoulli), student.requires_grad_()
    )


@pytest.mark.parametrize("bernoulli", [False, True])
def test_far_tails_keep_their_gradient(bernoulli):
    student = torch.tensor([[40.0, -40.0]], requires_grad=True)
    value = soft_labels(student, torch.tensor([[-40.0, 40.0]]), 1.0, bernoulli=bernoulli)
    value.backward()
    assert value.item() == pytest.approx(40 if bernoulli else 80)
    assert student.grad.abs().min() > 0.4


@pytest.mark.parametrize(("kind", "bernoulli"), [("multiclass", False), ("binary", True), ("multilabel", True)])
def test_module_follows_the_target(kind, bernoulli, make_batch, make_output):
    batch = make_batch(kind)
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    terms = SoftLabels(temperature=3.0)(student, {"t": teacher}, batch)
    torch.testing.assert_close(terms["kd"], soft_labels(student.logits, teacher.logits, 3.0, bernoulli=bernoulli))


def test_hears_the_teacher_it_names(make_batch, make_output):
    batch = make_batch()
    student, first, second = (make_output(batch, seed) for seed in range(3))
    teachers = {"first": first, "second": second}
    torch.testing.assert_close(
        SoftLabels(teacher="second")(student, teachers, batch)["kd"],
        SoftLabels()(student, {"only": second}, batch)["kd"],
    )
    with pytest.raises(InputError, match="Did you mean 'second'"):
        SoftLabels(teacher="secnd")(student, teachers, batch)


def test_refuses(make_batch, make_output):
    with pytest.raises(InputError, match="temperature is 0"):
        SoftLabels(temperature=0)
    classes, labels = make_batch("multiclass"), make_batch("binary")
    with pytest.raises(InputError, match="same target"):
        SoftLabels()(make_output(classes), {"t": make_output(labels)}, classes)
    values = make_batch("regression")
    with pytest.raises(InputError, match="no probabilities"):
        SoftLabels()(make_output(values), {"t": make_output(values)}, values)
