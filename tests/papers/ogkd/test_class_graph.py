import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.class_graph import class_graph
from medkd.papers.ogkd.class_graph import effective_base_graph, effective_base_graph_released, smoothed_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), gamma=st.floats(0.201, 1), alpha=st.floats(0, 9.99))
def test_released_targets_do_not_sum_to_one(seed, gamma, alpha):
    graph, teacher = class_graph(draw(seed, 4, 6), alpha), 3 * draw(seed + 1, 5, 4)
    sums = smoothed_released(teacher, graph, gamma).exp().sum(1)
    assert not sums.allclose(torch.ones(5).double(), rtol=1e-9, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), weight=st.floats(0, 2))
def test_folded_rows_sum_to_one(seed, weight):
    graph = class_graph(draw(seed, 6, 5))
    base = torch.tensor([4, 0, 3])
    folded = effective_base_graph(graph, base, weight)
    assert folded.sum(1).allclose(torch.ones(3).double())
    released = effective_base_graph_released(graph, base, weight)
    torch.testing.assert_close(released / released.sum(1, keepdim=True), folded)
    assert (released.sum(1) < 1 + weight).all()
