import torch
from torch.nn import functional

from medkd.objectives.clamped_soft_labels import clamped_soft_labels
from medkd.papers.oc_distill.training_losses import clamped_soft_labels_released


def test_released_leaves_out_the_temperature_squared():
    student, teacher = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    released = clamped_soft_labels_released(student, teacher, 3.0)
    torch.testing.assert_close(9 * released, clamped_soft_labels(student, teacher, 3.0))
    expected = functional.binary_cross_entropy_with_logits(student / 3, torch.sigmoid(teacher / 3))
    torch.testing.assert_close(released, expected)
