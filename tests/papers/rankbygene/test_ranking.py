import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.rank_consistency import rank_consistency
from medkd.papers.rankbygene.ranking import ranking_loss_released, ranking_penalty_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_release_is_blind_to_collapse(seed):
    teacher = draw(seed, 6, 4)
    collapsed = teacher.mean(0).expand(6, 4)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    assert ranking_loss_released(teacher, collapsed, order) < 1e-12
    assert rank_consistency(collapsed, teacher) > 1e-3


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100))
def test_a_reversed_order_is_free_in_the_release(seed):
    similarity = draw(seed, 4, 4)
    assert ranking_penalty_released(-similarity, similarity, torch.randperm(4)) == 0


def test_the_temperature_divides_the_cosines():
    teacher, student, order = draw(0, 8, 3), draw(1, 8, 5), torch.randperm(8)
    at_one, at_half = (ranking_loss_released(teacher, student, order, temperature) for temperature in (1.0, 0.5))
    assert at_one > 0
    assert at_half != at_one
