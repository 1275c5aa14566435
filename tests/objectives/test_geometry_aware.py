import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.class_graph import class_graph, smoothed
from medkd.objectives.geometry_aware import GeometryAware, geometry_aware
from medkd.objectives.soft_labels import soft_labels

NEAR = [[1.0, 0.6, 0.1], [0.6, 1.0, 0.2], [0.1, 0.2, 1.0]]


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_without_smoothing_it_is_soft_labels(seed):
    student, teacher, graph = draw(seed, 5, 4), draw(seed + 1, 5, 4), class_graph(draw(seed + 2, 4, 6))
    expected = soft_labels(student, teacher, 1.0)
    torch.testing.assert_close(geometry_aware(student, teacher, graph, 0.0), expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), gamma=st.floats(0, 1))
def test_never_negative_and_zero_at_the_smoothed_teacher(seed, gamma):
    student, teacher, graph = draw(seed, 5, 4), draw(seed + 1, 5, 4), class_graph(draw(seed + 2, 4, 6))
    assert geometry_aware(student, teacher, graph, gamma) > 0
    assert geometry_aware(smoothed(teacher, graph, gamma), teacher, graph, gamma).abs() < 1e-12


def test_being_wrong_by_a_neighbour_costs_less():
    teacher = torch.tensor([[6.0, 0.0, 0.0]]).double()
    graph = torch.tensor([[0.6, 0.4, 0.0], [0.4, 0.6, 0.0], [0.0, 0.0, 1.0]]).double()
    neighbour, stranger = torch.tensor([[0.0, 3.0, 0.0]]).double(), torch.tensor([[0.0, 0.0, 3.0]]).double()
    assert geometry_aware(neighbour, teacher, graph, 0.5) < geometry_aware(stranger, teacher, graph, 0.5)


def test_module(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    graph = (4 * torch.tensor(NEAR)).softmax(1)
    term = GeometryAware(NEAR)(student, {"t": teacher}, batch)["gad"]
    torch.testing.assert_close(term, geometry_aware(student.logits, teacher.logits, graph))


def test_refuses(make_batch, make_output):
    with pytest.raises(InputError, match="not a square"):
        GeometryAware([[1.0, 0.0]])
    with pytest.raises(InputError, match="gamma is 2"):
        GeometryAware(NEAR, gamma=2.0)
    for kind, match in (("multilabel", "Use SoftLabels"), ("multiclass", "Give 3 rows, in the order of: x, y, z")):
        batch = make_batch(kind)
        with pytest.raises(InputError, match=match):
            GeometryAware([[1.0, 0.0], [0.0, 1.0]])(make_output(batch, 1), {"t": make_output(batch, 2)}, batch)
