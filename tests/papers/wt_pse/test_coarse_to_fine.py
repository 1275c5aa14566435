import pytest
import torch
from sklearn.metrics import log_loss

from medkd.papers.wt_pse.coarse_to_fine import (
    cup_loss,
    cup_loss_as_released,
    cup_weight,
    disc_loss,
    disc_loss_as_released,
    disc_mask,
    inside_disc,
)


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masks(seed):
    return (draw(seed, 2, 1, 5, 5) > 0).double()


def test_disc_losses_equal_sklearn_and_differ_where_a_logit_is_wrong_and_large():
    logits, disc = draw(0, 2, 1, 5, 5), masks(1)
    expected = log_loss(disc.flatten(), torch.sigmoid(logits).flatten())
    assert disc_loss(logits, disc).item() == pytest.approx(expected)
    assert disc_loss_as_released(logits, disc).item() == pytest.approx(expected)
    for loss, learns in ((disc_loss, True), (disc_loss_as_released, False)):
        wrong = torch.full((1, 1, 2, 2), 60.0, requires_grad=True)
        loss(wrong, torch.zeros(1, 1, 2, 2)).backward()
        assert (wrong.grad.abs().sum() > 0) == learns


def test_outside_the_disc_nothing_is_seen_or_learned():
    disc = masks(0)
    image = inside_disc(draw(1, 2, 3, 5, 5).tanh(), disc)
    assert (image[(disc == 0).expand_as(image)] == -1).all()
    for loss in (cup_loss, cup_loss_as_released):
        logits = draw(2, 2, 1, 5, 5).requires_grad_()
        loss(logits, masks(3), disc).backward()
        assert (logits.grad[disc == 0] == 0).all()
        assert (logits.grad[disc == 1] != 0).all()


def test_pixels_outside_the_disc_cost_a_constant_as_released_only():
    logits, cup, disc = draw(0, 2, 1, 5, 5), masks(1), masks(2)
    chosen = disc == 1
    inside = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[chosen], cup[chosen], pos_weight=cup_weight(disc, cup)
    )
    torch.testing.assert_close(cup_loss(logits, cup, disc), inside)
    outside = torch.log(torch.tensor(2.0)) * (1 + (cup_weight(disc, cup) - 1) * cup[~chosen])
    torch.testing.assert_close(cup_loss_as_released(logits, cup, disc) * 50, inside * chosen.sum() + outside.sum())


def test_no_disc_and_no_cup_are_finite():
    nothing, all_of_it = torch.zeros(2, 1, 5, 5), torch.ones(2, 1, 5, 5)
    assert cup_weight(nothing, all_of_it) == 1
    assert cup_weight(all_of_it, nothing) == 1
    logits = torch.randn(2, 1, 5, 5, requires_grad=True)
    value = cup_loss(logits, all_of_it, nothing)
    value.backward()
    assert value == 0
    assert (logits.grad == 0).all()


def test_the_mask_has_no_gradient():
    logits = torch.tensor([1.0, 1.2], requires_grad=True)
    assert not disc_mask(logits).requires_grad
