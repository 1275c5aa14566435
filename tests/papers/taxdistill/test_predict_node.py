import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.papers.taxdistill.predict_node import most_specific, node_probabilities

# Root 0; 1 (leaves 3, 4) and 2 (one child 5, which has leaves 6, 7).
PARENTS = torch.tensor([-1, 0, 0, 1, 1, 2, 5, 5])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), threshold=st.floats(0.05, 0.95))
def test_a_prediction_is_sure_enough_and_nothing_more_specific_is(seed, threshold):
    logits = 2 * torch.randn(20, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    probability = node_probabilities(logits, PARENTS)
    torch.testing.assert_close(probability[:, 0], torch.ones(20, dtype=torch.float64))
    torch.testing.assert_close(probability[:, 1], probability[:, 3] + probability[:, 4])
    leaves = torch.tensor([4, 2, 2, 1, 1, 2, 1, 1])
    for row, node in zip(probability, most_specific(probability, PARENTS, threshold).tolist(), strict=True):
        assert row[node] > threshold
        assert node != 2
        sure = [i for i in range(8) if row[i] > threshold and i != 2]
        assert leaves[node] == min(leaves[i] for i in sure)
        assert row[node] == max(row[i] for i in sure if leaves[i] == leaves[node])


def test_nothing_sure_enough_is_the_root():
    assert most_specific(torch.full((1, 8), 0.2), PARENTS, 0.9).tolist() == [0]
