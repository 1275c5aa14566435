import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.class_graph import class_graph, smoothed


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), gamma=st.floats(0, 1), alpha=st.floats(0, 20))
def test_targets_sum_to_one(seed, gamma, alpha):
    graph, teacher = class_graph(draw(seed, 4, 6), alpha), 3 * draw(seed + 1, 5, 4)
    assert graph.sum(1).allclose(torch.ones(4).double())
    ones = torch.ones(5).double()
    assert smoothed(teacher, graph, gamma).exp().sum(1).allclose(ones)
    assert smoothed(teacher, graph, 0.0).allclose(teacher.log_softmax(1))


def test_a_uniform_graph_levels_the_classes():
    target = smoothed(torch.tensor([[5.0, 0.0, -5.0]]), torch.full((3, 3), 1 / 3), 1.0)
    assert target.exp().flatten().tolist() == pytest.approx([1 / 3] * 3)
