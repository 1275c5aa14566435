"""Stacked networks: each is the network that its seed makes, and scores its own data set."""

from __future__ import annotations

import torch

from medkd.benchmark.stacked.network import Perceptron, State, scores, stack_modules

SEEDS, COLUMNS = (3, 5, 8), 4


def alone(seed: int) -> Perceptron:
    torch.manual_seed(seed)
    return Perceptron(COLUMNS)


def stacked(copies: int) -> State:
    return stack_modules(lambda: Perceptron(COLUMNS), SEEDS, copies)[1]


def test_each_seed_makes_the_same_network_alone_and_in_every_copy():
    state = stacked(copies=2)
    for index, seed in enumerate(SEEDS):
        for name, value in alone(seed).state_dict().items():
            assert state[name][index].equal(value)
            assert state[name][index + len(SEEDS)].equal(value)


def test_stacking_leaves_the_caller_s_random_state():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    stacked(copies=1)
    assert torch.rand(3).equal(expected)


def test_parameters_learn_and_buffers_do_not():
    _, parameters, buffers = stack_modules(lambda: torch.nn.BatchNorm1d(COLUMNS), SEEDS)
    assert all(value.requires_grad and value.is_leaf for value in parameters.values())
    assert {"running_mean", "num_batches_tracked"} <= buffers.keys()
    assert not any(value.requires_grad for value in buffers.values())


def test_scores_are_the_log_odds_of_each_data_set_s_own_networks():
    generator = torch.Generator().manual_seed(0)
    scored = [torch.randn(count, COLUMNS, generator=generator) for count in (7, 2, 5)]
    state = {name: value * (1 if name == "head.bias" else 2) for name, value in stacked(copies=2).items()}
    log_odds = scores(state, scored)
    assert [tuple(one.shape) for one in log_odds] == [(2, 7), (2, 2), (2, 5)]
    for index, (seed, x) in enumerate(zip(SEEDS, scored, strict=True)):
        network = alone(seed)
        network.load_state_dict({name: state[name][index] for name in network.state_dict()})
        probability = network(x)[0].softmax(dim=1)[:, 1]
        torch.testing.assert_close(log_odds[index][0], torch.logit(probability), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(log_odds[index][0], log_odds[index][1])
