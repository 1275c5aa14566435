"""Simulated predictions of arms with known strengths."""

from __future__ import annotations

import numpy as np
import polars as pl

from medkd.data.core.target import Target

STRENGTH = {
    "teacher": 0.95,
    "student": 0.72,
    "baseline": 0.55,
    "self_teacher": 0.58,
    "label_only_teacher": 0.55,
    "shuffled_teacher": 0.42,
}
BINARY = Target("cd", "binary", ("cd",), ("conduction disturbance",), rule="any statement of the superclass CD")


def simulate(
    n: int = 300,
    seeds: int = 3,
    folds: int = 5,
    fractions: tuple[float, ...] = (1.0,),
    strength: dict[str, float] | None = None,
    target: Target = BINARY,
    prevalence: float = 0.25,
    rng_seed: int = 0,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(predictions, samples): about 1.2 samples per subject.

    Each arm's logit is its strength times the truth, plus noise that arms share.
    """
    rng = np.random.default_rng(rng_seed)
    subject = rng.integers(int(n / 1.2), size=n)
    names = target.names
    share = np.full(len(names), prevalence) if target.kind != "multiclass" else np.full(len(names), 1 / len(names))
    if target.kind == "multiclass":
        labels = np.eye(len(names))[rng.choice(len(names), n, p=share)]
    else:
        labels = (rng.random((n, len(names))) < share).astype(float)
    ids = np.array([f"s{row:04d}" for row in range(n)])
    people = np.array([f"p{row:04d}" for row in subject])
    samples = pl.DataFrame(
        {
            "sample_id": ids,
            "subject_id": people,
            "age": rng.uniform(20, 90, n),
            "sex": np.where(subject % 2 == 0, "female", "male"),
            "site": np.where(subject % 40 == 0, "C", np.where(subject % 3 == 0, "A", "B")),
        }
    )
    hard = rng.standard_normal((n, len(names)))
    frames = []
    for fraction in fractions:
        for seed in range(seeds):
            fold_of = np.random.default_rng(1000 + seed).integers(folds, size=subject.max() + 1)[subject]
            reseed = rng.standard_normal((n, len(names)))
            for arm, power in (strength or STRENGTH).items():
                noise = 0.75 * hard + 0.45 * reseed + 0.5 * rng.standard_normal((n, len(names)))
                logit = (2 * labels - 1) * power * (0.6 + 0.4 * fraction) + noise
                for fold in range(folds):
                    # An offset of the fold: pooling raw scores over folds would be charged for it.
                    for role, rows in (("test", fold_of == fold), ("val", fold_of == (fold + 1) % folds)):
                        where = np.flatnonzero(rows)
                        frames.append(
                            pl.DataFrame(
                                {
                                    "label_fraction": float(fraction),
                                    "arm": arm,
                                    "seed": seed,
                                    "fold": fold,
                                    "role": role,
                                    "sample_id": np.repeat(ids[where], len(names)),
                                    "subject_id": np.repeat(people[where], len(names)),
                                    "class": np.tile(np.array(names), len(where)),
                                    "logit": (1.7 * logit[where] + (0.3 * fold - 1.2)).ravel(),
                                    "y": labels[where].ravel(),
                                }
                            )
                        )
    return pl.concat(frames), samples
