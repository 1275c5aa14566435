from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.mask_distillation import MaskDistillation, dice_loss, mask_distillation


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masks(seed, *shape):
    return (draw(seed, *shape) > 0).double()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_hard_masks_score_as_sklearn_has_it(seed):
    a, b = masks(seed, 3, 1, 5, 5), masks(seed + 1, 3, 1, 5, 5)
    expected = [1 - f1_score(x.flatten(), y.flatten()) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(dice_loss(a, b), expected, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_sure_teacher_is_matched_at_the_teacher(seed):
    teacher = 40 * masks(seed, 2, 1, 4, 4) - 20
    at, elsewhere = (
        mask_distillation(x, teacher, masks(seed + 1, 2, 1, 4, 4)).teacher
        for x in (teacher, draw(seed + 2, 2, 1, 4, 4))
    )
    assert (at.abs() < 1e-6).all()
    assert (elsewhere > 0.01).all()


def test_label_term_equals_sklearn():
    student, mask = draw(0, 1, 1, 5, 5), masks(1, 1, 1, 5, 5)
    p = torch.sigmoid(5 * student)
    expected = log_loss(mask.flatten(), p.flatten()) + dice_loss(p, mask).item()
    assert mask_distillation(student, student, mask).label.item() == pytest.approx(expected)


def test_a_pixel_that_is_wrong_with_a_large_logit_learns():
    student = torch.full((1, 1, 2, 2), 40.0, requires_grad=True)
    mask_distillation(student, student, torch.zeros(1, 1, 2, 2)).label.sum().backward()
    assert student.grad.abs().sum() > 0


def test_the_area_term_wakes_below_its_share():
    mask = torch.ones(1, 1, 4, 5, dtype=torch.float64)
    for share in (0.0, 0.25, 0.5, 1.0):
        student = torch.where(torch.arange(20).reshape(1, 1, 4, 5) < 20 * share, 20.0, -20.0).double()
        assert mask_distillation(student, student, mask).area.item() == pytest.approx(max(0.4 - share, 0), abs=1e-6)


def test_gradient():
    teacher, mask = draw(1, 2, 1, 3, 3), masks(2, 2, 1, 3, 3)

    def loss(student):
        return torch.stack(mask_distillation(student, teacher, mask, sharpness=2.0))

    assert torch.autograd.gradcheck(loss, draw(0, 2, 1, 3, 3).requires_grad_())


def test_each_sample_is_trusted_for_itself_and_the_teacher_alone_counts_where_unlabelled(make_batch):
    mask = masks(2, 4, 1, 6, 6).float()
    labelled = torch.ones(4, 1, 6, 6, dtype=torch.bool)
    labelled[1, 0, 0, 0] = labelled[3] = False
    batch = replace(
        make_batch(n=4), target=Target("m", "mask", ("m",)), targets=torch.where(labelled, mask, 7), labelled=labelled
    )
    student, teacher = Output(draw(0, 4, 1, 6, 6).float()), Output(draw(1, 4, 1, 6, 6).float())
    terms = MaskDistillation(trust=0.3)(student, {"t": teacher}, batch)
    parts = mask_distillation(student.logits, teacher.logits, mask)
    torch.testing.assert_close(terms["teacher"], (torch.tensor([0.3, 1.0, 0.3, 1.0]) * parts.teacher).mean())
    torch.testing.assert_close(terms["label"], 0.7 * (parts.label[0] + parts.label[2]) / 4)
    torch.testing.assert_close(terms["area"], 0.4 * (parts.area[0] + parts.area[2]) / 4)


def test_refuses(make_batch, make_output):
    with pytest.raises(InputError, match="trust is 2"):
        MaskDistillation(trust=2.0)
    batch = make_batch("regression")
    with pytest.raises(InputError, match="no probabilities"):
        MaskDistillation()(make_output(batch), {"t": make_output(batch)}, batch)
