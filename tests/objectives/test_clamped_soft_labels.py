import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.clamped_soft_labels import ClampedSoftLabels, clamped_soft_labels
from medkd.objectives.soft_labels import soft_labels


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.5, 4))
def test_same_gradient_as_soft_labels_where_nothing_is_clamped(seed, temperature):
    student, teacher = draw(seed, 5, 2).requires_grad_(), draw(seed + 1, 5, 2)
    (ours,) = torch.autograd.grad(clamped_soft_labels(student, teacher, temperature), student)
    (theirs,) = torch.autograd.grad(soft_labels(student, teacher, temperature, bernoulli=True), student)
    torch.testing.assert_close(ours, theirs)
    p = torch.stack([torch.sigmoid(teacher / temperature), torch.sigmoid(-teacher / temperature)])
    entropy = torch.special.entr(p).sum(0).mean()
    torch.testing.assert_close(clamped_soft_labels(teacher, teacher, temperature), entropy * temperature**2)


def test_a_certain_teacher_asks_for_a_bounded_logit():
    bound = math.log((1 - 1e-4) / 1e-4)
    student = torch.tensor([[bound]]).requires_grad_()
    clamped_soft_labels(student, torch.tensor([[40.0]])).backward()
    assert student.grad.abs().item() < 1e-6


def test_module_follows_the_target(make_batch, make_output):
    for kind in ("multiclass", "binary"):
        batch = make_batch(kind)
        student, teacher = make_output(batch, 1), make_output(batch, 2)
        term = ClampedSoftLabels(2.0)(student, {"t": teacher}, batch)["distill"]
        if kind == "multiclass":
            torch.testing.assert_close(term, soft_labels(student.logits, teacher.logits, 2.0))
        else:
            torch.testing.assert_close(term, clamped_soft_labels(student.logits, teacher.logits, 2.0))
    with pytest.raises(InputError, match="floor"):
        ClampedSoftLabels(floor=0.5)
