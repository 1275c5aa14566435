"""Boosted trees are fitted to labels or to a teacher's outputs, and depend on nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.data.core.modality import Modality, Params, Traits
from medkd.data.core.model_input import ModelInput
from medkd.data.core.output import Output
from medkd.data.core.target import Kind, Target
from medkd.data.core.view import Part
from medkd.data.loading.datamodule import SampleData
from medkd.data.loading.store import Prepared
from medkd.data.splits.draw import draw_split
from medkd.distill.learner import FittedModel
from medkd.distill.trees import TreeLearner
from medkd.errors import InputError

SAMPLES, VARIABLES, HOURS = 400, 3, 8
QUICK = TreeLearner(num_boost_round=60, learning_rate=0.1, min_data_in_leaf=5, feature_fraction=0.5)
Made = tuple[SampleData, Tensor]


@dataclass(frozen=True)
class Hours(Modality):
    """Hourly values with holes; training would add to them if asked to augment."""

    name: ClassVar[str] = "hours"
    traits: ClassVar[Traits] = Traits(partial=True)

    def read(self, row: Mapping[str, Any], root: Path) -> Any:
        raise NotImplementedError

    def select(self, raw: Any, part: Part) -> Any:
        return raw

    def prepare(self, raw: Any) -> NDArray[np.float32]:
        raise NotImplementedError

    def shape(self, part: Part) -> tuple[int, ...]:
        return (VARIABLES, HOURS)

    def sample_augmentation(self, rng: np.random.Generator, n: int) -> Params:
        return {"shift": 100 * rng.standard_normal(n)}

    def augment(self, values: Tensor, params: Params) -> Tensor:
        return values + torch.from_numpy(params["shift"].astype(np.float32)).view(-1, 1, 1)


@dataclass
class FixedBank:
    """A teacher's bank with given logits per sample."""

    logits: Mapping[str, list[float]]

    def rows(self, sample_ids: list[str]) -> Output:
        return Output(torch.tensor([self.logits[name] for name in sample_ids], dtype=torch.float32))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Made]:
    """``make(kind, columns, labels)``.

    Training data of a run, and the truth "sample column" that its labels are noisy signs of.
    """

    def write(
        kind: Kind = "binary", columns: int = 1, label_fraction: float = 1.0, unlabelled: bool = False, **changes: Any
    ) -> Made:
        rng = np.random.default_rng(0)
        values = rng.standard_normal((SAMPLES, VARIABLES, HOURS)).astype(np.float32)
        truth = 3 * np.stack(
            [values[:, column % VARIABLES].mean(axis=1) * (1 if column < 2 else -1) for column in range(columns)],
            axis=1,
        )
        values[rng.random(values.shape) < 0.3] = np.nan
        values_of = (
            truth
            if kind in ("regression", "forecast")
            else (truth + 0.5 * rng.standard_normal(truth.shape) > 0).astype(np.float64)
        )
        names = [f"y{column}" for column in range(columns)]
        ids = [f"s{row}" for row in range(SAMPLES)]
        samples = pl.DataFrame({"sample_id": ids, "subject_id": ids, "hours": ids}).with_columns(
            pl.Series(name, values_of[:, column]) for column, name in enumerate(names)
        )
        if "samples" in changes:
            samples = changes["samples"](samples)
        target = Target("y", kind, tuple(names))
        samples.write_parquet(tmp_path / "samples.parquet")
        split = draw_split(samples, target, "kfold:4", seed=0)
        split.save(tmp_path / "split.json")
        folder = tmp_path / "prepared"
        folder.mkdir(exist_ok=True)
        np.save(folder / "values.npy", values)
        pl.DataFrame({"sample_id": ids, "status": ["ok"] * SAMPLES, "reason": [""] * SAMPLES}).write_parquet(
            folder / "index.parquet"
        )
        (folder / "meta.json").write_text(json.dumps({"values_sha256": "0" * 64}))
        data = SampleData(
            samples=str(tmp_path / "samples.parquet"),
            split=str(tmp_path / "split.json"),
            split_sha256=split.sha256,
            held_out=[0],
            target=target,
            model_inputs={"model": ModelInput("hours", {"hours": Hours()})},
            prepared={"model": {"hours": str(folder)}},
            label_fraction=label_fraction,
            unlabelled=unlabelled,
            augment=changes.get("augment", False),
        )
        data.setup("fit")
        return data, torch.from_numpy(truth)

    return write


