from __future__ import annotations

import math

import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.gru_d import GruD


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = GruD(channels=3, outputs=2, width=5).eval()
    with torch.no_grad():
        made.input_decay.uniform_(-0.2, 0.6)
        made.input_shift.uniform_(-0.3, 0.3)
    return made


def by_hand(network: GruD, values: list[list[float]], seen: list[list[bool]]) -> list[float]:
    """One sample through Che et al. 2018, eqs. 2 and 10-12, in plain numbers.

    The gates are torch's GRU, its bias on the reset state.
    """
    held = {name: tensor.double().tolist() for name, tensor in network.state_dict().items()}
    width, variables, steps = 5, len(values), len(values[0])
    state, last, delta = [0.0] * width, [0.0] * variables, [0.0] * variables

    def affine(weight, bias, x):
        return [sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in zip(weight, bias, strict=True)]

    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    for t in range(steps):
        if t:
            delta = [1.0 if seen[d][t - 1] else delta[d] + 1 for d in range(variables)]
        decay = [
            math.exp(-max(0, held["input_decay"][d] * delta[d] + held["input_shift"][d])) for d in range(variables)
        ]
        x = [values[d][t] if seen[d][t] else decay[d] * last[d] for d in range(variables)]
        last = [values[d][t] if seen[d][t] else last[d] for d in range(variables)]
        fade = [math.exp(-max(0, f)) for f in affine(held["state_decay.weight"], held["state_decay.bias"], delta)]
        state = [f * h for f, h in zip(fade, state, strict=True)]
        a = affine(held["cell.weight_ih"], held["cell.bias_ih"], x + [float(seen[d][t]) for d in range(variables)])
        b = affine(held["cell.weight_hh"], held["cell.bias_hh"], state)
        r = [sigmoid(a[i] + b[i]) for i in range(width)]
        z = [sigmoid(a[width + i] + b[width + i]) for i in range(width)]
        n = [math.tanh(a[2 * width + i] + r[i] * b[2 * width + i]) for i in range(width)]
        state = [(1 - z[i]) * n[i] + z[i] * state[i] for i in range(width)]
    return state


def test_equals_its_equations_in_plain_numbers(network, grid):
    signal = grid()
    output = network({"vitals": signal})
    for row in range(5):
        expected = by_hand(network, signal.values[row].double().tolist(), signal.mask[row].tolist())
        assert output.embedding[row].tolist() == pytest.approx(expected, abs=1e-5)
    torch.testing.assert_close(output.logits, network.head(output.embedding))
    assert output.tokens.shape == (5, 12, 5)
    assert output.tokens[:, -1].equal(output.embedding)


def test_a_state_does_not_know_later_hours(network, grid):
    signal, later = grid(), grid(seed=9)
    values, mask = signal.values.clone(), signal.mask.clone()
    values[..., 7:], mask[..., 7:] = later.values[..., 7:], later.mask[..., 7:]
    before, after = network({"vitals": signal}).tokens, network({"vitals": Signal(values, mask)}).tokens
    assert after[:, :7].equal(before[:, :7])
    assert not after[:, 7:].allclose(before[:, 7:])


def test_an_old_value_fades_and_its_age_counts(network):
    """Seen at the first hour or at the last, the same value says something else."""
    early, late = torch.zeros(2, 1, 3, 12, dtype=torch.bool)
    early[..., 0], late[..., -1] = True, True
    values = torch.ones(1, 3, 12)
    logits = [network({"vitals": Signal(values * mask, mask)}).logits for mask in (early, late)]
    assert not logits[0].allclose(logits[1], atol=1e-3)


def test_another_number_of_variables_is_refused(network, grid):
    with pytest.raises(InputError, match="GruD takes 3 variables, the view has 4"):
        network({"vitals": grid(variables=4)})
