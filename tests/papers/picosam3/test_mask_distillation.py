import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score, log_loss

from medkd.objectives.mask_distillation import dice_loss, mask_distillation
from medkd.papers.picosam3.mask_distillation import intersection_over_union, mask_distillation_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masks(seed, *shape):
    return (draw(seed, *shape) > 0).double()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_overlap_is_as_sklearn_has_it(seed):
    a, b = masks(seed, 3, 1, 5, 5), masks(seed + 1, 3, 1, 5, 5)
    assert intersection_over_union(2 * a - 1, b).item() == pytest.approx(jaccard_score(b.flatten(), a.flatten()))


def test_label_term_equals_sklearn_and_the_other_terms_are_ours():
    student, teacher, mask = draw(0, 1, 1, 5, 5), draw(2, 1, 1, 5, 5), masks(1, 1, 1, 5, 5)
    p = torch.sigmoid(5 * student)
    released, ours = (form(student, teacher, mask) for form in (mask_distillation_released, mask_distillation))
    expected = log_loss(mask.flatten(), p.flatten()) + dice_loss(p, mask).item()
    assert released.label.item() == pytest.approx(expected)
    torch.testing.assert_close((released.teacher, released.area), (ours.teacher, ours.area))


def test_a_pixel_that_is_wrong_with_a_large_logit_gets_no_gradient():
    student = torch.full((1, 1, 2, 2), 40.0, requires_grad=True)
    mask_distillation_released(student, student, torch.zeros(1, 1, 2, 2)).label.sum().backward()
    assert student.grad.abs().sum() == 0


def test_gradient():
    teacher, mask = draw(1, 2, 1, 3, 3), masks(2, 2, 1, 3, 3)

    def loss(student):
        return torch.stack(mask_distillation_released(student, teacher, mask, sharpness=2.0))

    assert torch.autograd.gradcheck(loss, draw(0, 2, 1, 3, 3).requires_grad_())
