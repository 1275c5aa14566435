"""Viewer context: bundle, cases, accounts, reviews and audit log, as all pages need them."""

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
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Reviews
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.layout import CARD, REPORT
from medkd.errors import InputError
from medkd.evidence.report_reader import upgraded

_FORGOTTEN_AFTER = 3600.0
"""Seconds after which the start time of a case that was left open may be dropped."""


class Stopwatch:
    """Time taken per reader and case, by the server's clock (``clock`` in seconds)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()

    def start(self, reader: str, case: int) -> None:
        """Start the time of a reader's next step: the reading, then the verdict."""
        now = self._clock()
        with self._lock:
            self._started[reader, case] = now
            if len(self._started) > 10_000:
                self._started = {key: at for key, at in self._started.items() if now - at < _FORGOTTEN_AFTER}

    def elapsed(self, reader: str, case: int) -> float:
        """Seconds since ``start``; 0 if the server was restarted in between.

        >>> watch = Stopwatch(iter([10.0, 17.5]).__next__)
        >>> watch.start("ada", 3)
        >>> watch.elapsed("ada", 3)
        7.5
        """
        with self._lock:
            started = self._started.get((reader, case))
        return 0.0 if started is None else self._clock() - started


@dataclass(frozen=True)
class ViewerContext:
    """All that a page needs.

    Args:
        card: the bundle's ``card.json``.
        report: the bundle's ``report.json``.
        blinded: whether a reader must give their own reading before the model's output is shown.
    """

    bundle: Bundle
    card: Mapping[str, Any]
    report: Mapping[str, Any]
    cases: Cases
    accounts: Accounts
    reviews: Reviews
    audit: AuditLog
    blinded: bool = True
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    @classmethod
    def from_bundle_folder(
        cls,
        folder: Path,
        bundle: Bundle,
        cases: Cases,
        accounts: Accounts,
        reviews: Reviews,
        audit: AuditLog,
        *,
        blinded: bool = True,
    ) -> ViewerContext:
        """The context with card and report of the bundle in ``folder``, which was checked when it was loaded.

        Args:
            blinded: ignored for a quantity, which has no reading of yes or no: its cases are open.

        Raises:
            InputError: card or report is missing.
        """
        card, report = _read_json(folder, CARD), upgraded(_read_json(folder, REPORT))
        has_reading = bundle.target.kind in ("binary", "multilabel", "multiclass")
        return cls(bundle, card, report, cases, accounts, reviews, audit, blinded and has_reading)

    def case_key(self, case: int) -> CaseKey:
        """The identifiers that are stored with every review of a case."""
        row = self.cases.row(case)
        return CaseKey(row["sample_id"], row["subject_id"], row["pseudonym"])

    def model_output(self, case: int) -> ModelOutput:
        """The model's output for a case."""
        row = self.cases.row(case)
        scores = {name: row[f"p_cal_{name}"] for name in self.bundle.target.names}
        calls = {
            name: p >= threshold
            for name, p in scores.items()
            if p is not None and (threshold := self.bundle.threshold.get(name)) is not None
        }
        return ModelOutput(self.bundle.model_sha256, scores, calls, row["set"], row["drift"])

    @cached_property
    def case_numbers(self) -> Mapping[str, int]:
        """``case_key`` → number of the case."""
        return dict(zip(self.cases.table["sample_id"], self.cases.table["case"], strict=True))

    def account(self, name: str | None) -> Account:
        """The account of the user who is logged in.

        Raises:
            InputError: there is none.
        """
        account = self.accounts.account(name) if name else None
        if account is None:
            raise InputError("you are not logged in", remedy="Log in again")
        return account


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        raise InputError(
            f"file '{name}' is missing", where=f"bundle {folder}", remedy="Copy the bundle again from its source"
        )
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
