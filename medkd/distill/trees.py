"""Boosted trees as teacher, baseline and student, fitted to labels or to a teacher's outputs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medkd.data.core.signal import Signal
from medkd.data.core.target import Target
from medkd.data.loading.datamodule import SampleData
from medkd.data.loading.statistics import Statistics
from medkd.distill.bank import TeacherBank
from medkd.distill.learner import FittedModel
from medkd.errors import InputError
from medkd.networks.summary import summarise
from medkd.networks.trees import Trees

Array = NDArray[np.float64]
BINARY = ("binary", "multilabel")
VALUES = ("regression", "forecast")
LEAST = 5
"""Samples in a leaf, where a fraction of few samples would be fewer."""
TIMED_ROUNDS = 10
"""Boosting rounds from which the time of a fit is estimated."""


@dataclass(frozen=True)
class TreeLearner:
    """Grows ``members`` LightGBM boosters per output, each with its own seed; their mean is the logit (or the value).

    With a teacher's bank the first ``distilled_members`` are fitted to the teacher's outputs on every training sample,
    labelled or not; the others are fitted to the labels, and count in the mean by the fraction of samples that had one.
    Without a bank all are fitted to the labels: so a baseline has as many members as the student, and the same budget.

    Parameters that LightGBM has too have its names and meanings.

    Args:
        num_boost_round: trees of a booster.
        learning_rate: of boosting.
        num_leaves: of a tree, at most.
        min_data_in_leaf: samples in a leaf, at least; below 1 it is a fraction of the samples that the booster is
            fitted to (five or more), so that few labels get small leaves.
        feature_fraction, bagging_fraction: of the summary's columns, and of the samples, that a tree is grown on.
        lambda_l2: penalty on leaf values.
        members: boosters per output.
        distilled_members: how many of them are fitted to the teacher.
        distill_target: "logit": least squares on the teacher's logit. "probability": cross-entropy with the teacher's
            probability at ``temperature``. For a regression both are least squares on the teacher's value.
        teacher_weight: of the teacher in that target where a label is known; the rest is the label (for "logit" it must
            be 1).
        temperature: divides the teacher's logits before they become probabilities; the logits of a distilled member
            are then the teacher's over it, and count so much less beside those of members fitted to labels.

    Raises:
        InputError: a setting is out of range.

    Source: Ke et al. 2017, LightGBM; probabilities as targets: Hinton et al. 2015, arXiv:1503.02531, eq. 1; logits as
    targets: Ba and Caruana 2014, arXiv:1312.6184, eq. 1.
    """

    num_boost_round: int = 300
    learning_rate: float = 0.03
    num_leaves: int = 15
    min_data_in_leaf: float = 20
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.8
    lambda_l2: float = 1.0
    members: int = 1
    distilled_members: int = 1
    distill_target: Literal["logit", "probability"] = "logit"
    teacher_weight: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        least, weight = self.min_data_in_leaf, self.teacher_weight
        wrong = {
            "num_boost_round": self.num_boost_round < 1,
            "learning_rate": not self.learning_rate > 0,
            "num_leaves": self.num_leaves < 2,
            "min_data_in_leaf": not (0 < least < 1 or (least >= 1 and least == int(least))),
            "feature_fraction": not 0 < self.feature_fraction <= 1,
            "bagging_fraction": not 0 < self.bagging_fraction <= 1,
            "lambda_l2": not self.lambda_l2 >= 0,
            "members": self.members < 1,
            "distilled_members": not 0 <= self.distilled_members <= self.members,
            "distill_target": self.distill_target not in ("logit", "probability"),
            "teacher_weight": not 0 <= weight <= 1 or (self.distill_target == "logit" and weight != 1),
            "temperature": not self.temperature > 0,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise InputError(
                    f"{name} is {getattr(self, name)}",
                    where="TreeLearner",
                    remedy="See medkd.distill.trees.TreeLearner",
                )

    def fit(self, data: SampleData, banks: Mapping[str, TeacherBank], seed: int, threads: int) -> FittedModel:
        """Grow the boosters on the training samples of ``data``.

        Args:
            data: whose ``setup("fit")`` was called.
            banks: of at most one teacher.
            seed: of bagging, feature sampling and the members.
            threads: that LightGBM may use.

        Raises:
            InputError: the target is of a kind that trees do not predict, there are several teachers, or there is no
                label to fit.
        """
        target, model_input = data.target, data.model_inputs["model"]
        self.check(target)
        if len(banks) > 1:
            raise InputError(
                f"trees learn from one teacher, not {len(banks)}",
                where="TreeLearner",
                remedy="Average the teachers first",
            )
        statistics = {name: _identity(fitted) for name, fitted in data.statistics["model"].items()}
        # Trees need no scaling, and a hospital's bundle then carries none.
        data.statistics["model"] = statistics
        # Each sample is used once: an augmented one would replace it, not come beside it.
        data.augment = False
        dataset = data.dataset("train")
        batch = dataset.__getitems__([(index, 0) for index in range(len(dataset))])
        known = batch.labelled.numpy()
        if not banks or self.distilled_members < self.members:
            for column, name in enumerate(target.columns):
                if not known[:, column].any():
                    raise InputError(
                        f"no training sample is labelled in {name}", where="TreeLearner", remedy="Raise --labels"
                    )
        table, labels = summarise(batch.views["model"]), batch.targets.double().numpy()
        teacher = next(iter(banks.values())).rows(batch.sample_id).logits.double().numpy() if banks else None
        network = Trees(target.outputs)
        network.grow(
            [
                [
                    (
                        self._booster(
                            table,
                            labels[:, column],
                            known[:, column],
                            None if teacher is None or member >= self.distilled_members else teacher[:, column],
                            target.kind,
                            {"seed": seed + 1000 * member, "num_threads": threads},
                        ),
                        1.0 if teacher is None or member < self.distilled_members else float(known[:, column].mean()),
                    )
                    for member in range(self.members)
                ]
                for column in range(target.outputs)
            ]
        )
        spec = {"class_path": "medkd.networks.trees.Trees", "init_args": {"outputs": target.outputs}}
        return FittedModel(network.eval(), spec, model_input, target, statistics)

    def check(self, target: Target) -> None:
        """Refuse a target of a kind that trees do not predict.

        Raises:
            InputError: it is one of several classes that exclude each other, or a mask.
        """
        if target.kind not in (*BINARY, *VALUES):
            raise InputError(
                f"trees do not predict a {target.kind} target",
                where="TreeLearner",
                remedy="Use a network, or a binary target",
            )

    def seconds(self, signals: Mapping[str, Signal], outputs: int) -> float:
        """Estimate of how long a fit on these samples takes, from its first rounds on random labels."""
        table = summarise(signals)
        few = replace(self, num_boost_round=min(self.num_boost_round, TIMED_ROUNDS))
        labels = np.random.default_rng(0).standard_normal(len(table))
        known = np.ones(len(table), dtype=np.bool_)
        started = time.perf_counter()
        few._booster(table, labels, known, labels, "regression", {"seed": 0, "num_threads": 1})
        rounds = self.num_boost_round / few.num_boost_round
        return (time.perf_counter() - started) * rounds * self.members * outputs

    def _leaf_samples(self, samples: int) -> int:
        least = self.min_data_in_leaf
        return int(least) if least >= 1 else max(int(least * samples), LEAST)

    def _booster(
        self,
        table: NDArray[np.float32],
        labels: Array,
        known: NDArray[np.bool_],
        teacher: Array | None,
        kind: str,
        runtime: Mapping[str, int],
    ) -> Any:
        """A booster fitted to the known labels or, where there is a teacher, to its outputs on all samples."""
        import lightgbm

        if teacher is None:
            rows, targets, objective = known, labels, "binary" if kind in BINARY else "regression"
        else:
            rows = np.ones(len(labels), dtype=np.bool_)
            as_logits = kind in VALUES or self.distill_target == "logit"
            targets = teacher if as_logits else 1 / (1 + np.exp(-teacher / self.temperature))
            if self.teacher_weight < 1:
                mixed = self.teacher_weight * targets + (1 - self.teacher_weight) * labels
                targets = np.where(known, mixed, targets)
            objective = "cross_entropy" if kind in BINARY and self.distill_target == "probability" else "regression"
        settings = {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self._leaf_samples(int(rows.sum())),
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            **runtime,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        dataset = lightgbm.Dataset(table[rows], targets[rows])
        return lightgbm.train(settings, dataset, num_boost_round=self.num_boost_round)


def _identity(fitted: Statistics) -> Statistics:
    return replace(fitted, mean=(0.0,) * len(fitted.mean), std=(1.0,) * len(fitted.std))