def bank_of(logits: Tensor) -> dict[str, Any]:
    return {"teacher": FixedBank({f"s{row}": values.tolist() for row, values in enumerate(logits)})}


def predictions(learner: FittedModel, data: SampleData, role: str = "test") -> tuple[list[int], Tensor]:
    ids = data.ids(role)
    return [int(name[1:]) for name in ids], learner.predict(data.stored["model"], ids).logits


def agreement(learner: FittedModel, data: SampleData, with_what: Tensor, column: int = 0) -> float:
    rows, found = predictions(learner, data)
    return float(np.corrcoef(found[:, column], with_what[rows, column])[0, 1])


def text(learner: FittedModel) -> bytes:
    return learner.network.dump_weights()


def test_without_a_teacher_they_learn_the_labels(make: Callable[..., Made]) -> None:
    data, truth = make()
    learner = replace(QUICK, feature_fraction=0.2, num_boost_round=100, members=4).fit(data, {}, seed=0, threads=1)
    assert agreement(learner, data, truth) > 0.7
    rows, logits = predictions(learner, data)
    chance, positive = torch.sigmoid(logits[:, 0]), truth[rows, 0] > 0
    assert chance[positive].mean() > 0.7 > 0.3 > chance[~positive].mean(), "a logit is a log-odds"


@pytest.mark.parametrize("kind", ["regression", "forecast"])
def test_values_are_learnt_in_their_own_units(make: Callable[..., Made], kind: Kind) -> None:
    data, truth = make(kind, columns=2)
    learner = replace(QUICK, num_boost_round=150).fit(data, {}, seed=0, threads=1)
    rows, found = predictions(learner, data)
    error = (found - truth[rows]).square().mean(dim=0) / truth[rows].var(dim=0)
    assert (error < 0.5).all()


def test_each_label_has_its_own_trees(make: Callable[..., Made]) -> None:
    data, truth = make("multilabel", columns=3)
    learner = QUICK.fit(data, {}, seed=0, threads=1)
    for own in range(3):
        found = [abs(agreement(learner, data, torch.roll(truth, own - other, dims=1), own)) for other in range(3)]
        assert found[own] > 0.6
        assert found[own] == max(found)


@pytest.mark.parametrize(
    "settings",
    [
        {"distill_target": "logit"},
        {"distill_target": "probability"},
        {"distill_target": "probability", "temperature": 3.0},
    ],
)
def test_distilled_members_follow_the_teacher_where_labels_differ(
    make: Callable[..., Made], settings: dict[str, Any]
) -> None:
    """The teacher's outputs depend on the third variable, on which no label depends."""
    data, truth = make()
    third = (
        3
        * torch.from_numpy(np.nanmean(np.load(data.prepared_paths["model"]["hours"] + "/values.npy")[:, 2], axis=1))[
            :, None
        ]
    )
    distilled = replace(QUICK, **settings).fit(data, bank_of(third), seed=0, threads=1)
    assert agreement(distilled, data, third) > 0.7
    assert abs(agreement(distilled, data, truth)) < 0.3
    scale = np.polyfit(third[predictions(distilled, data)[0], 0], predictions(distilled, data)[1][:, 0], 1)[0]
    assert scale == pytest.approx(1 / settings.get("temperature", 1.0), rel=0.5), (
        "the teacher's logits over the temperature"
    )
    both = replace(QUICK, members=2, distilled_members=1, **settings).fit(data, bank_of(third), seed=0, threads=1)
    assert agreement(both, data, third) > 0.15
    assert agreement(both, data, truth) > 0.15
    first, second = both.network._boosters[0]
    both.network.grow([[first]])
    assert predictions(both, data)[1].equal(predictions(distilled, data)[1])
    both.network.grow([[second]])
    assert agreement(both, data, truth) > 0.6


def test_members_without_a_teacher_are_those_of_the_baseline(make: Callable[..., Made]) -> None:
    data, truth = make()
    baseline = replace(QUICK, members=2).fit(data, {}, seed=0, threads=1)
    undistilled = replace(QUICK, members=2, distilled_members=0).fit(data, bank_of(-truth), seed=0, threads=1)
    assert text(undistilled) == text(baseline)
    half = replace(QUICK, members=2, distilled_members=1).fit(data, bank_of(-truth), seed=0, threads=1)
    assert half.network._boosters[0][1][0].model_to_string() == baseline.network._boosters[0][1][0].model_to_string()


