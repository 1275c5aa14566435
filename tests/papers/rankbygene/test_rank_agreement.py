import numpy as np
import pytest
import torch

from medkd.papers.rankbygene.rank_agreement import cosines, pair_accuracy, rank_correlation


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_correlation_equals_numpy():
    gene, image = cosines(draw(0, 6, 4)), cosines(draw(1, 6, 3))
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(gene, image, strict=True)])
    assert rank_correlation(gene, image).item() == pytest.approx(expected)
    assert rank_correlation(gene, 0.5 * gene + 0.1).item() == pytest.approx(1)
    assert rank_correlation(gene, torch.ones_like(gene)) == 0


def test_accuracy_counts_reversals_and_ties_against():
    gene = cosines(draw(0, 6, 4))
    pairs = torch.tensor([[1, 2], [3, 4]]).expand(6, 2, 2)
    assert pair_accuracy(gene, gene**3, pairs) == 1
    assert pair_accuracy(gene, -gene, pairs) == 0
    assert pair_accuracy(gene, torch.ones_like(gene), pairs) == 0
