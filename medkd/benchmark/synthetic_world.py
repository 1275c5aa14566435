"""A synthetic world with a known answer.

How well the best possible teacher and the best possible student would rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.special import expit
from scipy.stats import norm, ortho_group

Array = NDArray[np.float64]
_REACH, _POINTS, _NODES = 9.0, 6001, 80
"""Standard deviations that the outer integral covers, its points, and the nodes of the inner one."""


def bayes_auroc(slope: float, intercept: float, reliability: float) -> float:
    """The AUROC of the best rule on a view that tells a share of the risk's variance.

    The risk u is standard normal and P(y = 1) = sigmoid(slope · u + intercept). What a noisy linear view of a Gaussian
    state tells of u is its posterior mean m, of variance ``reliability``; u given m is normal with variance 1 -
    ``reliability``. So P(y = 1 | view) is a logistic-normal integral that rises with m, the best rule ranks by m, and
    its AUROC is the chance that m of a positive exceeds m of a negative: one integral over the density of m, by
    quadrature (error below 1e-6).

    Args:
        slope, intercept: of the log-odds, a standard deviation of u.
        reliability: share of the variance of u that the view tells, above 0 to 1; 1 is the clean view.

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
class Drawn:
    """Samples of the world.

    Args:
        teacher, student: the two views, "sample column".
        y: "sample", 0 or 1.
        told: "sample", the posterior mean of the risk given the student's view: the best student's score.
        risk: "sample", u: the best teacher's score.
    """

    teacher: Array
    student: Array
    y: NDArray[np.int64]
    told: Array
    risk: Array


@dataclass(frozen=True)
class Family:
    """Latent state z ~ N(0, 1), risk u = its scaled sum, label y ~ Bernoulli(sigmoid(slope · u + intercept)).

    The teacher sees every entry of z clean; the student sees the first few with noise. Each view hides what it holds in
    a fixed map that can be undone: with e columns of pure noise, the network is given [v + bend · (e² - 1)/√2, e] Q, Q
    orthogonal. Such a map changes nothing that can be known, so the best AUROCs stay exact; a linear rule cannot undo
    it, so a network has something to learn, more so in the student's view.

    Args:
        latent: entries of z.
        seen: how many of them the student sees.
        noise: standard deviation of the noise on what it sees.
        nuisance: columns of pure noise in each view.
        slope, intercept: of the log-odds.
        teacher_bend, student_bend: how far noise bends each view.
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
        """Share of the risk's variance that the student's view tells."""
        return self.seen / self.latent / (1 + self.noise**2)

    @cached_property
    def bayes_teacher(self) -> float:
        """AUROC of the best teacher."""
        return bayes_auroc(self.slope, self.intercept, 1.0)

    @cached_property
    def bayes_student(self) -> float:
        """AUROC of the best student."""
        return bayes_auroc(self.slope, self.intercept, self.reliability)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """So many independent samples."""
        z = rng.standard_normal((count, self.latent))
        risk = z.sum(axis=1) / np.sqrt(self.latent)
        y = (rng.random(count) < expit(self.slope * risk + self.intercept)).astype(np.int64)
        noisy = z[:, : self.seen] + self.noise * rng.standard_normal((count, self.seen))
        told = noisy.sum(axis=1) / np.sqrt(self.latent) / (1 + self.noise**2)
        return Drawn(
            self._hidden(z, self.teacher_bend, rng), self._hidden(noisy, self.student_bend, rng), y, told, risk
        )

    def _hidden(self, view: Array, bend: float, rng: np.random.Generator) -> Array:
        noise = rng.standard_normal((len(view), self.nuisance))
        bent = view + bend * (noise[:, np.arange(view.shape[1]) % self.nuisance] ** 2 - 1) / np.sqrt(2)
        width = view.shape[1] + self.nuisance
        mixed: Array = np.hstack([bent, noise]) @ ortho_group.rvs(
            width, random_state=np.random.default_rng([self.seed, width])
        )
        return mixed
