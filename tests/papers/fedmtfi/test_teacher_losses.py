import torch

from medkd.objectives.soft_labels import soft_labels
from medkd.objectives.weighted_teachers import weighted_soft_labels
from medkd.papers.fedmtfi.teacher_losses import weighted_soft_labels_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_released_weights_that_sum_to_one_shrink_it_by_the_batch():
    student, teacher = draw(0, 6, 3), draw(1, 6, 3)
    even = torch.full((6,), 1 / 6).double()
    released = weighted_soft_labels_released(student, teacher, 3.0, even)
    torch.testing.assert_close(released, soft_labels(student, teacher, 3.0) / 6)
    importance = draw(2, 6).softmax(0)
    fair = weighted_soft_labels(student, teacher, 3.0, importance)
    torch.testing.assert_close(6 * weighted_soft_labels_released(student, teacher, 3.0, importance), fair)
