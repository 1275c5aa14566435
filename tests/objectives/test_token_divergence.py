import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from medkd.errors import InputError
from medkd.objectives.soft_labels import soft_labels
from medkd.objectives.token_divergence import DIVERGENCES, TokenDivergence, token_divergence


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), divergence=st.sampled_from(DIVERGENCES), beta=st.floats(0.05, 0.95))
def test_positive_and_zero_at_the_teacher(seed, divergence, beta):
    student, teacher = draw(seed, 5, 4), draw(seed + 1, 5, 4)
    assert token_divergence(teacher, teacher, divergence, beta).abs().max() < 1e-12
    assert (token_divergence(student, teacher, divergence, beta) > 0).all()


def test_equals_others():
    student, teacher = draw(0, 5, 4), draw(1, 5, 4)
    torch.testing.assert_close(
        token_divergence(student, teacher, "forward_kl").mean(), soft_labels(student, teacher, 1.0)
    )
    torch.testing.assert_close(token_divergence(student, teacher).mean(), soft_labels(teacher, student, 1.0))
    jsd = jensenshannon(student.softmax(1).numpy(), teacher.softmax(1).numpy(), axis=1) ** 2
    assert token_divergence(student, teacher, "jsd").numpy() == pytest.approx(jsd)


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_one_sided_jsd_is_zero_with_a_finite_gradient(beta):
    student = draw(0, 5, 4).requires_grad_()
    value = token_divergence(student, draw(1, 5, 4), "jsd", beta).sum()
    (gradient,) = torch.autograd.grad(value, student)
    assert value.abs() < 1e-9
    assert gradient.isfinite().all()


def test_far_tails_keep_their_gradient():
    student = torch.tensor([[40.0, -40.0]], requires_grad=True)
    value = token_divergence(student, torch.tensor([[-40.0, 40.0]])).sum()
    assert value.item() == pytest.approx(80)
    assert token_divergence(student, torch.tensor([[-40.0, 40.0]]), "jsd").item() == pytest.approx(0.6931, abs=1e-3)


def test_a_label_of_its_own_is_bernoulli(make_batch, make_output):
    batch = make_batch("multilabel")
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    term = TokenDivergence("forward_kl")(student, {"t": teacher}, batch)["divergence"]
    torch.testing.assert_close(term, soft_labels(student.logits, teacher.logits, 1.0, bernoulli=True))


def test_refuses():
    with pytest.raises(InputError, match="Did you mean 'jsd'"):
        TokenDivergence("jds")
    with pytest.raises(InputError, match="beta"):
        TokenDivergence(beta=2.0)
