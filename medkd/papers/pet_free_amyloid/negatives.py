"""Negatives of a scan: scans of another subject, and with another amyloid load."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

MISSING = -999.0
"""Code of an unknown Centiloid value in the golden vectors."""
LEAST = 1.0
"""Centiloids beyond which a difference still counts, where no scan differs by the threshold."""


def negatives(subject: Tensor, centiloid: Tensor, threshold: float = 5.0) -> Tensor:
    """The scans whose load differs from the anchor's by at least the threshold.

    Without any scan that far, the one that differs most, if by more than one Centiloid; else, or where nothing is known
    of the anchor or of all others, every scan of another subject. A subject alone has no negatives.

    A flaw of the release: the label is not looked at, so that two amyloid-positive scans can be each other's negatives;
    ``of_other_label`` leaves those out of the result.

    Args:
        subject: "scan" int64.
        centiloid: "scan"; NaN where unknown.
        threshold: in Centiloids.

    Returns:
        "anchor scan" bool.

    Source: Chiumento et al. 2026, arXiv:2604.12574.

    >>> negatives(torch.tensor([0, 0, 1, 2]), torch.tensor([0.0, 30.0, 2.0, 40.0]))[0].tolist()
    [False, False, False, True]
    """
    other = subject[:, None] != subject[None, :]
    difference = (centiloid[:, None] - centiloid[None, :]).abs()
    known = other & ~difference.isnan()
    far = known & (difference >= threshold)
    apart = torch.where(known, difference, -torch.inf)
    farthest = torch.zeros_like(other).scatter_(1, apart.argmax(dim=1, keepdim=True), True)
    nearest_to_it = torch.where(apart.amax(dim=1, keepdim=True) > LEAST, farthest, other)
    return torch.where(far.any(dim=1, keepdim=True), far, nearest_to_it)


def of_other_label(candidates: Tensor, positive: Tensor) -> Tensor:
    """Of the candidates "anchor scan" those whose amyloid status "scan" bool differs from the anchor's.

    All, where none does.
    """
    differ = candidates & (positive[:, None] != positive[None, :])
    return torch.where(differ.any(dim=1, keepdim=True), differ, candidates)


def _centiloid_negatives(inputs: Mapping[str, Tensor], threshold: float) -> dict[str, Tensor]:
    value = inputs["centiloid"]
    return {"mask": negatives(inputs["subject"], value.masked_fill(value == MISSING, torch.nan), threshold).long()}


GOLDEN = {"pet_free_amyloid/centiloid_negatives": _centiloid_negatives}
