"""Texts of synthetic stays: radiology reports and discharge summaries."""

from __future__ import annotations

import numpy as np
import polars as pl

from medkd.cohorts.demo_icu.stays import Array, Stays
from medkd.cohorts.demo_icu.syndromes import SYNDROMES

GRADES = (
    ("comfortable and ambulating", "no acute process", "ready for the floor"),
    ("improving", "stable compared with the prior study", "weaning oxygen"),
    ("unchanged, still requires close monitoring", "interval progression is mild", "on low dose pressor"),
    (
        "worsening, pressor requirement is rising",
        "increased opacities since the prior study",
        "family was updated on guarded prognosis",
    ),
    ("moribund, on three pressors", "diffuse findings, grim prognosis", "goals of care are being discussed"),
)
"""Phrases by the acuity that the writer sees, from low to high."""
FILLER = (
    "portable ap view of the chest was obtained",
    "comparison is made to the prior examination",
    "lines and tubes are in place",
    "the heart size is within normal limits for technique",
    "no pneumothorax is seen",
    "history is limited by the patient's condition",
    "findings were communicated by telephone",
    "clinical correlation is recommended",
)
HOURS = (4.0, 16.0, 40.0)
"""Hours from admission to intensive care around which reports are written."""


def reports(rng: np.random.Generator, stays: Stays, seen: Array) -> pl.DataFrame:
    """Radiology reports, ``stay``, ``hours``, ``text``: only before discharge, and one in ten is never written.

    Args:
        rng: generator of times and phrases.
        stays: with their syndromes.
        seen: acuity as the notes show it, "stay".
    """
    rows = []
    for stay in range(len(stays)):
        for hour in HOURS:
            at = hour + float(rng.uniform(-3, 3))
            if at < stays.length[stay] and rng.uniform() < 0.9:
                rows.append((stay, at, _text(rng, stays.severity[stay], float(seen[stay]))))
    return pl.DataFrame(rows, schema={"stay": pl.Int64, "hours": pl.Float64, "text": pl.String}, orient="row")


def summaries(rng: np.random.Generator, stays: Stays, seen: Array) -> pl.DataFrame:
    """Discharge summaries, which reveal the outcome: ``stay``, ``hours``, ``text``."""
    rows = []
    for stay in range(len(stays)):
        end = "the patient expired" if stays.died[stay] else "the patient was discharged in stable condition"
        text = f"{_text(rng, stays.severity[stay], float(seen[stay]))} Disposition: {end}."
        rows.append((stay, float(stays.discharge[stay]), text))
    return pl.DataFrame(rows, schema={"stay": pl.Int64, "hours": pl.Float64, "text": pl.String}, orient="row")


def _text(rng: np.random.Generator, severity: Array, seen: float) -> str:
    grade = GRADES[int(np.clip(round(2 + 1.1 * (seen + 0.4 * rng.standard_normal())), 0, len(GRADES) - 1))]
    findings = [
        str(rng.choice(syndrome.words))
        for syndrome, has in zip(SYNDROMES.values(), severity, strict=True)
        if has and rng.uniform() < 0.8
    ]
    sentences = [*findings, str(rng.choice(grade)), *map(str, rng.choice(FILLER, 3, replace=False))]
    order = rng.permutation(len(sentences))
    return " ".join(f"{sentences[index].capitalize()}." for index in order)
