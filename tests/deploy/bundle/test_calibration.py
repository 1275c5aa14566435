"""A calibration is taken in the forms that callers write, and refused with the nearest name."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.deploy.bundle.calibration import UPGRADES, Calibration
from medkd.deploy.bundle.schema_version import read_versioned
from medkd.errors import InputError

NAMES = ("af", "sr")


@pytest.mark.parametrize(
    ("threshold", "by_class"),
    [
        (0.5, {"af": 0.5, "sr": 0.5}),
        ({"sr": 1}, {"af": None, "sr": 1.0}),
        (None, {"af": None, "sr": None}),
    ],
)
def test_a_threshold_may_be_one_number_or_one_per_class(threshold: Any, by_class: dict[str, float | None]) -> None:
    calibration = Calibration.from_dict({"temperature": 1, "threshold": threshold}, NAMES, "x")
    assert calibration.threshold == by_class
    assert list(calibration.threshold) == list(NAMES)
    assert calibration.temperature == 1.0


def test_an_operating_point_may_be_a_word_and_the_card_has_no_version() -> None:
    calibration = Calibration.from_dict({"temperature": 2.0, "operating_point": "youden"}, NAMES, "x")
    assert calibration.operating_point == {"chosen_for": "youden"}
    assert "schema_version" not in calibration.to_dict()
    assert Calibration.from_dict(calibration.model_dump(), NAMES, "x") == calibration


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"threshold": 0.5}, "no 'temperature'"),
        ({"temperature": -1.0}, "temperature is -1.0 .*greater than 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": True}, "temperature is True"),
        ({"temperature": 1.0, "threshold": 1.5}, "threshold.af is 1.5"),
        ({"temperature": 1.0, "threshold": {"aff": 0.5}}, "no class 'aff' .*Did you mean 'af'"),
        ({"temperature": 1.0, "tresholds": 0.5}, "unknown key 'tresholds' .*Did you mean 'threshold'"),
    ],
)
def test_what_cannot_be_used_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Calibration.from_dict(document, NAMES, "calibration.json")


def test_version_1_is_read_without_conformal_sets() -> None:
    content = b'{"schema_version": 1, "temperature": 1.5, "threshold": {"af": null}}'
    calibration = read_versioned(Calibration, content, "calibration.json", UPGRADES)
    assert (calibration.schema_version, calibration.conformal) == (2, None)
