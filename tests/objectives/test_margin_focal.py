import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from medkd.errors import InputError
from medkd.objectives.margin_focal import MarginFocal, margin_focal

Y = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0]).double()
ALL = torch.ones(5).bool()


def draw(seed):
    return torch.randn(5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), weight=st.floats(0.2, 5))
def test_without_its_parts_it_is_cross_entropy(seed, weight):
    x = draw(seed)
    expected = functional.binary_cross_entropy_with_logits(x, Y, pos_weight=torch.tensor(weight))
    torch.testing.assert_close(margin_focal(x, Y, ALL, 0.0, 0.0, weight, 0.0), expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), gamma=st.floats(0, 3), margin=st.floats(0, 2))
def test_a_wider_margin_costs_more_and_focus_costs_less(seed, gamma, margin):
    x = draw(seed)
    value = margin_focal(x, Y, ALL, gamma, margin)
    assert value >= margin_focal(x, Y, ALL, gamma, margin / 2) - 1e-12
    assert value >= margin_focal(x, Y, ALL, gamma + 0.5, margin) - 1e-12


def test_gap_is_asked_for_until_it_is_there():
    x = torch.tensor([0.1, 0.0, 0.1, 0.0, 0.0]).double()
    added = margin_focal(x, Y, ALL, margin=1.0, contrastive_weight=1.0) - margin_focal(
        x, Y, ALL, margin=1.0, contrastive_weight=0.0
    )
    assert added.item() == pytest.approx(0.1 * 0.9)
    wide = 3 * (2 * Y - 1)
    assert margin_focal(wide, Y, ALL, margin=1.0, contrastive_weight=1.0) == margin_focal(
        wide, Y, ALL, margin=1.0, contrastive_weight=0.0
    )


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_certain_answers_have_finite_gradients(gamma):
    x = (40 * (2 * Y - 1)).float().requires_grad_()
    margin_focal(x, Y.float(), ALL, gamma).backward()
    assert x.grad.isfinite().all()


def test_unlabelled_entries_do_not_count():
    x, known = draw(0), torch.tensor([True, True, False, True, False])
    torch.testing.assert_close(margin_focal(x, Y, known), margin_focal(x[known], Y[known], known[known]))


@pytest.mark.parametrize("kind", ["binary", "multilabel", "multiclass"])
def test_module_is_the_mean_over_labels(kind, make_batch, make_output):
    batch = make_batch(kind)
    student = make_output(batch, 1)
    term = MarginFocal(margin=0.5)(student, {}, batch)["margin_focal"]
    targets, known = batch.targets, batch.labelled
    if kind == "multiclass":
        targets, known = functional.one_hot(targets[:, 0].long(), 3).float(), known.expand(-1, 3)
    each = [margin_focal(student.logits[:, i], targets[:, i], known[:, i], margin=0.5) for i in range(targets.shape[1])]
    torch.testing.assert_close(term, torch.stack(each).mean())


def test_refuses():
    with pytest.raises(InputError, match="below 0"):
        MarginFocal(gamma=-1.0)
