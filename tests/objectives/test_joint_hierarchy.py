import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.joint_hierarchy import JointHierarchy, hierarchy_nll, leaves_below

TREE = [-1, 0, 0, 1, 1, 2]
"""root → 1 (leaves 3, 4), 2 (leaf 5)."""


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_chance_of_a_node_is_that_of_its_leaves(seed):
    logits = torch.randn(1, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p = logits.softmax(1)[0]
    below = leaves_below(torch.tensor(TREE))
    expected = torch.stack([p.sum(), p[0] + p[1], p[2], p[0], p[1], p[2]])
    torch.testing.assert_close((-hierarchy_nll(logits.expand(6, 3), below)).exp(), expected)


def test_the_root_says_nothing():
    logits = torch.randn(4, 3).requires_grad_()
    nll = hierarchy_nll(logits, leaves_below(torch.tensor(TREE))[torch.zeros(4, dtype=torch.long)])
    nll.sum().backward()
    assert nll.abs().max() < 1e-6
    assert logits.grad.abs().max() < 1e-6


def test_head_learns_from_labels_and_not_from_the_student(make_batch, make_output):
    batch = make_batch()
    objective = JointHierarchy(teacher_dim=9, classes=3, temperature=3.0)
    student, teacher = make_output(batch, 1), make_output(batch, 2, dim=9)
    terms = objective(student, {"t": teacher}, batch)
    (kd,) = torch.autograd.grad(terms["kd"], objective.head.weight, allow_unused=True, retain_graph=True)
    assert kd is None or kd.abs().max() == 0
    (sup,) = torch.autograd.grad(terms["teacher_sup"], objective.head.weight)
    assert sup.abs().max() > 0


def test_without_a_tree_it_is_cross_entropy(make_batch, make_output):
    batch = make_batch(labelled=1)
    objective = JointHierarchy(teacher_dim=9, classes=3, supervised_weight=1.0)
    student = make_output(batch, 1)
    terms = objective(student, {"t": make_output(batch, 2, dim=9)}, batch)
    torch.testing.assert_close(
        terms["student_sup"], torch.nn.functional.cross_entropy(student.logits, batch.targets[:, 0].long())
    )
    assert terms["kd"] == 0


@pytest.mark.parametrize("parents", [[0, 0], [-1, 2, 0], [-1, -1], []])
def test_refuses_what_is_no_tree(parents):
    with pytest.raises(InputError, match="not a tree"):
        JointHierarchy(9, 3, parents)


def test_refuses_another_number_of_leaves():
    with pytest.raises(InputError, match="3 leaves, classes is 4"):
        JointHierarchy(9, 4, TREE)
