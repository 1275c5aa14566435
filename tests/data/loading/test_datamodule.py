"""Batches of one fold.

Only training samples teach statistics, only they are augmented, and an epoch can begin anywhere.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from medkd.data.core.batch import Batch
from medkd.data.io.digest import digest_file
from medkd.data.loading.datamodule import SampleData
from medkd.data.loading.store import Prepared
from medkd.errors import InputError

ROLES = ("train", "val", "test")


def ready(arguments: dict[str, Any], **changes: Any) -> SampleData:
    data = SampleData(**arguments | changes)
    data.setup("fit")
    return data


def batches(data: SampleData, role: str, epoch: int = 0) -> Iterator[Batch]:
    loader = getattr(data, f"{role}_dataloader")()
    if role == "train":
        loader.batch_sampler.set_epoch(epoch)
    yield from loader


def rewritten(arguments: dict[str, Any], folder: Path, ids: list[str]) -> dict[str, Any]:
    """The same arguments on a copy of the prepared arrays in which the values of some samples were changed."""
    prepared: dict[str, dict[str, str]] = {}
    for model, parts in arguments["prepared"].items():
        for name, source in parts.items():
            copy = shutil.copytree(source, folder / model / name)
            rows = Prepared.open(copy).rows(ids)
            values = np.load(copy / "values.npy")
            values[rows] = 1000.0 - 3 * values[rows]
            np.save(copy / "values.npy", values)
            held = json.loads((copy / "meta.json").read_text())
            (copy / "meta.json").write_text(json.dumps(held | {"values_sha256": digest_file(copy / "values.npy")}))
            prepared.setdefault(model, {})[name] = str(copy)
    return arguments | {"prepared": prepared}


def test_validation_and_test_samples_do_not_reach_the_statistics(arguments: dict[str, Any], tmp_path: Path) -> None:
    data = ready(arguments)
    others = data.ids("val") + data.ids("test")
    assert others
    assert ready(rewritten(arguments, tmp_path / "others", others)).statistics == data.statistics
    one = [next(name for name in data.ids("train") if name not in ("00003", "00007"))]
    changed = ready(rewritten(arguments, tmp_path / "one", one)).statistics
    assert all(changed[model]["ecg"] != data.statistics[model]["ecg"] for model in data.model_inputs)


def test_statistics_say_which_samples_they_are_of(arguments: dict[str, Any]) -> None:
    for held_out in ([0], [1, 2]):
        data = ready(arguments, held_out=held_out)
        for model in data.model_inputs:
            fitted = data.statistics[model]["ecg"]
            assert fitted.split_sha256 == arguments["split_sha256"]
            assert fitted.held_out == tuple(held_out)
            stored = data.stored[model]["ecg"]
            assert fitted.samples == int(stored.present[stored.rows(data.ids("train"))].sum())


def test_absent_signals_do_not_count_as_zeros(arguments: dict[str, Any]) -> None:
    data = ready(arguments)
    lost = {"00003", "00007"} & set(data.ids("train"))
    assert lost, "the case is there"
    kept = [name for name in data.ids("train") if name not in lost]
    stored = data.stored["teacher"]["ecg"]
    np.testing.assert_allclose(
        data.statistics["teacher"]["ecg"].mean,
        stored.values[stored.rows(kept)].mean(axis=(0, 2), dtype=np.float64),
        atol=1e-9,
    )


def test_few_labels_are_what_statistics_see_unless_the_others_take_part(arguments: dict[str, Any]) -> None:
    few, all_ = ready(arguments, label_fraction=0.4), ready(arguments, label_fraction=0.4, unlabelled=True)
    assert few.statistics["model"]["ecg"].samples < all_.statistics["model"]["ecg"].samples
    assert all_.statistics == ready(arguments, label_fraction=1.0).statistics


def test_only_training_is_augmented(arguments: dict[str, Any]) -> None:
    plain, augmented = ready(arguments, augment=False), ready(arguments, augment=True)
    for role in ("val", "test"):
        for one, other in zip(batches(plain, role), batches(augmented, role), strict=True):
            assert one.sample_id == other.sample_id
            for model in plain.model_inputs:
                assert one.views[model]["ecg"].values.equal(other.views[model]["ecg"].values)
    one, other = next(batches(plain, "train")), next(batches(augmented, "train"))
    assert one.sample_id == other.sample_id
    assert not one.signals["ecg"].values.equal(other.signals["ecg"].values)


def test_validation_does_not_change_from_epoch_to_epoch(arguments: dict[str, Any]) -> None:
    data = ready(arguments)
    first = [batch.signals["ecg"].values for batch in batches(data, "val")]
    list(batches(data, "train", epoch=1))
    again = [batch.signals["ecg"].values for batch in batches(data, "val")]
    assert all(one.equal(other) for one, other in zip(first, again, strict=True))


def test_each_role_sees_its_samples_each_once(arguments: dict[str, Any]) -> None:
    data = ready(arguments, batch_size=3)
    for role in ("val", "test"):
        assert [name for batch in batches(data, role) for name in batch.sample_id] == data.ids(role)
    seen = {
        role: {name for epoch in range(3) for batch in batches(data, role, epoch) for name in batch.subject_id}
        for role in ROLES
    }
    assert not (seen["test"] & (seen["train"] | seen["val"])) | (seen["train"] & seen["val"])
    assert all(seen.values())


def test_withheld_labels_are_masked_in_training_and_kept_in_test(
    arguments: dict[str, Any], samples: pl.DataFrame
) -> None:
    data = ready(arguments, label_fraction=0.4, unlabelled=True, batch_size=1000)
    truth = dict(zip(samples["sample_id"], samples["CD"], strict=True))
    ranks = dict(data.split.table.select("sample_id", "label_rank").iter_rows())
    (batch,) = batches(data, "train")
    for name, value, known in zip(
        batch.sample_id, batch.targets[:, 0].tolist(), batch.labelled[:, 0].tolist(), strict=True
    ):
        expected = ranks[name] < 0.4 and truth[name] is not None
        assert (known, value) == (expected, truth[name] if expected else 0.0)
    assert 0 < batch.labelled.sum() < len(batch)
    assert all(ranks[name] < 0.4 for name in data.ids("val"))
    (test,) = batches(data, "test")
    assert test.labelled[:, 0].tolist() == [truth[name] is not None for name in test.sample_id]


def test_without_unlabelled_samples_every_training_sample_has_a_label(arguments: dict[str, Any]) -> None:
    for held_out in ([0], [1], [2]):
        for label_fraction in (0.4, 1.0):
            data = ready(arguments, label_fraction=label_fraction, held_out=held_out, batch_size=1000)
            (batch,) = batches(data, "train")
            assert batch.labelled.all()
            assert "00005" not in data.ids("train")


@pytest.mark.parametrize("start", [0, 3, 5])
def test_a_resumed_epoch_goes_on_with_the_next_batch(arguments: dict[str, Any], start: int) -> None:
    whole = list(batches(ready(arguments, steps=5), "train", epoch=2))
    data = ready(arguments, steps=5)
    data.load_state_dict({"epoch": 2, "ready": start})
    rest = list(batches(data, "train", epoch=2))
    expected = whole[start % 5 :]
    assert len(rest) == len(expected)
    for one, other in zip(rest, expected, strict=True):
        assert one.sample_id == other.sample_id
        assert one.signals["ecg"].values.equal(other.signals["ecg"].values)


def test_loading_draws_nothing_from_the_global_generator(arguments: dict[str, Any]) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    data = ready(arguments)
    for role in ROLES:
        list(batches(data, role))
    assert torch.get_rng_state().equal(before)


def test_worker_processes_give_the_same_batches(arguments: dict[str, Any]) -> None:
    alone, helped = (list(batches(ready(arguments, num_workers=n, steps=4), "train", 1)) for n in (0, 2))
    for one, other in zip(alone, helped, strict=True):
        assert one.sample_id == other.sample_id
        assert one.signals["ecg"].values.equal(other.signals["ecg"].values)


@pytest.mark.parametrize("label_fraction", [0.4, 1.0])
@pytest.mark.parametrize("steps", [0, 7])
def test_steps_of_an_epoch_are_those_that_are_made(
    arguments: dict[str, Any], label_fraction: float, steps: int
) -> None:
    data = ready(arguments, label_fraction=label_fraction, steps=steps)
    assert len(list(batches(data, "train"))) == data.steps_per_epoch
    if steps:
        assert data.steps_per_epoch == steps


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"samples": "nowhere.parquet"}, "no sample table"),
        ({"split": "nowhere.json"}, "no split file"),
        ({"split_sha256": "0" * 64}, "edited after it was written"),
        ({"label_fraction": 1e-6}, "training part is empty"),
        ({"label_fraction": 1e-6, "unlabelled": True}, "validation part is empty"),
        ({"held_out": [0, 1, 2]}, "training part is empty"),
        ({"prepared": {"model": {"ecg": "nowhere"}}}, "nothing was prepared here"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_at_the_start_in_one_line(
    arguments: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says) as told:
        ready(arguments, **change)
    assert "\n" not in str(told.value)


def test_pairs_without_a_single_label_are_refused(arguments: dict[str, Any], tmp_path: Path) -> None:
    train = pl.col("sample_id").is_in(ready(arguments, unlabelled=True).ids("train"))
    silent = pl.read_parquet(arguments["samples"]).with_columns(CD=pl.when(train).then(None).otherwise("CD"))
    silent.write_parquet(tmp_path / "silent.parquet")
    data = ready(arguments, samples=str(tmp_path / "silent.parquet"), unlabelled=True)
    with pytest.raises(InputError, match="no training sample is labelled"):
        data.train_dataloader()


def test_a_sample_that_was_never_prepared_is_refused(
    arguments: dict[str, Any], samples: pl.DataFrame, root: Path, tmp_path: Path
) -> None:
    from medkd.data.loading.store import prepare

    ((part, modality),) = arguments["model_inputs"]["model"].parts()
    fewer = prepare(tmp_path / "fewer", modality, [part], samples.head(20), root)[str(part)]
    with pytest.raises(InputError, match="samples were not prepared"):
        ready(
            arguments,
            prepared={"model": {"ecg": str(fewer.folder)}},
            model_inputs={"model": arguments["model_inputs"]["model"]},
        )
