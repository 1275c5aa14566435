"""The input of one model: its parts, checked, and a digest of what it sees."""

from __future__ import annotations

import pytest

from medkd.data.core.model_input import ModelInput
from medkd.errors import InputError
from medkd.modalities.ecg import ECG


def test_parts_come_in_the_order_of_the_view() -> None:
    modalities = {"ecg": ECG(), "other": ECG(seconds=2.0)}
    parts = list(ModelInput("other[I] + ecg[II]", modalities).parts())
    assert [str(part) for part, _ in parts] == ["other[I]", "ecg[II]"]
    assert [modality.seconds for _, modality in parts] == [2.0, 10.0]  # type: ignore[attr-defined]


def test_a_view_beyond_its_modalities_is_refused() -> None:
    with pytest.raises(InputError, match=r"view names modality 'eeg' .*Did you mean 'ecg'"):
        list(ModelInput("eeg", {"ecg": ECG()}).parts())
    with pytest.raises(InputError, match="'V9' is not a lead"):
        list(ModelInput("ecg[V9]", {"ecg": ECG()}).parts())


def test_the_digest_is_of_the_view_and_the_preparation() -> None:
    digests = {
        ModelInput("ecg[I]", {"ecg": ECG()}).digest,
        ModelInput("ecg[II]", {"ecg": ECG()}).digest,
        ModelInput("ecg[I]", {"ecg": ECG(seconds=5.0)}).digest,
    }
    assert len(digests) == 3
    assert ModelInput("ecg[I]", {"ecg": ECG(augment_noise=0.5)}).digest in digests
