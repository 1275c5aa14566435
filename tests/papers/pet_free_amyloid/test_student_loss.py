import pytest
import torch

from medkd.papers.pet_free_amyloid.student_loss import Timetable, student_loss, student_loss_released


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
        loss(s, t, logits, logits, labels, Timetable.at(0))["feature"] for loss in (student_loss, student_loss_released)
    )
    torch.testing.assert_close(ours, (2 - 2 * torch.cosine_similarity(s, t)).mean())
    torch.testing.assert_close(8 * released, ours)
