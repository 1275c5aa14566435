"""A model card's facts by item of TRIPOD+AI, the checklist for reports of prediction models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medkd.deploy.bundle.card import methods, results
from medkd.deploy.bundle.card.card_schema import Card
from medkd.deploy.bundle.card.formatting import Content, Table

ITEMS: tuple[tuple[str, str, str, Callable[[Card], Content] | None], ...] = (
    ("Title and abstract", "1", "Title", methods.title),
    ("Title and abstract", "2", "Abstract", results.abstract),
    ("Introduction", "3a", "Clinical context", methods.context),
    ("Introduction", "3b", "Intended use and users", methods.intended_use),
    ("Introduction", "3c", "Known health inequalities", None),
    ("Introduction", "4", "Objective", methods.objective),
    ("Methods", "5a", "Source of the data", methods.source),
    ("Methods", "5b", "Dates of the data", None),
    ("Methods", "6a", "Setting and centres", methods.setting),
    ("Methods", "6b", "Who was eligible", methods.eligibility),
    ("Methods", "6c", "Treatments received", None),
    ("Methods", "7", "Preparation of the data", methods.preparation),
    ("Methods", "8a", "Outcome", methods.outcome),
    ("Methods", "8b", "Who assessed the outcome", None),
    ("Methods", "8c", "Blinding of the outcome's assessment", None),
    ("Methods", "9a", "Choice of predictors", methods.predictors),
    ("Methods", "9b", "Definition of predictors", methods.definitions),
    ("Methods", "9c", "Who assessed the predictors", None),
    ("Methods", "10", "Sample size", methods.sample_size),
    ("Methods", "11", "Missing data", methods.missing),
    ("Methods", "12a", "How the data were divided", methods.division),
    ("Methods", "12b", "Handling of predictors", methods.handling),
    ("Methods", "12c", "Model and how it was made", methods.making),
    ("Methods", "12d", "Differences between centres", methods.centres),
    ("Methods", "12e", "Measures of performance", methods.measures),
    ("Methods", "12f", "Updating after evaluation", methods.updating),
    ("Methods", "12g", "How evaluated predictions were made", methods.evaluation),
    ("Methods", "13", "Class imbalance", methods.imbalance),
    ("Methods", "14", "Fairness", methods.fairness),
    ("Methods", "15", "Output of the model", methods.output),
    ("Methods", "16", "Development against evaluation data", methods.differences),
    ("Methods", "17", "Ethical approval", None),
    ("Open science", "18a", "Funding", None),
    ("Open science", "18b", "Conflicts of interest", None),
    ("Open science", "18c", "Protocol of the study", None),
    ("Open science", "18d", "Registration", None),
    ("Open science", "18e", "Availability of the data", methods.data_sharing),
    ("Open science", "18f", "Availability of the code", methods.code_sharing),
    ("Patients and public", "19", "Involvement of patients and the public", None),
    ("Results", "20a", "Flow of participants", results.flow),
    ("Results", "20b", "Characteristics of participants", results.participants),
    ("Results", "20c", "Comparison with the development data", results.comparison),
    ("Results", "21", "Numbers in each analysis", results.numbers),
    ("Results", "22", "The model in full", results.model),
    ("Results", "23a", "Performance", results.performance),
    ("Results", "23b", "Differences between centres and repeats", results.heterogeneity),
    ("Results", "24", "Results of updating", results.updating),
    ("Discussion", "25", "Interpretation", results.interpretation),
    ("Discussion", "26", "Limits", results.limits),
    ("Discussion", "27a", "Poor or missing input", results.poor_input),
    ("Discussion", "27b", "Interaction with the user", None),
    ("Discussion", "27c", "Next steps", results.next_steps),
)
"""Section, number, name in our words, and the function that fills it; None: no run knows it."""


@dataclass(frozen=True)
class Item:
    """One item of the checklist.

    Args:
        section: of the report.
        number: of the checklist, such as "23a".
        title: its name, in our words.
        lines: sentences; none, and no table, where the run does not state it.
        tables: what goes with them.
    """

    section: str
    number: str
    title: str
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def is_stated(self) -> bool:
        """Whether the run states anything about it."""
        return bool(self.lines or self.tables)


def by_item(card: Card) -> list[Item]:
    """Every item of the checklist in its order, filled from the facts of ``card.json`` alone.

    Source: Collins et al. 2024, BMJ 385:e078378 (TRIPOD+AI), table 1.
    """
    items = []
    for section, number, name, fill in ITEMS:
        lines, tables = fill(card) if fill else ((), ())
        items.append(Item(section, number, name, tuple(lines), tuple(table for table in tables if table.rows)))
    return items


def not_stated(items: Sequence[Item]) -> list[str]:
    """The items about which the run states nothing, such as "18a Funding"."""
    return [f"{item.number} {item.title}" for item in items if not item.is_stated]
