import pytest
import torch

from medkd.papers.pet_free_amyloid.student_loss import Timetable, student_loss
from medkd.papers.pet_free_amyloid.teacher_loss import mean_cosine, teacher_loss


def test_collapse_can_act_here_and_not_in_the_release():
    anchor = (torch.ones(4, 6) + 0.1 * torch.randn(4, 6)).requires_grad_()
    others = torch.randn(2, 4, 6)
    for released in (False, True):
        terms = teacher_loss(anchor, *others, torch.zeros(4), torch.ones(4), epoch=20, released=released)
        assert terms["collapse"].item() == pytest.approx(mean_cosine(anchor).item() - 0.5)
        assert terms["collapse"].requires_grad != released


def test_one_step_along_the_collapse_term_spreads_the_anchors():
    anchor = (torch.ones(4, 6) + 0.3 * torch.randn(4, 6)).requires_grad_()
    collapse = teacher_loss(anchor, *torch.randn(2, 4, 6), torch.zeros(4), torch.ones(4), epoch=20)["collapse"]
    (gradient,) = torch.autograd.grad(collapse, anchor)
    assert mean_cosine(anchor - gradient) < mean_cosine(anchor)


def test_timetable():
    assert Timetable.at(19).margin == pytest.approx(1.14)
    assert Timetable.at(19).temperature == pytest.approx(1.1)
    for epoch in range(30):
        now = Timetable.at(epoch)
        assert now.w_cls + now.w_feat + now.w_logit == pytest.approx(1)


def test_feature_term_is_two_minus_two_cosines_and_the_release_divides_it():
    s, t = torch.randn(2, 5, 8)
    logits, labels = torch.randn(5), torch.tensor([1.0, 0, 1, 0, 0])
    ours, released = (
        student_loss(s, t, logits, logits, labels, Timetable.at(0), released=r)["feature"] for r in (False, True)
    )
    torch.testing.assert_close(ours, (2 - 2 * torch.cosine_similarity(s, t)).mean())
    torch.testing.assert_close(8 * released, ours)
