import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.class_graph import class_graph
from medkd.objectives.label_guided import guiding_parts, label_guided
from medkd.objectives.soft_labels import soft_labels
from medkd.papers.ogkd.distillation import geometry_aware_released, guiding_parts_released, label_guided_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_without_smoothing_the_released_gad_is_a_share_of_soft_labels(seed):
    student, teacher, graph = draw(seed, 5, 4), draw(seed + 1, 5, 4), class_graph(draw(seed + 2, 4, 6))
    released = geometry_aware_released(student, teacher, graph, 0.0)
    torch.testing.assert_close(released, soft_labels(student, teacher, 1.0) / 4)


def test_the_released_gad_can_be_negative():
    teacher, graph = 4 * draw(0, 5, 4), class_graph(draw(1, 4, 6))
    assert geometry_aware_released(teacher, teacher, graph, 0.9) < 0


def test_the_released_lgd_can_be_negative():
    student, teacher = torch.tensor([[[3.0, 0.0]]]), torch.zeros(1, 1, 2)
    assert label_guided_released(student, teacher, torch.eye(2), torch.tensor([0]), 0.0) < 0
    assert label_guided(student, teacher, torch.eye(2), torch.tensor([0]), 0.0) > 0


@pytest.mark.parametrize(("choose", "chosen"), [(guiding_parts, [0, 2]), (guiding_parts_released, [1, 2])])
def test_the_release_also_takes_parts_against_the_class(choose, chosen):
    teacher = torch.tensor([[[1.0, 0], [-9.0, 0], [3.0, 0], [0.0, 0]]])
    assert sorted(choose(teacher, torch.tensor([0]), 0.5)[0].tolist()) == chosen
