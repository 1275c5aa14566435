"""How far readers agree with each other, with the model and with the truth; cases read blinded alone count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from medkd.app.storage.account import Account
from medkd.app.storage.agreement_stats import Estimate, kappa, share
from medkd.app.storage.records import Reading
from medkd.app.storage.reviews import Verdicts

MODEL, TRUTH = "the model", "the truth"


@dataclass(frozen=True)
class Comparison:
    """One side held against another, for one class.

    Args:
        judged: whose calls are judged: a reader's name, or "the model".
        against: what they are held against: a reader's name, or "the truth".
        class_name: of the target.
        figures: by name: "kappa" and "agreement"; and "sensitivity" and "specificity" where one side is the reference.
        left_out: cases of both that do not count since a reader was unsure.
    """

    judged: str
    against: str
    class_name: str
    figures: Mapping[str, Estimate]
    left_out: int

    @property
    def sentence(self) -> str:
        """In words."""
        n = self.figures["agreement"].n
        unsure = f"; {self.left_out} more where a reader was unsure are left out" if self.left_out else ""
        if n == 0:
            return f"{self.judged} and {self.against}, {self.class_name}: no case read blinded by both{unsure}."
        few = " Few cases: the intervals are wide." if n < 30 else ""
        told = "; ".join(f"{name} {figure.text}" for name, figure in self.figures.items())
        return f"{self.judged} against {self.against}, {self.class_name}: {told}{unsure}.{few}"


class Agreement:
    """What one account may know of how far everyone agrees.

    A reader gets their own readings against the model. An adjudicator gets everyone's, each pair of readers, and the
    truth.

    Args:
        verdicts: of one target.
        account: who asks.
        truth: ``case_key`` to class to whether it is so, where the cohort has it.
        model_sha256: of the bundle; readings that were compared with another model's output are left out of the model's
            figures.
    """

    def __init__(
        self,
        verdicts: Verdicts,
        account: Account,
        truth: Mapping[str, Mapping[str, bool]] | None = None,
        model_sha256: str | None = None,
    ) -> None:
        sees_all = account.may("adjudicator")
        self.readings = [row for row in verdicts.readings(None if sees_all else account.name) if row.blinded]
        self.readers = sorted({row.reader for row in self.readings})
        self.truth = truth if sees_all and truth else {}
        self.model_sha256 = model_sha256

    def comparisons(self, classes: Sequence[str]) -> list[Comparison]:
        """Everything that can be compared, for each class.

        The model against each reader, pairs of readers, and all against the truth.
        """
        found: list[Comparison] = []
        for name in classes:
            said = {reader: _answers(self.readings, reader, name) for reader in self.readers}
            called = self._called(name)
            found += [_judge(MODEL, called, reader, said[reader], name) for reader in self.readers]
            found += [_pair(one, said[one], other, said[other], name) for one, other in combinations(self.readers, 2)]
            if self.truth:
                true = {key: "yes" if classes[name] else "no" for key, classes in self.truth.items() if name in classes}
                found += [_judge(reader, said[reader], TRUTH, true, name) for reader in self.readers]
                found.append(_judge(MODEL, called, TRUTH, true, name))
        return found

    def _called(self, name: str) -> dict[str, str]:
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
    return Comparison(one, other, name, {"kappa": kappa(a, b), "agreement": share(agreed, len(a))}, left_out)


def _judge(judged: str, calls: Mapping[str, str], against: str, reference: Mapping[str, str], name: str) -> Comparison:
    pair = _pair(judged, calls, against, reference, name)
    called, true, _ = _shared(calls, reference)
    hits = sum(c and t for c, t in zip(called, true, strict=True))
    rejected = sum(not c and not t for c, t in zip(called, true, strict=True))
    figures = {
        "sensitivity": _share_of(hits, sum(true), "yes"),
        "specificity": _share_of(rejected, len(true) - sum(true), "no"),
    }
    return Comparison(judged, against, name, {**figures, **pair.figures}, pair.left_out)


def _share_of(hits: int, n: int, answer: str) -> Estimate:
    return share(hits, n) if n else Estimate(None, None, None, 0, f'cannot be told: no case whose answer is "{answer}"')