def test_the_teacher_is_used_without_labels_and_labels_only_where_they_are_known(make: Callable[..., Made]) -> None:
    data, truth = make(label_fraction=0.1, unlabelled=True)
    batch = data.dataset("train")
    known = set(np.array(batch.ids)[batch.labelled[:, 0].numpy()].tolist())
    assert 5 < len(known) < 60 < len(batch)
    learner = QUICK.fit(data, bank_of(truth), seed=0, threads=1)
    assert agreement(learner, data, truth) > 0.75 > agreement(QUICK.fit(data, {}, seed=0, threads=1), data, truth)
    elsewhere = truth.clone()
    rows = [int(name[1:]) for name in batch.ids if name not in known]
    elsewhere[rows] *= -1
    assert agreement(QUICK.fit(data, bank_of(elsewhere), seed=0, threads=1), data, truth) < 0, (
        "most targets are those of unlabelled samples"
    )


def test_withheld_labels_change_nothing(make: Callable[..., Made]) -> None:
    settings = {"distill_target": "probability", "teacher_weight": 0.5, "members": 2}
    data, truth = make(label_fraction=0.2, unlabelled=True)
    expected = text(replace(QUICK, **settings).fit(data, bank_of(truth), seed=0, threads=1))
    data, _ = make(label_fraction=0.2, unlabelled=True)
    batch = data.dataset("train")
    withheld = np.array(batch.ids)[~batch.labelled[:, 0].numpy()].tolist()
    y = pl.col("y0")
    data.samples = data.samples.with_columns(
        pl.when(pl.col("sample_id").is_in(withheld)).then(1 - y).otherwise(y).alias("y0")
    )
    assert text(replace(QUICK, **settings).fit(data, bank_of(truth), seed=0, threads=1)) == expected


def test_the_label_has_the_weight_that_the_teacher_leaves(make: Callable[..., Made]) -> None:
    data, truth = make()
    found = [
        agreement(
            replace(QUICK, distill_target="probability", teacher_weight=weight).fit(
                data, bank_of(-truth), seed=0, threads=1
            ),
            data,
            truth,
        )
        for weight in (0.0, 0.5, 1.0)
    ]
    assert found[0] > 0.6
    assert found[0] > found[1] > found[2]
    assert found[2] < -0.6


def test_the_seed_alone_decides(make: Callable[..., Made]) -> None:
    data, truth = make()
    learner = replace(QUICK, num_boost_round=10, members=2)
    first = text(learner.fit(data, bank_of(truth), seed=3, threads=1))
    assert text(learner.fit(make()[0], bank_of(truth), seed=3, threads=1)) == first
    assert text(learner.fit(data, bank_of(truth), seed=4, threads=1)) != first
    (one, _), (other, _) = learner.fit(data, {}, seed=3, threads=1).network._boosters[0]
    assert one.model_to_string() != other.model_to_string()


def test_members_fitted_to_labels_count_by_the_fraction_of_labels(make: Callable[..., Made]) -> None:
    data, truth = make(label_fraction=0.5)
    data.unlabelled = True
    (_, distilled), (_, labelled) = (
        replace(QUICK, members=2, distilled_members=1).fit(data, bank_of(truth), seed=0, threads=1).network._boosters[0]
    )
    known = data.dataset("train").labelled[:, 0].double().mean()
    assert distilled == 1
    assert labelled == pytest.approx(float(known))
    assert 0 < labelled < 1


@pytest.mark.parametrize(("min_data_in_leaf", "samples", "least"), [(20, 30, 20), (0.02, 2400, 48), (0.02, 100, 5)])
def test_a_fraction_of_the_samples_in_a_leaf_follows_their_number(
    min_data_in_leaf: float, samples: int, least: int
) -> None:
    rng = np.random.default_rng(0)
    table, aim = rng.standard_normal((samples, 3)).astype(np.float32), rng.standard_normal(samples)
    grown = replace(QUICK, min_data_in_leaf=min_data_in_leaf)._booster(
        table, aim, np.ones(samples, dtype=bool), None, "regression", {"seed": 0}
    )
    assert f"[min_data_in_leaf: {least}]" in grown.model_to_string()


