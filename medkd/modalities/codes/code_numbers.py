"""Numbers of codes that a float32 array holds exactly, and back."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from medkd.modalities.codes.chapters import ICD10

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE = len(_LETTERS) + 1
_LENGTH = 7
"""Characters of a code, at most; 37^7, twice for the two systems, is below 2^38."""
_HALF = 20
"""Bits of the lower half: both halves are whole numbers that float32 holds exactly."""


@lru_cache(maxsize=1 << 17)
def halves(code: str) -> tuple[int, int]:
    """Upper and lower half of the number of a code, ``ICD9:4280`` for instance, as ``spelled`` gives it.

    >>> code_at(*halves("ICD10:W19XXXA"))
    'ICD10:W19XXXA'
    """
    system, _, bare = code.partition(":")
    number = 0
    for index in range(_LENGTH):
        number = number * _BASE + (1 + _LETTERS.index(bare[index]) if index < len(bare) else 0)
    number = 2 * number + (system == ICD10)
    return number >> _HALF, number & ((1 << _HALF) - 1)


@lru_cache(maxsize=1 << 17)
def code_at(upper: int, lower: int) -> str:
    """The code of these halves."""
    number, is_icd10 = divmod((upper << _HALF) | lower, 2)
    letters = []
    while number:
        number, digit = divmod(number, _BASE)
        letters.append(_LETTERS[digit - 1] if digit else "")
    return f"ICD{10 if is_icd10 else 9}:{''.join(reversed(letters))}"


def code_lists(values: NDArray[np.float32], known: NDArray[np.bool_]) -> list[list[str]]:
    """The codes of each sample from prepared arrays.

    Args:
        values: "sample 2 code", upper and lower halves.
        known: the same shape, True where there is a code.
    """
    numbers = np.where(known, values, 0).astype(np.int64)
    return [
        [code_at(int(upper), int(lower)) for upper, lower, present in zip(*pair, mask[0], strict=True) if present]
        for pair, mask in zip(numbers, known, strict=True)
    ]
