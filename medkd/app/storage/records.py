"""Records of a reader study: readings, verdicts and adjudications of cases, and the model's output beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ANSWERS = ("yes", "no", "unsure")
"""A reader's answers on a class."""
AGREEMENTS = ("agree", "disagree", "unsure")
"""A reader's verdicts on the model's output."""


@dataclass(frozen=True)
class CaseKey:
    """Identifiers of a case.

    Args:
        case_key: the sample's id.
        subject_id: the patient's id.
        pseudonym: the keyed hash that the audit log has in place of both.
    """

    case_key: str
    subject_id: str
    pseudonym: str


@dataclass(frozen=True)
class ModelOutput:
    """The model's output for a case at the moment when a reader read it.

    Args:
        model_sha256: digest of the bundle's weights.
        probabilities: calibrated, by class.
        calls: by class, whether the probability is at or above its threshold; a class without threshold is absent.
        set: the conformal set in words.
        drift: distance from the training samples; above 1 is beyond their 99th percentile.
    """

    model_sha256: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    calls: Mapping[str, bool] = field(default_factory=dict)
    set: str | None = None
    drift: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Reading:
    """A reader's own reading of a case.

    Args:
        reader: the account's name.
        reading: "yes", "no" or "unsure" by class.
        blinded: whether it was given before the model's output was shown.
        seconds: time taken.
        model: the model's output for the case, for comparison.
        at: seconds since 1970.
    """

    case: CaseKey
    reader: str
    reading: Mapping[str, str]
    blinded: bool
    seconds: float
    model: ModelOutput
    at: float


@dataclass(frozen=True)
class Verdict:
    """A reader's verdict on the model's output.

    Args:
        reader: the account's name.
        agreement: "agree", "disagree" or "unsure".
        seconds: time taken.
        model: the output that was shown.
        revision: from 1; each change adds 1.
        at: seconds since 1970.
    """

    case: CaseKey
    reader: str
    agreement: str
    comment: str
    seconds: float
    model: ModelOutput
    revision: int
    at: float


@dataclass(frozen=True)
class Adjudication:
    """The final reading of a case.

    Args:
        reader: the adjudicator's account name.
        reading: "yes", "no" or "unsure" by class.
        revision: from 1; each change by any adjudicator adds 1.
        at: seconds since 1970.
    """

    case: CaseKey
    reader: str
    reading: Mapping[str, str]
    comment: str
    revision: int
    at: float
