import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.dist import dist
from medkd.objectives.token_dist import TokenDist, token_dist


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), positions=st.sampled_from(["together", "apart"]))
def test_smallest_at_the_teacher(seed, positions):
    student, teacher = draw(seed, 5, 3, 4), draw(seed + 1, 5, 3, 4)
    assert all(-1e-12 < term < 1e-3 for term in token_dist(teacher, teacher, 1.0, positions))
    assert all(0 < term < 2 for term in token_dist(student, teacher, 1.0, positions))


def test_one_token_is_dist():
    student, teacher = draw(0, 6, 1, 4), draw(1, 6, 1, 4)
    expected = dist(student[:, 0], teacher[:, 0], 2.0)
    for positions in ("together", "apart"):
        torch.testing.assert_close(token_dist(student, teacher, 2.0, positions), expected)


def test_positions_apart_are_the_mean_over_positions():
    student, teacher = draw(0, 6, 3, 4), draw(1, 6, 3, 4)
    each = torch.stack([dist(student[:, i], teacher[:, i])[1] for i in range(3)])
    torch.testing.assert_close(token_dist(student, teacher, 1.0, "apart")[1], each.mean())


def test_refuses():
    with pytest.raises(InputError, match="tau is 0"):
        TokenDist(4, 4, tau=0.0)
    with pytest.raises(InputError, match="Did you mean 'apart'"):
        TokenDist(4, 4, positions="appart")
