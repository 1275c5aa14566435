import pytest
import torch
from torch.distributions import Normal, kl_divergence

from medkd.papers.forge.connectivity_vae import connectivity_vae, edge_intensity


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def parts(log_deviation=0.3):
    return {
        "log_rate": draw(0, 3, 4, 4),
        "intensity": draw(1, 3, 4, 4).exp(),
        "guess": draw(2, 3),
        "label": draw(3, 3).sign(),
        "mean": draw(4, 3, 2),
        "log_variance": draw(5, 3, 2),
        "log_deviation": torch.tensor(log_deviation, dtype=torch.float64),
    }


def test_label_and_divergence_equal_torch_distributions():
    inputs = parts()
    terms = connectivity_vae(**inputs)
    assert terms.label.item() == pytest.approx(
        -Normal(inputs["guess"], inputs["log_deviation"].exp()).log_prob(inputs["label"]).mean().item()
    )
    code = Normal(inputs["mean"], (inputs["log_variance"] / 2).exp())
    assert terms.divergence.item() == pytest.approx(kl_divergence(code, Normal(0.0, 1.0)).sum(1).mean().item())


def test_reconstruction_is_smallest_at_the_intensity_and_blind_to_the_diagonal():
    inputs = parts()
    best = connectivity_vae(**inputs | {"log_rate": inputs["intensity"].log()}).reconstruction
    assert best < connectivity_vae(**inputs).reconstruction
    changed = inputs["log_rate"] + 100 * torch.eye(4)
    assert (
        connectivity_vae(**inputs | {"log_rate": changed}).reconstruction == connectivity_vae(**inputs).reconstruction
    )


def test_the_deviation_has_a_range():
    for log_deviation, edge in ((-20.0, 1e-4), (20.0, 10.0)):
        inputs = parts(log_deviation)
        inputs["log_deviation"].requires_grad_()
        label = connectivity_vae(**inputs).label
        torch.testing.assert_close(label, -Normal(inputs["guess"], edge).log_prob(inputs["label"]).mean())
        label.backward()
        assert inputs["log_deviation"].grad == 0


def test_saturated_correlations_are_finite():
    correlations, mean = torch.tensor([-1.0, 0.2, 1.0]), torch.tensor(0.2)
    assert torch.isfinite(edge_intensity(correlations, mean, torch.tensor(0.0))).all()
    assert (edge_intensity(correlations, mean, torch.tensor(0.1)).diff() > 0).all()


def test_gradient():
    inputs = parts()
    names = ("log_rate", "guess", "mean", "log_variance", "log_deviation")

    def loss(*values):
        return torch.stack(connectivity_vae(**inputs | dict(zip(names, values, strict=True))))

    assert torch.autograd.gradcheck(loss, tuple(inputs[name].requires_grad_() for name in names))
