"""Agreement page: statistics of readers and model, and the cases to be adjudicated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.pages.components import Updates, pane
from medkd.app.pages.markup import markup
from medkd.app.pages.reading_form import format_reading
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.storage.account import Account
from medkd.app.storage.agreement import Agreement


class AgreementPage:
    """A reader's own statistics; for an adjudicator everyone's, and the cases on which readers differ."""

    def __init__(self, context: ViewerContext) -> None:
        self._context = context
        with gr.Column(visible=False, elem_id="agreement-page") as self.column:
            self._html = pane()
        self.parts = [self._html]

    def show(self, account: Account) -> Updates:
        """The page for an account."""
        context, names = self._context, self._context.bundle.target.names
        sees_all = account.may("adjudicator")
        agreement = Agreement(
            context.reviews, account, _truth(context) if sees_all else None, context.bundle.model_sha256
        )
        comparisons = agreement.comparisons(names)
        return {
            self._html: markup(
                "agreement_page",
                sees_all=sees_all,
                several=len(names) > 1,
                comparisons=comparisons,
                cases=self._disputed(account),
                identifiers=account.identifiers,
            )
        }

    def _disputed(self, account: Account) -> list[dict[str, Any]]:
        """Cases on which readers differ or disagree with the model.

        An adjudicator's are everyone's, a reader's are their own.
        """
        context, target = self._context, self._context.bundle.target
        sees_all = account.may("adjudicator")
        reader = None if sees_all else account.name
        answers: dict[str, dict[str, str]] = {}
        for reading in context.reviews.readings(reader):
            answers.setdefault(reading.case.case_key, {})[reading.reader] = format_reading(target, reading.reading)
        disputed: dict[str, dict[str, Any]] = {}
        for key, readings in answers.items():
            if len(set(readings.values())) > 1:
                disputed[key] = {"why": "readers differ", "comments": []}
        for verdict in context.reviews.verdicts(reader):
            if verdict.agreement == "disagree":
                row = disputed.setdefault(verdict.case.case_key, {"why": "disagrees with the model", "comments": []})
                row["comments"].append((verdict.reader, verdict.comment))
        adjudications = context.reviews.adjudications() if sees_all else {}
        rows = []
        for key, row in disputed.items():
            number = context.case_numbers.get(key)
            # Reviews of cases that are not served now are in the export alone.
            if number is None:
                continue
            final = adjudications.get(key)
            rows.append(
                {
                    **row,
                    "case": number,
                    "readings": sorted(answers.get(key, {}).items()),
                    "final": format_reading(target, final.reading) if final else "",
                }
            )
        return sorted(rows, key=lambda row: (bool(row["final"]), row["case"]))


def _truth(context: ViewerContext) -> Mapping[str, Mapping[str, bool]]:
    """Labels by ``case_key`` and class, of the cases that have any."""
    names = context.bundle.target.names
    truth = {}
    for row in context.cases.truths.iter_rows(named=True):
        known = {name: row[f"truth_{name}"] > 0.5 for name in names if row[f"truth_{name}"] is not None}
        if known:
            truth[row["sample_id"]] = known
    return truth
