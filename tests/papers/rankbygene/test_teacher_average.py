import pytest
import torch

from medkd.papers.rankbygene.teacher_average import averaged, momentum


def test_momentum_rises_from_its_start_to_one():
    shares = [momentum(epoch, 20, 0.9) for epoch in range(20)]
    assert shares[0] == pytest.approx(0.9)
    assert shares == sorted(shares)
    assert shares[-1] == momentum(20, 20) == momentum(0, 1) == 1


def test_the_average_stays_between_teacher_and_student():
    teacher, student = torch.randn(2, 5)
    got = averaged(teacher, student, 0.7)
    assert (torch.minimum(teacher, student) <= got).all()
    assert (got <= torch.maximum(teacher, student)).all()
    assert torch.equal(averaged(teacher, student, 1.0), teacher)
