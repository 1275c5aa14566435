"""What readers wrote, as it is handed around.

Readings, verdicts and adjudications of cases, and what the model said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ANSWERS = ("yes", "no", "unsure")
"""What a reader may say of a class."""
AGREEMENTS = ("agree", "disagree", "unsure")
"""What a reader may say of the model's output."""


@dataclass(frozen=True)
class CaseKey:
    """A case, as it is kept beside what was written of it.

    Args:
        case_key: its sample's id.
        subject_id: the patient's.
        pseudonym: what stands in the audit log in place of both.
    """

    case_key: str
    subject_id: str
    pseudonym: str


@dataclass(frozen=True)
class ModelOutput:
    """What the model said of a case when a reader read it.

    Args:
        model_sha256: of the bundle.
        probabilities: calibrated, a class.
        calls: whether each is at or above its threshold.
        set: the conformal set in words.
        drift: distance from the training samples.
    """

    model_sha256: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    calls: Mapping[str, bool] = field(default_factory=dict)
    set: str | None = None
    drift: float | None = None

    def document(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Reading:
    """A reader's own reading of a case.

    Args:
        case: which.
        reader: whose.
        reading: "yes", "no" or "unsure" for each class.
        blinded: whether it was given before the model's output was shown.
        seconds: that it took.
        model: what the model said, kept for comparison.
        at: when, in seconds since 1970.
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
    """What a reader thinks of the model's output.

    Args:
        case: which.
        reader: whose.
        agreement: "agree", "disagree" or "unsure".
        comment: free text.
        seconds: that it took.
        model: what was shown.
        revision: 1 for the first, more after changes.
        at: when, in seconds since 1970.
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
    """The reading that settles a case.

    Args:
        case: which.
        reader: the adjudicator.
        reading: "yes", "no" or "unsure" for each class.
        comment: free text.
        revision: 1 for the first, more after changes, by whomever.
        at: when, in seconds since 1970.
    """

    case: CaseKey
    reader: str
    reading: Mapping[str, str]
    comment: str
    revision: int
    at: float
