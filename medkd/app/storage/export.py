"""Export of readings and verdicts as a CSV that spreadsheets open safely."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.records import CaseKey, ModelOutput, Reading, Verdict
from medkd.app.storage.reviews import Reviews
from medkd.deploy.inference.predictions import escape_formulas


def export_table(reviews: Reviews, account: Account, classes: Sequence[str]) -> pl.DataFrame:
    """One row per case and reader.

    A reader gets their own rows, an adjudicator everyone's; identifiers are included for accounts that may see them.
    """
    sees_all = account.may("adjudicator")
    reader = None if sees_all else account.name
    readings = {(row.case.case_key, row.reader): row for row in reviews.readings(reader)}
    verdicts = {(row.case.case_key, row.reader): row for row in reviews.verdicts(reader)}
    adjudications = reviews.adjudications() if sees_all else {}
    rows = []
    for key in sorted({*readings, *verdicts}):
        reading, verdict = readings.get(key), verdicts.get(key)
        either = verdict or readings[key]
        rows.append(
            {
                **_case(either.case, account.identifiers),
                "target": reviews.target,
                "reader": key[1],
                **_reading(reading, classes),
                **_verdict(verdict),
                # The output that the verdict is about; without a verdict, the output beside the reading.
                **_model(either.model, classes),
                **(
                    {f"adjudicated_{name}": adjudications[key[0]].reading.get(name) for name in classes}
                    if key[0] in adjudications
                    else {}
                ),
            }
        )
    return pl.DataFrame(rows, schema=_schema(classes, account.identifiers, sees_all), orient="row")


def export_csv(reviews: Reviews, account: Account, classes: Sequence[str], audit: AuditLog) -> str:
    """The table as CSV; the export is recorded in the audit log.

    Text that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    table = export_table(reviews, account, classes)
    audit.append(account.name, "export", rows=table.height, identifiers=account.identifiers)
    return escape_formulas(table).write_csv()


def _schema(classes: Sequence[str], identifiers: bool, sees_all: bool) -> dict[str, Any]:
    text, number = pl.String(), pl.Float64()
    return {
        "pseudonym": text,
        **({"sample_id": text, "subject_id": text} if identifiers else {}),
        "target": text,
        "reader": text,
        **{f"reading_{name}": text for name in classes},
        "blinded": pl.Boolean(),
        "reading_at": text,
        "reading_seconds": number,
        "verdict": text,
        "comment": text,
        "verdict_at": text,
        "verdict_seconds": number,
        "verdict_revision": pl.Int64(),
        **{f"p_cal_{name}": number for name in classes},
        **{f"called_{name}": pl.Boolean() for name in classes},
        "set": text,
        "drift": number,
        "model_sha256": text,
        **({f"adjudicated_{name}": text for name in classes} if sees_all else {}),
    }


def _case(case: CaseKey, identifiers: bool) -> dict[str, Any]:
    names = {"sample_id": case.case_key, "subject_id": case.subject_id} if identifiers else {}
    return {"pseudonym": case.pseudonym, **names}


def _reading(row: Reading | None, classes: Sequence[str]) -> dict[str, Any]:
    return {
        **{f"reading_{name}": row.reading.get(name) if row else None for name in classes},
        "blinded": row.blinded if row else None,
        "reading_at": _when(row.at) if row else None,
        "reading_seconds": row.seconds if row else None,
    }


def _verdict(row: Verdict | None) -> dict[str, Any]:
    return {
        "verdict": row.agreement if row else None,
        "comment": row.comment if row else None,
        "verdict_at": _when(row.at) if row else None,
        "verdict_seconds": row.seconds if row else None,
        "verdict_revision": row.revision if row else None,
    }


def _model(model: ModelOutput, classes: Sequence[str]) -> dict[str, Any]:
    return {
        **{f"p_cal_{name}": model.probabilities.get(name) for name in classes},
        **{f"called_{name}": model.calls.get(name) for name in classes},
        "set": model.set,
        "drift": model.drift,
        "model_sha256": model.model_sha256,
    }


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
