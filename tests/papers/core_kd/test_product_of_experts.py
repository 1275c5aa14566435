import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal

from medkd.papers.core_kd.product_of_experts import product_of_experts


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), modalities=st.integers(1, 4))
def test_is_the_density_that_the_experts_multiply_to(seed, modalities):
    mean, log_variance = draw(seed, modalities, 3, 2), draw(seed + 1, modalities, 3, 2).tanh()
    present = draw(seed + 2, modalities, 3) > 0
    fused = Normal(*product_of_experts(mean, log_variance, present))

    def log_density(x):
        experts = Normal(mean, (0.5 * log_variance).exp()).log_prob(x) * present[:, :, None]
        return Normal(0.0, 1.0).log_prob(x) + experts.sum(0)

    here, there = draw(seed + 3, 3, 2), draw(seed + 4, 3, 2)
    torch.testing.assert_close(fused.log_prob(here) - fused.log_prob(there), log_density(here) - log_density(there))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_one_more_expert_is_never_less_sure_and_order_does_not_count(seed):
    mean, log_variance = draw(seed, 3, 4, 2), draw(seed + 1, 3, 4, 2)
    fused, deviation = product_of_experts(mean, log_variance)
    assert (deviation < product_of_experts(mean[:2], log_variance[:2])[1]).all()
    torch.testing.assert_close((fused, deviation), product_of_experts(mean.flip(0), log_variance.flip(0)))


def test_all_absent_is_the_prior_and_absent_values_are_never_read():
    mean = torch.full((2, 3, 4), float("nan"), requires_grad=True)
    log_variance = torch.full((2, 3, 4), float("inf"), requires_grad=True)
    fused, deviation = product_of_experts(mean, log_variance, torch.zeros(2, 3, dtype=torch.bool))
    assert (fused == 0).all()
    assert (deviation == 1).all()
    (fused.sum() + deviation.sum()).backward()
    assert (mean.grad == 0).all()
    assert (log_variance.grad == 0).all()


def test_gradient():
    present = torch.tensor([[True, False], [True, True]])
    inputs = (draw(0, 2, 2, 3).requires_grad_(), draw(1, 2, 2, 3).requires_grad_())
    assert torch.autograd.gradcheck(lambda m, v: product_of_experts(m, v, present), inputs)
