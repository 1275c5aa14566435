import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.class_graph import class_graph
from medkd.objectives.dkd import dkd
from medkd.objectives.label_guided import LabelGuided, guiding_parts, label_guided

NEAR = [[1.0, 0.6, 0.1], [0.6, 1.0, 0.2], [0.1, 0.2, 1.0]]
LABEL = torch.tensor([0, 2, 3, 1, 1])


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), gamma=st.floats(0, 1))
def test_never_negative_and_zero_at_the_teacher_without_smoothing(seed, gamma):
    student, teacher, graph = draw(seed, 5, 3, 4), draw(seed + 1, 5, 3, 4), class_graph(draw(seed + 2, 4, 6))
    assert (label_guided(student, teacher, graph, LABEL, gamma) >= 0).all()
    assert label_guided(teacher, teacher, graph, LABEL, 0.0).abs().max() < 1e-12


def test_without_smoothing_it_is_the_true_class_part_of_dkd():
    student, teacher = draw(0, 5, 4), draw(1, 5, 4)
    ours = label_guided(student[:, None], teacher[:, None], torch.eye(4), LABEL, 0.0).mean()
    torch.testing.assert_close(ours, dkd(student, teacher, LABEL, torch.ones(5).bool(), 1.0)[0])


def test_parts_with_evidence_for_the_class_and_not_against_it():
    teacher = torch.tensor([[[1.0, 0], [-9.0, 0], [3.0, 0], [0.0, 0]]])
    label = torch.tensor([0])
    assert sorted(guiding_parts(teacher, label, 0.5)[0].tolist()) == [0, 2]
    assert guiding_parts(teacher, label, 0.01).shape == (1, 1)


def test_module_matches_the_chosen_parts_of_labelled_samples(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    student.logits, teacher.logits = torch.randn(8, 4, 3).requires_grad_(), torch.randn(8, 4, 3)
    LabelGuided(NEAR, share=0.5)(student, {"t": teacher}, batch)["lgd"].backward()
    touched = (student.logits.grad.abs().sum(2) > 0).sum(1)
    assert touched.tolist() == [2 if known else 0 for known in batch.labelled[:, 0].tolist()]


def test_refuses():
    with pytest.raises(InputError, match="share 0"):
        LabelGuided(NEAR, share=0.0)
