"""Schedules: the weight of an objective over training."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise

from medkd.errors import InputError


class Schedule(ABC):
    """A weight as a function of progress, 0 at the first step and 1 at the last."""

    @abstractmethod
    def at(self, progress: float) -> float:
        """The weight at ``progress`` in [0, 1]."""


class Constant(Schedule):
    """The same weight throughout.

    >>> Constant(0.7).at(0.5)
    0.7
    """

    def __init__(self, value: float) -> None:
        self.value = value

    def at(self, progress: float) -> float:
        """The weight at ``progress``."""
        return self.value


class Linear(Schedule):
    """From ``start`` to ``end`` between two points of training, flat outside.

    >>> Linear(0.0, 1.0, begin=0.0, until=0.5).at(0.25)
    0.5
    """

    def __init__(self, start: float, end: float, begin: float = 0.0, until: float = 1.0) -> None:
        self.start, self.end, self.begin, self.until = start, end, begin, until

    def at(self, progress: float) -> float:
        """The weight at ``progress``."""
        done = (progress - self.begin) / max(self.until - self.begin, 1e-12)
        return self.start + (self.end - self.start) * min(max(done, 0.0), 1.0)


class Cosine(Schedule):
    """From ``start`` to ``end`` along half a cosine.

    >>> round(Cosine(1.0, 0.0).at(0.5), 6)
    0.5
    """

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def at(self, progress: float) -> float:
        """The weight at ``progress``."""
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


class Piecewise(Schedule):
    """A table of weights: ``values[i]`` holds from ``points[i]`` to the next point.

    Raises:
        InputError: the points do not rise from 0, or there is not one value for each.

    >>> Piecewise([0.0, 0.5], [1.0, 0.1]).at(0.6)
    0.1
    """

    def __init__(self, points: list[float], values: list[float]) -> None:
        if len(points) != len(values) or not points or points[0] != 0.0 or any(a >= b for a, b in pairwise(points)):
            raise InputError(
                f"points are {points}, values {values}",
                where="Piecewise",
                remedy="Points rise from 0.0, one value each",
            )
        self.points, self.values = points, values

    def at(self, progress: float) -> float:
        """The weight at ``progress``."""
        return max(zip(self.points, self.values, strict=True), key=lambda pair: (pair[0] <= progress, pair[0]))[1]
