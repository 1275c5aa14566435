"""Agreement of readers with each other, with the model and with the truth, over blinded readings only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from medkd.app.storage.account import Account
from medkd.app.storage.agreement_stats import AgreementStatistic, cohen_kappa, proportion
from medkd.app.storage.records import Reading
from medkd.app.storage.reviews import Reviews

MODEL, TRUTH = "the model", "the truth"


@dataclass(frozen=True)
class Comparison:
    """Agreement of one rater with another or with a reference, for one class.

    Args:
        judged: the rater: a reader's name, or "the model".
        against: the other rater or the reference: a reader's name, or "the truth".
        statistics: "kappa" and "agreement"; also "sensitivity" and "specificity" where one side is the reference.
        left_out: cases rated by both that do not count because a reader was unsure.
    """

    judged: str
    against: str
    class_name: str
    statistics: Mapping[str, AgreementStatistic]
    left_out: int

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        n = self.statistics["agreement"].n
        unsure = f"; {self.left_out} more where a reader was unsure are left out" if self.left_out else ""
        if n == 0:
            return f"{self.judged} and {self.against}, {self.class_name}: no case read blinded by both{unsure}."
        few = " Few cases: the intervals are wide." if n < 30 else ""
        values = "; ".join(f"{name} {statistic.text}" for name, statistic in self.statistics.items())
        return f"{self.judged} against {self.against}, {self.class_name}: {values}{unsure}.{few}"


class Agreement:
    """Agreement statistics that one account may see.

    A reader gets their own readings against the model. An adjudicator gets everyone's, each pair of readers, and the
    truth.

    Args:
        truth: ``case_key`` to class to label, where the cohort has it; ignored for a reader.
        model_sha256: of the bundle; readings beside another model's output are left out of the model's statistics.
            None counts all.
    """

    def __init__(
        self,
        reviews: Reviews,
        account: Account,
        truth: Mapping[str, Mapping[str, bool]] | None = None,
        model_sha256: str | None = None,
    ) -> None:
        sees_all = account.may("adjudicator")
        self.readings = [row for row in reviews.readings(None if sees_all else account.name) if row.blinded]
        self.readers = sorted({row.reader for row in self.readings})
        self.truth = truth if sees_all and truth else {}
        self.model_sha256 = model_sha256

    def comparisons(self, classes: Sequence[str]) -> list[Comparison]:
        """Per class: the model against each reader, each pair of readers, and all of them against the truth."""
        comparisons: list[Comparison] = []
        for name in classes:
            answers = {reader: _answers(self.readings, reader, name) for reader in self.readers}
            calls = self._model_calls(name)
            comparisons += [_against_reference(MODEL, calls, reader, answers[reader], name) for reader in self.readers]
            comparisons += [
                _pair(one, answers[one], other, answers[other], name) for one, other in combinations(self.readers, 2)
            ]
            if self.truth:
                labels = {key: "yes" if row[name] else "no" for key, row in self.truth.items() if name in row}
                comparisons += [
                    _against_reference(reader, answers[reader], TRUTH, labels, name) for reader in self.readers
                ]
                comparisons.append(_against_reference(MODEL, calls, TRUTH, labels, name))
        return comparisons

    def _model_calls(self, name: str) -> dict[str, str]:
        rows = [row for row in self.readings if self.model_sha256 in (None, row.model.model_sha256)]
        return {row.case.case_key: "yes" if row.model.calls[name] else "no" for row in rows if name in row.model.calls}


def _answers(readings: Sequence[Reading], reader: str, name: str) -> dict[str, str]:
    return {row.case.case_key: row.reading[name] for row in readings if row.reader == reader and name in row.reading}


def _shared(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[list[bool], list[bool], int]:
    both = [(one[key], other[key]) for key in one if key in other]
    sure = [pair for pair in both if "unsure" not in pair]
    return [first == "yes" for first, _ in sure], [second == "yes" for _, second in sure], len(both) - len(sure)


def _pair(one: str, first: Mapping[str, str], other: str, second: Mapping[str, str], name: str) -> Comparison:
    a, b, left_out = _shared(first, second)
    agreed = sum(x == y for x, y in zip(a, b, strict=True))
    return Comparison(one, other, name, {"kappa": cohen_kappa(a, b), "agreement": proportion(agreed, len(a))}, left_out)


def _against_reference(
    judged: str, calls: Mapping[str, str], against: str, reference: Mapping[str, str], name: str
) -> Comparison:
    pair = _pair(judged, calls, against, reference, name)
    called, true, _ = _shared(calls, reference)
    hits = sum(c and t for c, t in zip(called, true, strict=True))
    rejected = sum(not c and not t for c, t in zip(called, true, strict=True))
    statistics = {
        "sensitivity": _proportion_of(hits, sum(true), "yes"),
        "specificity": _proportion_of(rejected, len(true) - sum(true), "no"),
    }
    return Comparison(judged, against, name, {**statistics, **pair.statistics}, pair.left_out)


def _proportion_of(hits: int, n: int, answer: str) -> AgreementStatistic:
    return (
        proportion(hits, n)
        if n
        else AgreementStatistic(None, None, None, 0, f'cannot be told: no case whose answer is "{answer}"')
    )
