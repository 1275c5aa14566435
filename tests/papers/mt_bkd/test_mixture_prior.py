import torch

from medkd.objectives.dirichlet_mixture import dirichlet_mixture, entropy_weights
from medkd.papers.mt_bkd.mixture_prior import dirichlet_mixture_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_log_space_is_the_release_where_that_is_finite():
    student, taught = draw(1, 5, 4), draw(0, 2, 5, 4)
    released, weights = dirichlet_mixture_released(student, taught)
    torch.testing.assert_close(released, 1 + 0.002 * dirichlet_mixture(student, taught, weights))
    torch.testing.assert_close(weights, entropy_weights(taught), rtol=1e-6, atol=1e-6)


def test_the_release_is_infinite_for_a_student_far_off():
    far, taught = torch.tensor([[4000.0, -4000.0, 0, 0]]).double(), draw(0, 2, 1, 4)
    assert dirichlet_mixture_released(far, taught)[0].isinf().all()
    assert dirichlet_mixture(far, taught, entropy_weights(taught)).isfinite().all()
