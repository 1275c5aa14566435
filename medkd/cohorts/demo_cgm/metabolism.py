"""Glucose, insulin and carbohydrate: Bergman's minimal model with absorption from the gut and from under the skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEP = 5.0
"""Minutes of an integration step (Heun's method)."""


@dataclass(frozen=True)
class Bodies:
    """Constants of the minimal model, one value per person.

    Args:
        weight: kg.
        basal_glucose: mg/dL, where glucose rests under basal insulin.
        effectiveness: p1, 1/min, disappearance of glucose without insulin.
        decay: p2, 1/min, of insulin's remote action.
        sensitivity: p3, 1/min² per mU/L.
        clearance: of plasma insulin, 1/min.
        gut: minutes, time constant of absorption from the gut.
        skin: minutes, time constant of absorption from under the skin.
        basal_rate: U/h that holds ``basal_glucose``.
    """

    weight: Array
    basal_glucose: Array
    effectiveness: Array
    decay: Array
    sensitivity: Array
    clearance: Array
    gut: Array
    skin: Array
    basal_rate: Array


def bodies(rng: np.random.Generator, n: int) -> Bodies:
    """People with type 1 diabetes on a pump: log-normal around published values.

    Source: Bergman et al. 1981, doi:10.1172/JCI110398; Hovorka et al. 2004, doi:10.1088/0967-3334/25/4/010.
    """

    def around(median: float, spread: float) -> Array:
        return median * np.exp(spread * np.clip(rng.standard_normal(n), -2, 2))

    return Bodies(
        weight=around(70, 0.15),
        basal_glucose=around(130, 0.15),
        effectiveness=around(0.008, 0.25),
        decay=around(0.02, 0.2),
        sensitivity=around(1.2e-5, 0.3),
        clearance=around(0.14, 0.15),
        gut=around(40, 0.25),
        skin=around(55, 0.2),
        basal_rate=around(0.8, 0.3),
    )


def simulate(bodies: Bodies, carbs: Array, bolus: Array, drift: Array) -> Array:
    """Plasma glucose "person step", mg/dL, every 5 minutes.

    dG = -(p1 + X)G + p1 Gb + Ra/V, dX = -p2 X + p3 (I - Ib), dI = -n I + absorbed; two compartments each for gut and
    skin.

    Args:
        carbs: grams eaten at each step, "person step".
        bolus: units taken at each step above the basal rate, "person step".
        drift: factor on insulin's action at each step: activity, stress and hormones, which no log records.

    Source: Bergman et al. 1981, doi:10.1172/JCI110398; absorption after Hovorka et al. 2004,
    doi:10.1088/0967-3334/25/4/010.
    """
    n, steps = carbs.shape
    glucose = np.empty((n, steps))
    state = np.zeros((6, n))
    state[0] = bodies.basal_glucose
    # mg of glucose from a gram of carbohydrate (nine tenths are absorbed), over a volume of 1.6 dL/kg; mU over 0.12
    # L/kg of plasma.
    gut_gain, skin_gain = 900 / (1.6 * bodies.weight), 1000 / (0.12 * bodies.weight)

    def slope(s: Array, action: Array) -> Array:
        g, x, i, gut1, gut2, skin1, skin2 = s[0], s[1], s[2], s[3], s[4], s[5], s[6]
        return np.stack(
            [
                -(bodies.effectiveness + x * action) * g
                + bodies.effectiveness * bodies.basal_glucose
                + gut_gain * gut2 / bodies.gut,
                -bodies.decay * x + bodies.sensitivity * i,
                -bodies.clearance * i + skin_gain * skin2 / bodies.skin,
                -gut1 / bodies.gut,
                (gut1 - gut2) / bodies.gut,
                -skin1 / bodies.skin,
                (skin1 - skin2) / bodies.skin,
            ]
        )

    state = np.vstack([state, np.zeros((1, n))])
    for step in range(steps):
        state[3] += carbs[:, step]
        state[5] += bolus[:, step]
        first = slope(state, drift[:, step])
        second = slope(state + STEP * first, drift[:, step])
        state = state + STEP * (first + second) / 2
        state[0] = np.clip(state[0], 25, 550)
        glucose[:, step] = state[0]
    return glucose
