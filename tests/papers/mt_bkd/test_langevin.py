import pytest
import torch

from medkd.errors import InputError
from medkd.papers.mt_bkd.langevin import Langevin, langevin_step


def test_samples_a_known_posterior():
    # A normal mean with known variance 1 and a flat prior: the posterior is N(mean of x, 1/n).
    torch.manual_seed(0)
    x = torch.randn(50, dtype=torch.float64) + 3
    chains = torch.nn.Parameter(torch.zeros(400, dtype=torch.float64))
    optimiser = Langevin([chains], lr=2e-3, samples=50)
    for _ in range(150):
        optimiser.zero_grad()
        (0.5 * (x[:, None] - chains) ** 2).mean(0).sum().backward()
        optimiser.step()
    assert chains.mean().item() == pytest.approx(x.mean().item(), abs=4 * 0.1414 / 20)
    assert chains.std().item() == pytest.approx(50**-0.5, rel=0.15)


def test_step_without_noise_is_gradient_descent():
    parameter, gradient = torch.randn(3), torch.randn(3)
    torch.testing.assert_close(
        langevin_step(parameter, gradient, torch.randn(3), 0.1, 4, noise_scale=0.0), parameter - 0.4 * gradient
    )


def test_closure_and_refusal():
    parameter = torch.nn.Parameter(torch.ones(1))

    def closure():
        loss = parameter.sum()
        loss.backward()
        return loss

    assert Langevin([parameter], lr=1e-3, samples=1).step(closure) == 1
    with pytest.raises(InputError, match="lr is 0"):
        Langevin([parameter], lr=0.0, samples=1)