def test_training_samples_are_not_augmented(make: Callable[..., Made]) -> None:
    expected = text(QUICK.fit(make()[0], {}, seed=0, threads=1))
    assert text(QUICK.fit(make(augment=True)[0], {}, seed=0, threads=1)) == expected


def test_saved_and_loaded_they_predict_the_same(make: Callable[..., Made], tmp_path: Path) -> None:
    data, _ = make("multilabel", columns=2)
    learner = replace(QUICK, members=2).fit(data, {}, seed=0, threads=1)
    learner.save(tmp_path / "learner")
    assert sorted(path.name for path in (tmp_path / "learner").iterdir()) == ["learner.yaml", "model.txt"]
    loaded = FittedModel.load(tmp_path / "learner", trust=("medkd", Hours.__module__.split(".")[0]))
    assert predictions(loaded, data)[1].equal(predictions(learner, data)[1])
    assert loaded.statistics == learner.statistics
    assert set(loaded.statistics["hours"].mean) == {0.0}
    assert loaded.statistics["hours"].held_out == (0,)


def test_a_sample_with_nothing_observed_has_finite_logits(make: Callable[..., Made]) -> None:
    data, _ = make()
    learner = QUICK.fit(data, {}, seed=0, threads=1)
    stored = data.stored["model"]["hours"]
    index = pl.DataFrame({"sample_id": ["a", "b"], "status": ["absent", "ok"], "reason": ["", ""]})
    empty = Prepared(
        Path("nowhere"), np.stack([np.zeros((3, 8)), np.full((3, 8), np.nan)]).astype(np.float32), index, stored.sha256
    )
    logits = learner.predict({"hours": empty}, ["a", "b"]).logits
    assert logits.isfinite().all()
    assert logits[0].equal(logits[1])


def test_what_cannot_be_learnt_is_refused(make: Callable[..., Made]) -> None:
    def unlabelled(table: pl.DataFrame) -> pl.DataFrame:
        return table.with_columns(y1=pl.lit(None, dtype=pl.Float64))

    data, truth = make("multilabel", columns=2, samples=unlabelled)
    with pytest.raises(InputError, match="no training sample is labelled in y1"):
        QUICK.fit(data, {}, seed=0, threads=1)
    with pytest.raises(InputError, match="no training sample is labelled in y1"):
        replace(QUICK, members=2).fit(data, bank_of(truth), seed=0, threads=1)
    distilled = QUICK.fit(data, bank_of(truth), seed=0, threads=1)
    assert agreement(distilled, data, truth, column=1) > 0.6, "a teacher alone will do"
    with pytest.raises(InputError, match="one teacher, not 2"):
        QUICK.fit(data, {**bank_of(truth), "other": bank_of(truth)["teacher"]}, seed=0, threads=1)
    data.target = Target("y", "multiclass", ("y0",), ("a", "b"))
    with pytest.raises(InputError, match="do not predict a multiclass target"):
        QUICK.fit(data, {}, seed=0, threads=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_boost_round": 0},
        {"learning_rate": 0.0},
        {"num_leaves": 1},
        {"min_data_in_leaf": 0},
        {"feature_fraction": 0.0},
        {"feature_fraction": 1.1},
        {"bagging_fraction": 0.0},
        {"bagging_fraction": 2.0},
        {"lambda_l2": -1.0},
        {"members": 0},
        {"distilled_members": 2},
        {"distilled_members": -1},
        {"distill_target": "rank"},
        {"distill_target": "probability", "teacher_weight": 1.5},
        {"distill_target": "logit", "teacher_weight": 0.5},
        {"temperature": 0.0},
        {"learning_rate": float("nan")},
    ],
)
def test_a_setting_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{list(wrong)[-1]} is .*TreeLearner"):
        TreeLearner(**wrong)


def test_the_estimate_is_of_the_right_size(make: Callable[..., Made]) -> None:
    data, _ = make()
    batch = data.dataset("train").__getitems__([(index, 0) for index in range(200)])
    once = replace(QUICK, num_boost_round=20).seconds(batch.signals, outputs=1)
    assert 0 < once < 20
    assert replace(QUICK, num_boost_round=2000, members=3).seconds(batch.signals, outputs=2) > 10 * once
