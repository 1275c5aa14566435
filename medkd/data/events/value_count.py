"""Counts of a sample's values: those used and those set aside, by reason, are all that its file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NOT_USED, NO_UNIT, NO_NUMBER = "variable not used", "unit not known", "no number"
IMPLAUSIBLE, NO_TIME = "outside plausible limits", "no time"
"""Reasons why a value is set aside."""


@dataclass(frozen=True)
class ValueCount:
    """Accounts of a sample's values: those used and those set aside add up to those that its file holds.

    Args:
        used: values that are in the sample.
        measured: among those, measurements; age and sex are not.
        aside: values that were left out, by reason.
    """

    used: int
    measured: int
    aside: Mapping[str, int]

    @property
    def seen(self) -> int:
        """All values of the sample's file."""
        return self.used + sum(self.aside.values())

    @classmethod
    def of_file(cls, counts: Sequence[ValueCount]) -> ValueCount:
        """The count of one file from which several modalities read: what one of them uses is not unknown.

        >>> vitals = ValueCount(5, 5, {"variable not used": 3})
        >>> ValueCount.of_file([vitals, ValueCount(2, 2, {"no number": 1, "variable not used": 5})]).aside
        {'variable not used': 0, 'no number': 1}
        """
        aside: dict[str, int] = {}
        for count in counts:
            for reason, number in count.aside.items():
                aside[reason] = aside.get(reason, 0) + (0 if reason == NOT_USED else number)
        used, measured = sum(count.used for count in counts), sum(count.measured for count in counts)
        if NOT_USED in aside:
            seen = max(count.seen for count in counts)
            aside[NOT_USED] = max(0, seen - used - sum(aside.values()))
        return cls(used, measured, aside)
