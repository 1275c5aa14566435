import pytest
import torch
from torch.nn import functional

from medkd.objectives.soft_labels import soft_labels
from medkd.papers.standard.logits import kd_torchdistill


@pytest.mark.parametrize("alpha", [None, 0.0])
def test_without_a_hard_part_torchdistill_leaves_out_t_squared_and_beta(alpha):
    student, teacher, labels = torch.randn(6, 3), torch.randn(6, 3), torch.randint(3, (6,))
    loss = kd_torchdistill(student, teacher, labels, 3.0, alpha, beta=0.1)
    torch.testing.assert_close(9 * loss, soft_labels(student, teacher, 3.0))


def test_beta_is_the_rest_unless_given():
    student, teacher, labels = torch.randn(6, 3), torch.randn(6, 3), torch.randint(3, (6,))
    hard, soft = functional.cross_entropy(student, labels), soft_labels(student, teacher, 3.0)
    logits = (student, teacher, labels, 3.0)
    torch.testing.assert_close(kd_torchdistill(*logits, alpha=0.25, beta=None), 0.25 * hard + 0.75 * soft)
    torch.testing.assert_close(kd_torchdistill(*logits, alpha=0.25, beta=2.0), 0.25 * hard + 2 * soft)
