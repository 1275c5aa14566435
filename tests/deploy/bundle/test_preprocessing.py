"""Preprocessing is read as it was written, and refuses statistics that do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medkd.data.core.view import View
from medkd.data.io.document import parse_document
from medkd.data.loading.statistics import Statistics
from medkd.deploy.bundle.preprocessing import Preprocessing, PreprocessingDocument
from medkd.errors import InputError, RecordError
from medkd.modalities.ecg import ECG
from medkd.modalities.vitals import Vitals

STATISTICS = Statistics((0.01,), (0.2,), 290, "ab", (0,))
PREPROCESSING = Preprocessing(View.parse("ecg[I]"), {"ecg": ECG(seconds=10.0)}, {"ecg": STATISTICS})


def reread(**change: Any) -> Preprocessing:
    document = PREPROCESSING.to_document().model_dump(mode="json") | change
    parsed = parse_document(PreprocessingDocument, document, "preprocess.yaml")
    return Preprocessing.from_document(parsed, ("medkd",), "preprocess.yaml")


def test_it_is_read_as_it_was_written() -> None:
    assert reread() == PREPROCESSING


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"view": "ecg[I,II]"}, r"statistics have 1 values, the view has shape \(2, 1000\)"),
        ({"view": "vitals"}, "modalities lacks 'vitals'"),
        ({"statistics": {}}, "statistics lacks 'ecg'"),
        ({"statistics": {"ecg": replace(STATISTICS, std=(0.0,)).to_dict()}}, "a deviation of 0"),
        ({"statistics": {"ecg": replace(STATISTICS, mean=(float("inf"),)).to_dict()}}, "mean.0 is inf"),
        ({"modalities": {"ecg": {"class_path": "os.system"}}}, "outside the allowed packages"),
        ({"modalities": ["ecg"]}, "modalities is"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        reread(**change)


def test_only_a_modality_with_that_policy_takes_another_length() -> None:
    assert PREPROCESSING.length() == {"ecg": {"longer": "crop", "shorter": "pad"}}
    changed = PREPROCESSING.with_length({"longer": "windows"})
    assert changed.length()["ecg"]["longer"] == "windows"
    assert PREPROCESSING.with_length({}) is PREPROCESSING
    vitals = replace(PREPROCESSING, view=View.parse("vitals[0:24h]"), modalities={"vitals": Vitals()})
    with pytest.raises(InputError, match="vitals has no length policy 'longer'"):
        vitals.with_length({"longer": "windows"})


def test_an_absent_modality_is_unobserved_only_where_cells_may_be(brugada: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="has no ecg"):
        PREPROCESSING.prepare({"ecg": None}, tmp_path)
    vitals, channels = Vitals(), Vitals().shape(View.parse("vitals[0:24h]").parts[0])[0]
    both = Preprocessing(
        View.parse("vitals[0:24h] + ecg[I]"),
        {"vitals": vitals, "ecg": ECG(seconds=10.0)},
        {"vitals": Statistics((0.0,) * channels, (1.0,) * channels, 9, "", ()), "ecg": STATISTICS},
    )
    with pytest.raises(RecordError, match="has no ecg"):
        both.prepare({"vitals": None, "ecg": None}, tmp_path)
    prepared = both.prepare({"vitals": None, "ecg": "files/1009874/1009874"}, brugada)
    assert np.isnan(prepared["vitals"]).all()
    assert np.isfinite(prepared["ecg"]).all()


def test_values_are_normalised(brugada: Path) -> None:
    values = PREPROCESSING.prepare({"ecg": "files/1009874/1009874"}, brugada)["ecg"]
    plain = replace(PREPROCESSING, statistics={"ecg": replace(STATISTICS, mean=(0.0,), std=(1.0,))})
    raw = plain.prepare({"ecg": "files/1009874/1009874"}, brugada)["ecg"]
    np.testing.assert_allclose(values, (raw - np.float32(0.01)) / np.float32(0.2), rtol=1e-5, atol=1e-6)
