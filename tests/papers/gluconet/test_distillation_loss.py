import torch

from medkd.objectives.value_matching import value_matching
from medkd.papers.gluconet.distillation_loss import value_matching_released


def test_released_pulls_to_half_of_the_forecast():
    teacher = torch.full((4, 3), 120.0)
    assert value_matching(teacher, teacher) == 0
    assert value_matching_released(teacher / 2, teacher, 2.0) == 0
    assert value_matching_released(teacher, teacher, 2.0) == 3600
