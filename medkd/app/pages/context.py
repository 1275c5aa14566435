"""What the pages work with: a bundle, its cases, and who may do what."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from medkd.app.auth.accounts import Accounts
from medkd.app.cases.cases import Cases
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import Audit
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Verdicts
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.layout import CARD, REPORT
from medkd.errors import InputError

_LONGEST = 3600.0
"""Seconds after which a case that was left open counts as opened anew."""


class Stopwatch:
    """How long readers take, by the server's clock.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()

    def begin(self, reader: str, case: int) -> None:
        """A page was opened, or a part of it is done and the next begins."""
        now = self._clock()
        with self._lock:
            self._begun[reader, case] = now
            if len(self._begun) > 10_000:
                self._begun = {key: at for key, at in self._begun.items() if now - at < _LONGEST}

    def taken(self, reader: str, case: int) -> float:
        """Seconds since; 0 where the server was started in between and nothing is known.

        >>> watch = Stopwatch(iter([10.0, 17.5]).__next__)
        >>> watch.begin("ada", 3)
        >>> watch.taken("ada", 3)
        7.5
        """
        with self._lock:
            begun = self._begun.get((reader, case))
        return 0.0 if begun is None else self._clock() - begun


@dataclass(frozen=True)
class Desk:
    """All that a page needs.

    Args:
        bundle: the model.
        card: the bundle's ``card.json``.
        report: the bundle's ``report.json``.
        cases: what is read.
        accounts, verdicts, audit: of the viewer's database.
        blinded: whether a reader gives a reading of their own before the model's is shown.
        stopwatch: of all readers.
    """

    bundle: Bundle
    card: Mapping[str, Any]
    report: Mapping[str, Any]
    cases: Cases
    accounts: Accounts
    verdicts: Verdicts
    audit: Audit
    blinded: bool = True
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    @classmethod
    def of(
        cls,
        folder: Path,
        bundle: Bundle,
        cases: Cases,
        accounts: Accounts,
        verdicts: Verdicts,
        audit: Audit,
        *,
        blinded: bool = True,
    ) -> Desk:
        """With the card and the report that lie in the bundle's folder.

        Args:
            folder: the bundle's, which was checked when ``bundle`` was loaded from it.
            bundle, cases, accounts, verdicts, audit: as above.
            blinded: wanted; a quantity has no reading of yes or no, so its cases are open.

        Raises:
            InputError: card or report is missing.
        """
        found = [_document(folder, name) for name in (CARD, REPORT)]
        asked = bundle.target.kind in ("binary", "multilabel", "multiclass")
        return cls(bundle, found[0], found[1], cases, accounts, verdicts, audit, blinded and asked)

    def key(self, case: int) -> CaseKey:
        """What is kept beside everything that is written of a case."""
        row = self.cases.row(case)
        return CaseKey(row["sample_id"], row["subject_id"], row["pseudonym"])

    def output(self, case: int) -> ModelOutput:
        """What the model says of a case."""
        row = self.cases.row(case)
        scores = {name: row[f"p_cal_{name}"] for name in self.bundle.target.names}
        calls = {
            name: p >= threshold
            for name, p in scores.items()
            if p is not None and (threshold := self.bundle.threshold.get(name)) is not None
        }
        return ModelOutput(self.bundle.model_sha256, scores, calls, row["set"], row["drift"])

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """``case_key`` → number of the case."""
        return dict(zip(self.cases.table["sample_id"], self.cases.table["case"], strict=True))

    def account(self, name: str | None) -> Account:
        """Who is at the keyboard.

        Raises:
            InputError: nobody who has an account.
        """
        account = self.accounts.account(name) if name else None
        if account is None:
            raise InputError("you are not logged in", remedy="Log in again")
        return account


def _document(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        raise InputError(
            f"file '{name}' is missing", where=f"bundle {folder}", remedy="Copy the bundle again from its source"
        )
    held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return held
