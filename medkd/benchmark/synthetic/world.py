"""A synthetic world with a known answer: the AUROCs of the best possible teacher and the best possible student."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.special import expit
from scipy.stats import norm, ortho_group

from medkd.benchmark.dataset import Dataset

Array = NDArray[np.float64]
CROSS_FIT_FOLDS = 5
"""Folds that out-of-fold teachers leave out in turn."""
_REACH, _POINTS, _NODES = 9.0, 6001, 80
"""Standard deviations that the outer integral covers, its points, and the nodes of the inner one."""


def bayes_auroc(slope: float, intercept: float, reliability: float) -> float:
    """The AUROC of the best rule on a view that explains a share of the risk's variance.

    The risk u is standard normal and P(y = 1) = sigmoid(slope · u + intercept). A noisy linear view of a Gaussian state
    determines u up to its posterior, with mean m of variance ``reliability``; u given m is normal with variance 1 -
    ``reliability``. So P(y = 1 | view) is a logistic-normal integral that rises with m, the best rule ranks by m, and
    its AUROC is the probability that m of a positive exceeds m of a negative: one integral over the density of m, by
    quadrature (error below 1e-6).

    Args:
        slope: of the log-odds, per standard deviation of u.
        intercept: of the log-odds.
        reliability: share of the variance of u that the view explains, above 0 to 1; 1 is the view without noise.

    >>> round(bayes_auroc(0.0, 0.0, 1.0), 6), bayes_auroc(3.0, 0.0, 1.0) > bayes_auroc(3.0, 0.0, 0.5)
    (0.5, True)
    """
    t = np.linspace(-_REACH, _REACH, _POINTS)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    risk = np.sqrt(reliability) * t[:, None] + np.sqrt(1 - reliability) * nodes
    positive = expit(slope * risk + intercept) @ weights / weights.sum()
    of_positives, of_negatives = norm.pdf(t) * positive, norm.pdf(t) * (1 - positive)
    below = cumulative_trapezoid(of_negatives, t, initial=0.0)
    return float(trapezoid(of_positives * below, t) / (trapezoid(of_positives, t) * below[-1]))


@dataclass(frozen=True)
class WorldSample:
    """Samples of the world.

    Args:
        teacher: the teacher's view, "sample column".
        student: the student's view, "sample column".
        y: "sample", 0 or 1.
        posterior_mean: "sample", of the risk given the student's view: the best student's score.
        risk: "sample", u: the best teacher's score.
    """

    teacher: Array
    student: Array
    y: NDArray[np.int64]
    posterior_mean: Array
    risk: Array


@dataclass(frozen=True)
class SyntheticWorld:
    """Latent state z ~ N(0, 1), risk u = its scaled sum, label y ~ Bernoulli(sigmoid(slope · u + intercept)).

    The teacher sees every entry of z without noise; the student sees the first few with noise. Each view is transformed
    by a fixed invertible map: with e columns of pure noise, the network's input is [v + bend · (e² - 1)/√2, e] Q, Q
    orthogonal. Such a map loses no information, so the best AUROCs stay exact; a linear rule cannot invert it, so a
    network has something to learn, more so in the student's view.

    Args:
        latent: number of entries of z.
        seen: number of entries that the student sees.
        noise: standard deviation of the noise on the student's view.
        nuisance: columns of pure noise in each view.
        slope: of the log-odds.
        intercept: of the log-odds.
        teacher_bend: how far noise bends the teacher's view.
        student_bend: how far noise bends the student's view.
        seed: of Q; one world for all seeds of a benchmark.
    """

    latent: int = 8
    seen: int = 5
    noise: float = 0.6
    nuisance: int = 4
    slope: float = 3.0
    intercept: float = -1.0
    teacher_bend: float = 0.3
    student_bend: float = 0.5
    seed: int = 2024

    @property
    def reliability(self) -> float:
        """Share of the risk's variance that the student's view explains."""
        return self.seen / self.latent / (1 + self.noise**2)

    @cached_property
    def bayes_teacher(self) -> float:
        """AUROC of the best teacher."""
        return bayes_auroc(self.slope, self.intercept, 1.0)

    @cached_property
    def bayes_student(self) -> float:
        """AUROC of the best student."""
        return bayes_auroc(self.slope, self.intercept, self.reliability)

    def draw(self, count: int, rng: np.random.Generator) -> WorldSample:
        """Draw ``count`` independent samples."""
        z = rng.standard_normal((count, self.latent))
        risk = z.sum(axis=1) / np.sqrt(self.latent)
        y = (rng.random(count) < expit(self.slope * risk + self.intercept)).astype(np.int64)
        noisy = z[:, : self.seen] + self.noise * rng.standard_normal((count, self.seen))
        posterior_mean = noisy.sum(axis=1) / np.sqrt(self.latent) / (1 + self.noise**2)
        teacher, student = self._mixed(z, self.teacher_bend, rng), self._mixed(noisy, self.student_bend, rng)
        return WorldSample(teacher, student, y, posterior_mean, risk)

    def _mixed(self, view: Array, bend: float, rng: np.random.Generator) -> Array:
        noise = rng.standard_normal((len(view), self.nuisance))
        bent = view + bend * (noise[:, np.arange(view.shape[1]) % self.nuisance] ** 2 - 1) / np.sqrt(2)
        width = view.shape[1] + self.nuisance
        mixed: Array = np.hstack([bent, noise]) @ ortho_group.rvs(
            width, random_state=np.random.default_rng([self.seed, width])
        )
        return mixed


def synthetic_dataset(world: SyntheticWorld, samples: int, label_fraction: float, scored: int, seed: int) -> Dataset:
    """One seed's draw: training samples, of which the first are labelled, and further samples to be scored.

    Label fractions are nested: the samples of a seed are the same at every fraction.
    """
    train = world.draw(samples, np.random.default_rng([seed, 0]))
    test = world.draw(scored, np.random.default_rng([seed, 1]))
    return Dataset(
        seed=seed,
        views={"teacher": train.teacher.astype(np.float32), "student": train.student.astype(np.float32)},
        y=train.y,
        labelled=round(label_fraction * samples),
        fold=np.arange(samples) % CROSS_FIT_FOLDS,
        scored_views={"teacher": test.teacher.astype(np.float32), "student": test.student.astype(np.float32)},
        scored_y=test.y,
    )
