from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import rbf_kernel

from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.whitening import Whitening, whitening


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def white(seed, batch, channels, positions):
    """Maps whose covariance over positions is the identity less the ridge."""
    x = draw(seed, batch, positions, channels)
    q, _ = torch.linalg.qr(x - x.mean(1, keepdim=True))
    return q.transpose(1, 2) * ((positions - 1) * (1 - 1e-5)) ** 0.5


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-10, 10))
def test_white_maps_cost_nothing_whatever_their_means(seed, shift):
    maps, site = white(seed, 4, 3, 10), torch.tensor([0, 0, 1, 1])
    assert all(term.abs() < 1e-9 for term in whitening(maps + shift, site))
    if abs(shift) > 0.1:
        assert whitening(maps + shift, site, centred=False).correlation > 1e-3
    assert all(term > 0 for term in whitening(draw(seed + 1, 4, 3, 10), site))


def test_equals_numpy_covariance_and_sklearn_kernel():
    maps, site = draw(0, 6, 3, 4, 5), torch.tensor([2, 0, 0, 1, 2, 2])
    covariance = np.stack([np.cov(x.reshape(3, -1)) for x in maps.numpy()]) + 1e-5 * np.eye(3)
    pairs = covariance[:, *np.triu_indices(3, 1)]
    terms = whitening(maps, site, margin=0.2)
    assert terms.correlation.item() == pytest.approx(np.maximum(np.abs(pairs).sum(1) - 0.2, 0).mean() / 3)
    diagonal = np.abs(np.diagonal(covariance, axis1=1, axis2=2) - 1).sum(1)
    assert terms.variance.item() == pytest.approx(np.maximum(diagonal - 0.2, 0).mean() / 3)
    groups = [pairs[site.numpy() == i] for i in range(3)]
    between = [[rbf_kernel(a, b, gamma=1).mean() for a in groups] for b in groups]
    expected = np.mean([between[i][i] + between[j][j] - 2 * between[i][j] for i, j in ((0, 1), (0, 2), (1, 2))])
    assert terms.domain.item() == pytest.approx(expected)


def test_one_site_or_one_channel_or_one_position_is_finite():
    for shape in ((3, 1, 4), (3, 2, 1), (1, 2, 4)):
        maps = draw(0, *shape).requires_grad_()
        terms = whitening(maps, torch.zeros(shape[0], dtype=torch.int64))
        sum(terms).backward()
        assert terms.domain.abs() < 1e-12
        assert torch.isfinite(torch.stack(terms)).all()
        assert torch.isfinite(maps.grad).all()


@pytest.mark.parametrize("centred", [True, False])
def test_gradient(centred):
    site = torch.tensor([0, 1, 1])
    assert torch.autograd.gradcheck(
        lambda x: torch.stack(whitening(x, site, centred=centred)), draw(0, 3, 3, 6).requires_grad_()
    )


def test_module_takes_sites_from_the_batch(make_batch, make_output):
    batch = replace(make_batch(n=4), site=["b", "a", "b", "c"])
    student = make_output(batch)
    terms = Whitening(["stage1"], domain_weight=2.0)(student, {}, batch)
    expected = whitening(student.features["stage1"], torch.tensor([0, 1, 0, 2]))
    torch.testing.assert_close(terms["domain"], 2 * expected.domain)
    torch.testing.assert_close(terms["instance"], expected.correlation + expected.variance)
    assert Whitening()(student, {}, replace(batch, site=[]))["domain"].abs() < 1e-6


def test_refuses(make_batch, make_output):
    batch = make_batch()
    with pytest.raises(InputError, match="Did you mean 'stage1'"):
        Whitening(["stage_1"])(make_output(batch), {}, batch)
    with pytest.raises(InputError, match="no features"):
        Whitening()(Output(torch.zeros(8, 3)), {}, batch)
