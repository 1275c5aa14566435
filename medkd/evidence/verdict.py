"""The verdict, which follows mechanically from the intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Verdict = Literal["helps", "regularises only", "no evidence", "harms", "invalid"]
Interval = Mapping[str, float | None]


def verdict(gain: Interval, privileged_gain: Interval | None, *, audit_passed: bool, fast: bool = False) -> Verdict:
    """Whether the teacher helped.

    *helps*: gain and privileged gain both lie above zero. *regularises only*: the gain alone does. *harms*: the gain
    lies below zero. *invalid*: the leak audit failed, or it was a ``--fast`` run. Else *no evidence*.

    >>> verdict({"low": 0.01, "high": 0.05}, {"low": -0.01, "high": 0.02}, audit_passed=True)
    'regularises only'
    """
    if fast or not audit_passed:
        return "invalid"
    low, high = gain["low"], gain["high"]
    if low is None or high is None:
        return "no evidence"
    if low > 0:
        privileged = None if privileged_gain is None else privileged_gain["low"]
        return "helps" if privileged is not None and privileged > 0 else "regularises only"
    return "harms" if high < 0 else "no evidence"
