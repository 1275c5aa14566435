"""No row of a patient gets into a bundle, however deep it is hidden."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.deploy.bundle.aggregates import PATIENT_KEYS, aggregates_of, refuse_patients
from medkd.errors import InputError


@pytest.mark.parametrize("key", sorted(PATIENT_KEYS))
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"a": [{"b": x}]}, lambda x: [[x]]])
def test_a_key_of_patients_is_refused_at_any_depth(key: str, wrap: Any) -> None:
    with pytest.raises(InputError, match=f"'{key.upper()}' does not belong in a bundle"):
        refuse_patients(wrap({key.upper(): []}), "report.json")


def test_aggregates_pass_and_leak_checks_lose_their_details() -> None:
    report = {"n": {"test": 3}, "leak_audit": [{"check": "copies", "passed": False, "detail": "patient-17"}]}
    refuse_patients(report, "report.json")
    assert aggregates_of(report) == {"n": {"test": 3}, "leak_audit": [{"check": "copies", "passed": False}]}
    assert aggregates_of({}) == {"leak_audit": []}
