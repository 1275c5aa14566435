import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.papers.pta.fusion import purified, token_fusion


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_each_sample_is_the_weighted_mean_of_what_it_has(seed):
    features, weights, present = draw(seed, 3, 4, 2, 5), draw(seed + 1, 3), draw(seed + 2, 3, 4) > 0
    fused, tokens = purified(features, weights, present), token_fusion(features, weights, present, weighted=False)
    for i in range(4):
        here = present[:, i].numpy()
        if here.any():
            expected = np.average(features[here, i], axis=0, weights=weights.exp()[here])
            np.testing.assert_allclose(fused[i], expected)
        else:
            expected = np.zeros((2, 5))
            assert (fused[i] == 0).all()
        blocks = tokens[i].reshape(3, 2, 5)
        for m in range(3):
            np.testing.assert_allclose(blocks[m], features[m, i] if here[m] else expected, rtol=1e-6)


def test_absent_values_are_never_read():
    features = torch.full((2, 1, 1, 1), float("nan"), requires_grad=True)
    for fuse in (purified, token_fusion):
        value = fuse(features, torch.zeros(2), torch.zeros(2, 1, dtype=torch.bool))
        assert (value == 0).all()
        (gradient,) = torch.autograd.grad(value.sum(), features)
        assert (gradient == 0).all()


def test_gradient():
    present = torch.tensor([[True, False], [True, True]])
    inputs = (draw(0, 2, 2, 2, 3).requires_grad_(), draw(1, 2).requires_grad_())
    assert torch.autograd.gradcheck(lambda f, w: purified(f, w, present), inputs)
    assert torch.autograd.gradcheck(lambda f, w: token_fusion(f, w, present), inputs)
