"""Decision thresholds, chosen on a validation part by a rule."""

from __future__ import annotations

import re

import numpy as np

from medkd.errors import InputError
from medkd.evidence.statistics.metrics import Array


def parse_rule(rule: str) -> tuple[str, float]:
    """A threshold rule as its name and the sensitivity to reach, 0 for the other rules.

    Raises:
        InputError: there is no such rule.

    >>> parse_rule("youden"), parse_rule("sensitivity:0.95")
    (('youden', 0.0), ('sensitivity', 0.95))
    """
    match = re.fullmatch(r"(youden|f1)|(sensitivity):(0?\.\d+|1|1\.0)", rule)
    if not match:
        raise InputError(
            f"no threshold rule '{rule}'", where="evidence.threshold", remedy="Write youden, f1 or sensitivity:0.95"
        )
    return match[1] or match[2], float(match[3] or 0)


def choose_threshold(y: Array, probability: Array, rule: str = "youden") -> float:
    """The best threshold by a rule, half way between neighbouring probabilities; 0.5 where a class is missing.

    Args:
        y: "sample", 0 or 1.
        probability: "sample", calibrated.
        rule: "youden" (sensitivity + specificity), "f1", or "sensitivity:S" (the highest threshold that reaches S).

    Raises:
        InputError: there is no such rule.

    >>> choose_threshold(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.4, 0.9]))
    0.30000000000000004
    """
    name, wanted = parse_rule(rule)
    positives, negatives = float((y == 1).sum()), float((y == 0).sum())
    if positives == 0 or negatives == 0:
        return 0.5
    levels, level_of = np.unique(probability, return_inverse=True)
    true_positives = np.cumsum(np.bincount(level_of, weights=y == 1, minlength=len(levels))[::-1])[::-1]
    false_positives = np.cumsum(np.bincount(level_of, weights=y == 0, minlength=len(levels))[::-1])[::-1]
    cuts = np.concatenate([[levels[0]], (levels[1:] + levels[:-1]) / 2])
    if name == "sensitivity":
        return float(cuts[np.flatnonzero(true_positives / positives >= wanted)[-1]])
    if name == "youden":
        value = true_positives / positives - false_positives / negatives
    else:
        value = 2 * true_positives / (true_positives + false_positives + positives)
    return float(cuts[np.argmax(value)])
