"""Boosted trees as teacher, baseline and student: they learn labels, or what a teacher said."""

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
"""Samples in a leaf, where a share of few samples would be fewer."""
TRIED = 10
"""Rounds from which the time of a fit is estimated."""


@dataclass(frozen=True)
class TreeLearner:
    """Grows ``members`` LightGBM boosters an output, each with its own seed; their mean is the logit (or the value).

    With a teacher's bank the first ``taught`` members learn the lesson on every training sample, labelled or not; the
    others learn the labels, and count in the mean by the share of samples that had one. Without a bank all learn the
    labels: so a baseline has as many members as the student, and the same budget.

    Args:
        rounds: trees a booster.
        learning_rate: of boosting.
        leaves: of a tree, at most.
        min_leaf: samples in a leaf, at least; below 1 it is a share of the samples that the booster learns from (five
            or more), so that few labels get small leaves.
        columns, rows: share of the numbers a tree, and of the samples a tree, may look at.
        l2: penalty on leaf values.
        members: boosters an output.
        taught: how many of them learn from the teacher.
        lesson: "logit": least squares on the teacher's logit. "probability": cross-entropy with the teacher's
            probability at ``temperature``. Of a value both are least squares on the teacher's value.
        share: of the teacher in the lesson where a label is known; the rest is the label (for a logit lesson it must be
            1).
        temperature: divides the teacher's logits before they become probabilities; a taught member's logits are then
            the teacher's over it, and count so much less beside those of members that learn labels.

    Raises:
        InputError: a setting is out of range.

    Source: Ke et al. 2017, LightGBM; probabilities as targets: Hinton et al. 2015, arXiv:1503.02531, eq. 1; logits as
    targets: Ba and Caruana 2014, arXiv:1312.6184, eq. 1.
    """

    rounds: int = 300
    learning_rate: float = 0.03
    leaves: int = 15
    min_leaf: float = 20
    columns: float = 0.3
    rows: float = 0.8
    l2: float = 1.0
    members: int = 1
    taught: int = 1
    lesson: Literal["logit", "probability"] = "logit"
    share: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        wrong = {
            "rounds": self.rounds < 1,
            "learning_rate": not self.learning_rate > 0,
            "leaves": self.leaves < 2,
            "min_leaf": not (0 < self.min_leaf < 1 or (self.min_leaf >= 1 and self.min_leaf == int(self.min_leaf))),
            "columns": not 0 < self.columns <= 1,
            "rows": not 0 < self.rows <= 1,
            "l2": not self.l2 >= 0,
            "members": self.members < 1,
            "taught": not 0 <= self.taught <= self.members,
            "lesson": self.lesson not in ("logit", "probability"),
            "share": not 0 <= self.share <= 1 or (self.lesson == "logit" and self.share != 1),
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
            seed: of rows, columns and the members.
            threads: that LightGBM may use.

        Raises:
            InputError: the target is of a kind that trees do not predict, there are several teachers, or no label is
                there to learn.
        """
        target, model_input = data.target, data.model_inputs["model"]
        self.check(target)
        if len(banks) > 1:
            raise InputError(
                f"trees learn from one teacher, not {len(banks)}",
                where="TreeLearner",
                remedy="Average the teachers first",
            )
        statistics = {name: _identity(held) for name, held in data.statistics["model"].items()}
        # Trees need no scaling, and a hospital's bundle then carries none.
        data.statistics["model"] = statistics
        # They see each sample once: an augmented one would stand in place of it, not beside it.
        data.augment = False
        dataset = data.dataset("train")
        batch = dataset.__getitems__([(place, 0) for place in range(len(dataset))])
        known = batch.labelled.numpy()
        if not banks or self.taught < self.members:
            for place, name in enumerate(target.columns):
                if not known[:, place].any():
                    raise InputError(
                        f"no training sample is labelled in {name}", where="TreeLearner", remedy="Raise --labels"
                    )
        table, labels = summarise(batch.views["model"]), batch.targets.double().numpy()
        taught = next(iter(banks.values())).rows(batch.sample_id).logits.double().numpy() if banks else None
        network = Trees(target.outputs)
        network.grow(
            [
                [
                    (
                        self._booster(
                            table,
                            labels[:, column],
                            known[:, column],
                            self._said(taught, column, member),
                            target.kind,
                            {"seed": seed + 1000 * member, "num_threads": threads},
                        ),
                        1.0 if taught is None or member < self.taught else float(known[:, column].mean()),
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
        """About how long a fit on these samples takes, from its first rounds on made-up labels."""
        table = summarise(signals)
        few = replace(self, rounds=min(self.rounds, TRIED))
        aim = np.random.default_rng(0).standard_normal(len(table))
        started = time.perf_counter()
        few._booster(table, aim, np.ones(len(table), dtype=np.bool_), aim, "regression", {"seed": 0, "num_threads": 1})
        return (time.perf_counter() - started) * self.rounds / few.rounds * self.members * outputs

    def _least(self, samples: int) -> int:
        return int(self.min_leaf) if self.min_leaf >= 1 else max(int(self.min_leaf * samples), LEAST)

    def _said(self, taught: Array | None, column: int, member: int) -> Array | None:
        return None if taught is None or member >= self.taught else taught[:, column]

    def _booster(
        self,
        table: NDArray[np.float32],
        y: Array,
        known: NDArray[np.bool_],
        said: Array | None,
        kind: str,
        running: Mapping[str, int],
    ) -> Any:
        import lightgbm

        if said is None:
            rows, aim, objective = known, y, "binary" if kind in BINARY else "regression"
        else:
            rows = np.ones(len(y), dtype=np.bool_)
            lesson = said if kind in VALUES or self.lesson == "logit" else 1 / (1 + np.exp(-said / self.temperature))
            aim = np.where(known, self.share * lesson + (1 - self.share) * y, lesson) if self.share < 1 else lesson
            objective = "cross_entropy" if kind in BINARY and self.lesson == "probability" else "regression"
        settings = {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self._least(int(rows.sum())),
            "feature_fraction": self.columns,
            "bagging_fraction": self.rows,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            **running,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        return lightgbm.train(settings, lightgbm.Dataset(table[rows], aim[rows]), num_boost_round=self.rounds)


def _identity(held: Statistics) -> Statistics:
    return Statistics((0.0,) * len(held.mean), (1.0,) * len(held.std), held.samples, held.split_sha256, held.held_out)
