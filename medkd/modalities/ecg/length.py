"""Windows of one length from records of any length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def middle(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """The middle ``length`` samples of ``values`` "lead time"; a shorter one is followed by zeros.

    >>> middle(np.arange(6.0)[None], 4).tolist(), middle(np.ones((1, 2)), 3).tolist()
    ([[1.0, 2.0, 3.0, 4.0]], [[1.0, 1.0, 0.0]])
    """
    return cut(values, middle_start(values.shape[1], length), length)


def cut(values: NDArray[np.float64], start: int, length: int) -> NDArray[np.float64]:
    """``length`` samples of ``values`` "lead time" from ``start`` on; a shorter one is followed by zeros.

    >>> cut(np.arange(6.0)[None], 3, 2).tolist()
    [[3.0, 4.0]]
    """
    spare = values.shape[1] - length
    if spare < 0:
        return np.pad(values, ((0, 0), (0, -spare)))
    return values[:, min(start, spare) : min(start, spare) + length]


def windows(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """All of ``values`` "lead time" as "window lead time": end to end, the last one flush with the end.

    >>> windows(np.arange(5.0)[None], 2)[:, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0], [3.0, 4.0]]
    """
    if values.shape[1] <= length:
        return middle(values, length)[None]
    return np.stack([values[:, start : start + length] for start in window_starts(values.shape[1], length)])


def window_starts(samples: int, length: int) -> list[int]:
    """First sample of each of ``windows`` in a record of ``samples``.

    >>> window_starts(5, 2), window_starts(1, 2)
    ([0, 2, 3], [0])
    """
    starts = list(range(0, samples - length + 1, length)) or [0]
    if starts[-1] + length < samples:
        starts.append(samples - length)
    return starts


def middle_start(samples: int, length: int) -> int:
    """First sample of ``middle`` in a record of ``samples``.

    >>> middle_start(6, 4), middle_start(2, 3)
    (1, 0)
    """
    return max(samples - length, 0) // 2
