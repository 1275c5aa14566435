"""R peaks where they were put, also in a lead that points down or is noisy."""

from __future__ import annotations

import numpy as np
import pytest

from medkd.modalities.ecg.beats import median_beat, r_peaks


def heart(rate: float, polarity: float, noise: float, tall_t: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    time = np.arange(round(10 * rate)) / rate
    beats = np.arange(0.6, 9.6, 0.83)
    course = sum(
        polarity * np.exp(-0.5 * ((time - beat) / 0.012) ** 2)
        + tall_t * np.exp(-0.5 * ((time - beat - 0.28) / 0.05) ** 2)
        for beat in beats
    )
    return np.asarray(course)[None] + noise * np.random.default_rng(0).standard_normal((1, len(time))), beats


@pytest.mark.parametrize("rate", [100.0, 250.0, 500.0])
@pytest.mark.parametrize("polarity", [1.0, -0.8])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_peaks_are_found_once_each(rate: float, polarity: float, noise: float) -> None:
    values, beats = heart(rate, polarity, noise, tall_t=0.6)
    found = r_peaks(values, rate) / rate
    assert len(found) == len(beats)
    assert np.abs(found - beats).max() < 0.03


def test_median_beat_recovers_the_beat_under_noise() -> None:
    clean, _ = heart(100.0, 1.0, 0.0)
    noisy, _ = heart(100.0, 1.0, 0.08)
    expected, found = median_beat(clean, 100.0, 0.3, 0.5), median_beat(noisy, 100.0, 0.3, 0.5)
    assert expected is not None
    assert found is not None
    assert expected.shape == (1, 80)
    assert np.corrcoef(expected[0], found[0])[0, 1] > 0.97


def test_one_extra_beat_does_not_change_the_median() -> None:
    values, beats = heart(100.0, 1.0, 0.0)
    time = np.arange(values.shape[1]) / 100
    extra = values - 2.0 * np.exp(-0.5 * ((time - beats[4] - 0.42) / 0.04) ** 2)
    plain, disturbed = median_beat(values, 100.0, 0.3, 0.4), median_beat(extra, 100.0, 0.3, 0.4)
    assert plain is not None
    assert disturbed is not None
    assert np.abs(plain - disturbed).max() < 0.1


def test_too_few_beats_give_none() -> None:
    values, _ = heart(100.0, 1.0, 0.0)
    assert median_beat(values[:, :200], 100.0, 0.3, 0.5) is None
