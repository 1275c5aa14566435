import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.soft_triplet import soft_triplet
from medkd.papers.pet_free_amyloid.teacher_loss import hinge_triplet, mean_cosine, teacher_loss, teacher_loss_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), margin=st.floats(0, 3))
def test_the_released_hinge_is_below_the_soft_triplet_and_is_done(seed, margin):
    anchor, positive, negative = draw(seed, 3, 5, 4)
    soft, hinge = (form(anchor, positive, negative, margin) for form in (soft_triplet, hinge_triplet))
    assert (soft > hinge - 1e-5).all()
    assert (soft < hinge + 0.6932 + 1e-5).all()
    assert hinge_triplet(anchor, positive, negative + 100, margin).sum() == 0


@pytest.mark.parametrize(("loss", "acts"), [(teacher_loss, True), (teacher_loss_released, False)])
def test_collapse_can_act_here_and_not_in_the_release(loss, acts):
    anchor = (torch.ones(4, 6) + 0.1 * torch.randn(4, 6)).requires_grad_()
    terms = loss(anchor, *torch.randn(2, 4, 6), torch.zeros(4), torch.ones(4), epoch=20)
    assert terms["collapse"].item() == pytest.approx(mean_cosine(anchor).item() - 0.5)
    assert terms["collapse"].requires_grad == acts


def test_one_step_along_the_collapse_term_spreads_the_anchors():
    anchor = (torch.ones(4, 6) + 0.3 * torch.randn(4, 6)).requires_grad_()
    collapse = teacher_loss(anchor, *torch.randn(2, 4, 6), torch.zeros(4), torch.ones(4), epoch=20)["collapse"]
    (gradient,) = torch.autograd.grad(collapse, anchor)
    assert mean_cosine(anchor - gradient) < mean_cosine(anchor)
