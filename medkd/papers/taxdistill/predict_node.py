"""Prediction of a taxonomy's node: the most specific one whose probability is high enough."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.joint_hierarchy import leaves_below


def node_probabilities(logits: Tensor, parents: Tensor) -> Tensor:
    """The probability of each node, the sum over the leaves below it: logits "batch leaf" → "batch node".

    The root's is one.

    >>> node_probabilities(torch.zeros(1, 2), torch.tensor([-1, 0, 0]))
    tensor([[1.0000, 0.5000, 0.5000]])
    """
    return logits.softmax(dim=1) @ leaves_below(parents).to(logits.dtype).T


def most_specific(probability: Tensor, parents: Tensor, threshold: float = 0.5) -> Tensor:
    """The node with the fewest leaves among those above the threshold, "batch" int64; of equal ones the more probable.

    A node with one child is never named: its child has the same leaves and says more. Where no node is above the
    threshold, the root.

    Args:
        probability: "batch node".
        parents: "node" int64; -1 for the root, which is node 0.
        threshold: probability that a node must exceed, 0 to 1.

    Source: Ye et al. 2026, TaxDistill, arXiv:2605.28868; Taxometer.

    >>> most_specific(torch.tensor([[1.0, 0.7, 0.3]]), torch.tensor([-1, 0, 0]))
    tensor([1])
    """
    leaves = leaves_below(parents).sum(dim=1)
    children = torch.bincount(parents[1:], minlength=len(parents))
    # Counts are whole and probabilities in (0, 1]: their difference orders by the first, then by the second.
    order = leaves - probability
    candidate = (probability > threshold) & (children != 1)
    return order.masked_fill(~candidate, torch.inf).argmin(dim=1)


def _predict_node(inputs: Mapping[str, Tensor], threshold: float) -> dict[str, Tensor]:
    probability = node_probabilities(inputs["student_logits"], inputs["parents"])
    return {"node_prob": probability, "prediction": most_specific(probability, inputs["parents"], threshold)}


GOLDEN = {"taxdistill/predict_node": _predict_node}
