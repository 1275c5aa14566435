"""Errors: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable
from pathlib import Path

SHOWN = 15
"""Number of names that are listed where none is near."""


class MedkdError(Exception):
    """A failure that medkd explains in one line.

    Args:
        what: what is wrong, quoting the user's own words.
        where: file, record, key or option.
        remedy: what to do about it; a question keeps its mark.

    >>> print(MedkdError("ECG has 11 leads, 12 expected", where="record 00017", remedy="Name the leads: ecg[I,II]"))
    ECG has 11 leads, 12 expected (record 00017). Name the leads: ecg[I,II].
    """

    exit_code = 2

    def __init__(self, what: str, *, where: object = "", remedy: str = "") -> None:
        self.what = what.strip().rstrip(".")
        self.where = str(where)
        self.remedy = remedy.strip().rstrip(".?") + ("?" if remedy.strip().endswith("?") else "")
        super().__init__(what)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.remedy)

    def __str__(self) -> str:
        line = self.what + (f" ({self.where})" if self.where else "") + "."
        end = "" if self.remedy.endswith("?") else "."
        return f"{line} {self.remedy}{end}" if self.remedy else line


class InputError(MedkdError):
    """The user's input is wrong: exit code 2."""


class RecordError(InputError):
    """One record among many cannot be used: it is counted, named and set aside."""


class CheckFailed(MedkdError):
    """A check that the user asked for did not pass: exit code 1."""

    exit_code = 1


def _rebuild(kind: type[MedkdError], what: str, where: str, remedy: str) -> MedkdError:
    return kind(what, where=where, remedy=remedy)


def place_of(error: BaseException) -> str:
    """File and line of medkd's own code where a failure came up, for a report that quotes nothing of the user's data.

    >>> place_of(ValueError("of patient-17"))
    'no place is known'
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}medkd{os.sep}" in frame.filename] or list(frames)
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else "no place is known"


def nearest(name: str, choices: Iterable[str]) -> str:
    """The remedy for a wrong name: the nearest valid one, or where none is near the first few of all.

    >>> nearest("demo_egc", ["demo_ecg", "ptbxl"])
    "Did you mean 'demo_ecg'?"
    >>> nearest("zzz", ["demo_ecg", "ptbxl"])
    'Choose from: demo_ecg, ptbxl'
    """
    options = sorted(choices)
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    more = f" and {len(options) - SHOWN} more" if len(options) > SHOWN else ""
    return f"Did you mean '{close[0]}'?" if close else f"Choose from: {', '.join(options[:SHOWN])}{more}"
