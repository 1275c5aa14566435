import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.papers.rankbygene.expression import normalised, smoothed


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0.1, 1))
def test_smoothing_equals_a_search_for_neighbours(seed, share):
    rng = np.random.default_rng(seed)
    cells = np.argwhere(rng.random((6, 6)) < share)
    expression = rng.random((len(cells), 3))
    got = smoothed(torch.from_numpy(expression), torch.from_numpy(cells))
    near = np.abs(cells[:, None] - cells[None]).max(2) <= 1
    np.testing.assert_allclose(got, [expression[row].mean(0) for row in near] if len(cells) else expression)


def test_depth_of_sequencing_does_not_count():
    counts = torch.tensor([[1.0, 2.0, 7.0], [10.0, 20.0, 70.0], [0.0, 0.0, 0.0]])
    got = normalised(counts)
    torch.testing.assert_close(got[0], got[1])
    torch.testing.assert_close(got[0].expm1().sum(), torch.tensor(1e4))
    assert (got[2] == 0).all()
