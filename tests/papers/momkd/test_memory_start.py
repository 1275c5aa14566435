import itertools

import torch
from torch.nn import functional

from medkd.papers.momkd.memory_start import spherical_kmeans


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kmeans_never_lowers_the_cosines_and_keeps_empty_centres():
    points, order = draw(0, 40, 3), torch.randperm(40, generator=torch.Generator().manual_seed(0))
    x = functional.normalize(points, dim=1)
    fit = [(x @ spherical_kmeans(points, order, 4, i).T).amax(1).sum() for i in range(6)]
    assert all(later >= earlier - 1e-12 for earlier, later in itertools.pairwise(fit))
    twice = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    centres = spherical_kmeans(twice, torch.tensor([0, 1, 2]), 2)
    torch.testing.assert_close(centres[1], twice[1])
    torch.testing.assert_close(centres.norm(dim=1), torch.ones(2))
