"""Federated aggregation: one model's parameters from those of several clients that were trained apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from medkd.errors import InputError


def aggregate(
    states: Sequence[Mapping[str, Tensor]], samples: Sequence[int], accuracy: Sequence[float] | None = None
) -> dict[str, Tensor]:
    """The mean of every tensor of the clients' states, weighted by how many samples each has (federated averaging).

    Args:
        states: one per client, with the same names and shapes; buffers are averaged like parameters, whole numbers
            rounded.
        samples: of each client.
        accuracy: weigh by accuracy times samples instead, as FedMTFI's release does: clients that do well on their own
            data count more. NaN where unknown, which counts 0.1 as there.

    Raises:
        InputError: there is no client, or states do not match.

    Source: McMahan et al. 2017, arXiv:1602.05629, algorithm 1; Shadin et al., FedMTFI, arXiv:2606.01607.

    >>> aggregate([{"w": torch.zeros(1)}, {"w": torch.ones(1)}], [1, 3])
    {'w': tensor([0.7500])}
    """
    if not states or len({tuple(state) for state in states}) != 1 or len(samples) != len(states):
        remedy = "Give the states of one architecture, and a number of samples for each"
        raise InputError(f"{len(states)} clients' states cannot be averaged", where="aggregate", remedy=remedy)
    weights = client_weights(torch.tensor(samples), None if accuracy is None else torch.tensor(accuracy))
    return {name: _mean(torch.stack([state[name] for state in states]), weights) for name in states[0]}


def client_weights(samples: Tensor, accuracy: Tensor | None = None) -> Tensor:
    """Each client's weight, "client"; they sum to one, and are alike where all scores are zero.

    >>> client_weights(torch.tensor([1, 3]), torch.tensor([0.5, 0.5])).tolist()
    [0.25, 0.75]
    """
    score = samples.double() if accuracy is None else samples * accuracy.double().nan_to_num(nan=0.1)
    total = score.sum()
    return score / total if total > 0 else torch.full_like(score, 1 / len(score))


def _mean(stacked: Tensor, weights: Tensor) -> Tensor:
    mean: Tensor = torch.tensordot(weights.to(stacked.device), stacked.double(), dims=1)
    mean = mean if stacked.is_floating_point() else mean.round()
    return mean.to(stacked.dtype)


def _cluster_aggregate(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = client_weights(inputs["num_samples"], inputs["accuracy"])
    return {"aggregated": _mean(inputs["params"], weights)}


GOLDEN = {"fedmtfi/cluster_aggregate": _cluster_aggregate}
