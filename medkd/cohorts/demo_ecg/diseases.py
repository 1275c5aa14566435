"""Diseases of synthetic hearts: each diagnosis and its effect on the dipole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medkd.cohorts.demo_ecg.heart import WAVES, Array, Hearts


@dataclass(frozen=True)
class Disease:
    """One SCP statement and its effect at severity 1.

    Args:
        code: SCP statement.
        text: description of the statement.
        superclass: MI, STTC, CD or HYP.
        subclass: as PTB-XL groups them.
        adds: dipole added to a wave, mV along x (left), y (feet), z (back).
        scales: factor on a wave's dipole.
        widens: factor on the width of the QRS waves.
        delays: seconds by which the P wave comes earlier.
        hurries: additional beats per minute.
    """

    code: str
    text: str
    superclass: str
    subclass: str
    adds: tuple[tuple[str, tuple[float, float, float]], ...] = ()
    scales: tuple[tuple[str, float], ...] = ()
    widens: float = 1.0
    delays: float = 0.0
    hurries: float = 0.0


DISEASES = (
    Disease(
        "CRBBB",
        "complete right bundle branch block",
        "CD",
        "CRBBB",
        (("terminal", (-0.45, 0.02, -0.45)),),
        (("S", 0.6),),
        1.1,
    ),
    Disease(
        "CLBBB",
        "complete left bundle branch block",
        "CD",
        "CLBBB",
        (("terminal", (0.35, -0.10, 0.50)), ("T", (-0.25, -0.05, -0.2))),
        (),
        1.25,
    ),
    Disease(
        "LAFB",
        "left anterior fascicular block",
        "CD",
        "LAFB/LPFB",
        (("R", (0.10, -0.70, 0.0)), ("S", (0.1, -0.35, 0.05))),
        (),
        1.05,
    ),
    Disease(
        "1AVB", "first degree AV block", "CD", "_AVB", (("terminal", (0.05, -0.12, 0.20)),), (("P", 1.1),), 1.1, 0.06
    ),
    Disease(
        "IMI",
        "inferior myocardial infarction",
        "MI",
        "IMI",
        (("Q", (0.05, -0.40, 0.0)), ("T", (0.0, -0.2, 0.0))),
        (),
        1.0,
        0,
        3,
    ),
    Disease(
        "ASMI",
        "anteroseptal myocardial infarction",
        "MI",
        "AMI",
        (("Q", (0.0, 0.0, 0.40)), ("ST", (0.0, 0.0, -0.12))),
        (),
        1.0,
        0,
        4,
    ),
    Disease("NDT", "non-diagnostic T abnormalities", "STTC", "STTC", (), (("T", 0.2),), 1.0, 0, 4),
    Disease("ISC_", "non-specific ischemic", "STTC", "ISC_", (("ST", (-0.08, -0.08, 0.08)),), (("T", 0.5),), 1.0, 0, 5),
    Disease(
        "LVH", "left ventricular hypertrophy", "HYP", "LVH", (("T", (-0.15, -0.1, 0.1)),), (("R", 1.4), ("S", 1.4))
    ),
)
PREVALENCE = {"MI": 0.16, "STTC": 0.18, "CD": 0.30, "HYP": 0.12}
"""Share of the subjects who have each superclass, independently of the others."""

_QRS = [WAVES.index(wave) for wave in ("Q", "R", "S", "terminal")]


def afflicted(hearts: Hearts, has: NDArray[np.bool_], severity: Array) -> Hearts:
    """``hearts`` with their diseases: ``has`` "heart disease", ``severity`` "heart disease" around 1."""
    dipole, centre, width, rate = hearts.dipole.copy(), hearts.centre.copy(), hearts.width.copy(), hearts.rate.copy()
    for column, disease in enumerate(DISEASES):
        effect = np.where(has[:, column], severity[:, column], 0.0)
        for wave, factor in disease.scales:
            dipole[:, WAVES.index(wave)] *= (factor**effect)[:, None]
        for wave, vector in disease.adds:
            dipole[:, WAVES.index(wave)] += effect[:, None] * np.array(vector)
        width[:, _QRS] *= (disease.widens**effect)[:, None]
        centre[:, 0] -= disease.delays * effect
        rate += disease.hurries * effect
    return hearts.changed(dipole=dipole, centre=centre, width=width, rate=np.clip(rate, 45, 125))
