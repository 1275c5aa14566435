"""Two views of a sample in training, the sample itself afterwards."""

from __future__ import annotations

import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.hour_transformer import HourTransformer
from medkd.networks.two_views import TwoViews


def vitals(samples: int = 4) -> dict[str, Signal]:
    torch.manual_seed(1)
    return {"vitals": Signal(torch.randn(samples, 3, 24), torch.rand(samples, 3, 24) < 0.8)}


def network(**settings: float) -> TwoViews:
    torch.manual_seed(0)
    return TwoViews(
        HourTransformer(3, 1, width=8, heads=2, dropout=0.0), outputs=1, width=8, shown=["vitals"], dim=5, **settings
    )


def test_the_views_differ_and_codes_are_not_shown():
    made = network().train()
    seen = vitals() | {"codes": Signal(torch.zeros(4, 2, 7))}
    output = made(seen)
    assert output.tokens.shape == (4, 2, 5)
    assert not torch.allclose(output.tokens[:, 0], output.tokens[:, 1])
    made.eval()
    torch.testing.assert_close(made(seen).logits, made.core(vitals()).logits)
    assert made(seen).tokens.shape == (4, 24, 8)


def test_without_augmentation_the_views_are_one():
    tokens = network(jitter=0.0, drop_steps=0.0, drop_variables=0.0).train()(vitals()).tokens
    torch.testing.assert_close(tokens[:, 0], tokens[:, 1])


def test_views_show_whole_hours_and_variables_less_and_nothing_more():
    made = network(jitter=0.0, drop_steps=0.5, drop_variables=0.5)
    signal = Signal(torch.ones(200, 3, 24))
    view = made._view(signal)
    assert torch.equal(view.values, view.mask.float())
    assert abs(view.mask.float().mean() - 0.25) < 0.03
    hours, variables = view.mask.any(dim=1, keepdim=True), view.mask.any(dim=2, keepdim=True)
    assert torch.equal(view.mask, hours & variables)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="drop_steps 1"):
        network(drop_steps=1.0)
