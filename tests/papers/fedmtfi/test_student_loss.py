import torch
from torch.nn import functional

from medkd.objectives.soft_labels import soft_labels
from medkd.papers.fedmtfi.student_loss import jittered_importance_released, student_loss, student_loss_released


def test_without_importance_it_is_the_weighted_sum():
    student, teacher, labels = torch.randn(6, 3), torch.randn(6, 3), torch.randint(3, (6,))
    expected = 0.7 * soft_labels(student, teacher, 3.0) + 0.1 * 2.0 + 0.3 * functional.cross_entropy(student, labels)
    torch.testing.assert_close(student_loss(student, teacher, labels, torch.tensor(2.0)), expected)


def test_released_importance_shrinks_the_soft_part_by_the_batch_and_ours_does_not():
    student, teacher, labels = torch.randn(6, 3), torch.randn(6, 3), torch.randint(3, (6,))
    noise = jittered_importance_released(torch.randn(6))
    soft = (1.0, 0.0, 0.0)
    ours = student_loss(student, teacher, labels, torch.tensor(0.0), noise, soft)
    released = student_loss_released(student, teacher, labels, torch.tensor(0.0), noise, soft)
    torch.testing.assert_close(6 * released, ours)
