"""Days of synthetic people with diabetes: meals, doses, and the drift of insulin's action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medkd.cohorts.demo_cgm.metabolism import STEP, Bodies

Array = NDArray[np.float64]
DAY = int(24 * 60 / STEP)


@dataclass(frozen=True)
class Week:
    """Meals, doses and drift of some days, each "person step".

    Args:
        carbs: grams.
        bolus: units.
        drift: factor on insulin's action.
    """

    carbs: Array
    bolus: Array
    drift: Array


def live(rng: np.random.Generator, people: Bodies, days: int) -> Week:
    """Draw three meals per day and some snacks, and a bolus with most of them.

    Meals are 30 to 90 g around 7:30, 12:30 and 19:00; snacks 10 to 40 g around 10:20, 16:00 and 21:50, half of them
    without a bolus. A bolus comes some minutes before or after its meal. It is the carbohydrate, counted with an error
    of 20 %, over the grams whose rise of glucose one unit compensates; one in eight is forgotten.
    """
    n, steps = len(people.weight), days * DAY
    carbs, bolus = np.zeros((n, steps)), np.zeros((n, steps))
    ratio = _grams_per_unit(people)
    for day in range(days):
        for hour, low, high, share, forgotten in (
            (7.5, 30, 70, 0.95, 0.12),
            (12.5, 40, 90, 0.97, 0.12),
            (19.0, 40, 90, 0.97, 0.12),
            *_SNACKS,
        ):
            eats = rng.uniform(size=n) < share
            at = np.clip((hour * 60 + 45 * rng.standard_normal(n)) / STEP, 0, DAY - 1).astype(int) + day * DAY
            grams = np.where(eats, rng.uniform(low, high, n), 0.0).round()
            carbs[np.arange(n), at] += grams
            counted = grams * np.exp(0.2 * rng.standard_normal(n)) / ratio
            when = np.clip(at + rng.integers(-4, 3, n), 0, steps - 1)
            bolus[np.arange(n), when] += np.where(rng.uniform(size=n) < forgotten, 0.0, counted)
    return Week(carbs, np.round(2 * bolus) / 2, _drift(rng, n, steps))


_SNACKS = ((10.3, 10, 40, 0.35, 0.5), (16.0, 10, 40, 0.5, 0.5), (21.8, 10, 40, 0.3, 0.5))


def _grams_per_unit(people: Bodies) -> Array:
    """Grams of carbohydrate that one unit compensates: fall per unit over rise per gram, at steady state."""
    rise = 900 / (1.6 * people.weight)
    fall = people.basal_glucose * people.sensitivity * 1000 / (0.12 * people.weight * people.clearance * people.decay)
    return np.clip(fall / rise, 4, 40)


def _drift(rng: np.random.Generator, n: int, steps: int) -> Array:
    """A factor around 1 with a time constant of hours (its logarithm is an Ornstein-Uhlenbeck process)."""
    keep = np.exp(-STEP / 240)
    level = np.zeros((n, steps))
    noise = 0.35 * np.sqrt(1 - keep**2) * rng.standard_normal((n, steps))
    for step in range(1, steps):
        level[:, step] = keep * level[:, step - 1] + noise[:, step]
    return np.exp(level)
