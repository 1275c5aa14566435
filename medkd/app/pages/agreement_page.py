"""How far readers agree with the model and with each other, and what is still to be settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.pages.context import Desk
from medkd.app.pages.event import Updates
from medkd.app.pages.markup import markup, pane
from medkd.app.pages.question import words_of
from medkd.app.storage.account import Account
from medkd.app.storage.agreement import Agreement


class AgreementPage:
    """A reader's own figures; an adjudicator gets everyone's, and the cases on which readers differ.

    Args:
        desk: whose verdicts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        with gr.Column(visible=False, elem_id="agreement-page") as self.column:
            self._html = pane()
        self.parts = [self._html]

    def opened(self, account: Account) -> Updates:
        """What is shown to an account."""
        desk, names = self._desk, self._desk.bundle.target.names
        sees_all = account.may("adjudicator")
        held = Agreement(desk.verdicts, account, _truth(desk) if sees_all else None, desk.bundle.model_sha256)
        comparisons = held.comparisons(names)
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
        desk, target = self._desk, self._desk.bundle.target
        sees_all = account.may("adjudicator")
        whose = None if sees_all else account.name
        said: dict[str, dict[str, str]] = {}
        for reading in desk.verdicts.readings(whose):
            said.setdefault(reading.case.case_key, {})[reading.reader] = words_of(target, reading.reading)
        found: dict[str, dict[str, Any]] = {}
        for key, readings in said.items():
            if len(set(readings.values())) > 1:
                found[key] = {"why": "readers differ", "comments": []}
        for verdict in desk.verdicts.verdicts(whose):
            if verdict.agreement == "disagree":
                row = found.setdefault(verdict.case.case_key, {"why": "disagrees with the model", "comments": []})
                row["comments"].append((verdict.reader, verdict.comment))
        settled = desk.verdicts.adjudications() if sees_all else {}
        rows = []
        for key, row in found.items():
            number = desk.numbers.get(key)
            # What was written of cases that are not served now is in the export alone.
            if number is None:
                continue
            final = settled.get(key)
            rows.append(
                {
                    **row,
                    "case": number,
                    "readings": sorted(said.get(key, {}).items()),
                    "final": words_of(target, final.reading) if final else "",
                }
            )
        return sorted(rows, key=lambda row: (bool(row["final"]), row["case"]))


def _truth(desk: Desk) -> Mapping[str, Mapping[str, bool]]:
    """Labels by ``case_key`` and class, of the cases that have any."""
    names = desk.bundle.target.names
    found = {}
    for row in desk.cases.truths.iter_rows(named=True):
        known = {name: row[f"truth_{name}"] > 0.5 for name in names if row[f"truth_{name}"] is not None}
        if known:
            found[row["sample_id"]] = known
    return found
