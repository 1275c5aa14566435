"""A batch holds each sample's own signal, augmented alike for all who see it, and never invents one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from medkd.data.core.batch import Batch
from medkd.data.core.model_input import ModelInput
from medkd.data.core.target import Target
from medkd.data.loading.dataset import SampleDataset
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import Prepared
from medkd.modalities.ecg import ECG

Stores = dict[str, dict[str, Prepared]]
Make = Callable[..., SampleDataset]


@pytest.fixture
def statistics(stores: Stores) -> dict[str, dict[str, Statistics]]:
    return {
        model: {name: Statistics.fit(held.values, np.flatnonzero(held.present), "", ()) for name, held in parts.items()}
        for model, parts in stores.items()
    }


@pytest.fixture
def make(
    samples: pl.DataFrame,
    target: Target,
    model_inputs: dict[str, ModelInput],
    stores: Stores,
    statistics: dict[str, dict[str, Statistics]],
) -> Make:
    def made(
        seed: int | None = 1, table: pl.DataFrame = samples, labelled: torch.Tensor | None = None
    ) -> SampleDataset:
        known = torch.ones(table.height, dtype=torch.bool) if labelled is None else labelled
        return SampleDataset(table, known, target, model_inputs, stores, statistics, seed)

    return made


def signal(batch: Batch, name: str, model: str = "model") -> torch.Tensor:
    return batch.views[model]["ecg"].values[batch.sample_id.index(name)]


def test_a_sample_is_augmented_alike_wherever_it_stands(make: Make) -> None:
    one, other = make(), make()
    alone = {place: one[(place, 3)] for place in range(12)}
    other.__getitems__([(place, 2) for place in range(5)])
    together = other.__getitems__([(place, 3) for place in reversed(range(12))])
    for batch in alone.values():
        (name,) = batch.sample_id
        for model in ("model", "teacher"):
            assert signal(batch, name, model).equal(signal(together, name, model))
    twice = one.__getitems__([(4, 3), (4, 3)])
    assert twice.signals["ecg"].values[0].equal(twice.signals["ecg"].values[1])


def test_augmentation_depends_on_seed_and_epoch_alone(make: Make) -> None:
    torch.manual_seed(1)
    first = make(seed=1)[(0, 0)].signals["ecg"].values
    torch.manual_seed(2)
    np.random.seed(2)
    assert make(seed=1)[(0, 0)].signals["ecg"].values.equal(first)
    assert not make(seed=2)[(0, 0)].signals["ecg"].values.equal(first)
    assert not make(seed=1)[(0, 1)].signals["ecg"].values.equal(first)
    assert not make(seed=None)[(0, 0)].signals["ecg"].values.equal(first)


def test_seed_zero_augments(make: Make) -> None:
    assert not make(seed=0)[(0, 0)].signals["ecg"].values.equal(make(seed=None)[(0, 0)].signals["ecg"].values)


def test_samples_are_augmented_each_in_its_own_way(
    make: Make, stores: Stores, statistics: dict[str, dict[str, Statistics]]
) -> None:
    plain = (make(seed)[(place, 0)].signals["ecg"].values for seed in (None, 1) for place in (0, 1))
    first, second, first_changed, second_changed = plain
    assert not (first_changed - first).equal(second_changed - second)


def test_parties_share_a_samples_augmentation(samples: pl.DataFrame, target: Target, stores: Stores) -> None:
    """Gain, shift and mask of one sample are the same on twelve leads and on lead I.

    It is the first of the twelve.
    """
    modality = ECG(seconds=2.0, bandpass=(0.5, 40.0), augment_amplitude=0.5, augment_shift=0.4, augment_mask=0.3)
    model_inputs = {"model": ModelInput("ecg[I]", {"ecg": modality}), "teacher": ModelInput("ecg", {"ecg": modality})}
    none = {
        model: {"ecg": Statistics((0.0,) * n, (1.0,) * n, 1, "", ())} for model, n in (("model", 1), ("teacher", 12))
    }
    data = SampleDataset(samples, torch.ones(samples.height, dtype=torch.bool), target, model_inputs, stores, none, 5)
    batch = data.__getitems__([(place, 7) for place in range(20)])
    assert batch.views["model"]["ecg"].values[:, 0].equal(batch.views["teacher"]["ecg"].values[:, 0])
    still = SampleDataset(samples, torch.ones(samples.height, dtype=torch.bool), target, model_inputs, stores, none)
    assert (
        not still.__getitems__([(0, 7)]).signals["ecg"].values.equal(data.__getitems__([(0, 7)]).signals["ecg"].values)
    )


def test_a_party_with_other_strengths_draws_its_own(samples: pl.DataFrame, target: Target, stores: Stores) -> None:
    strong, weak = ECG(seconds=2.0, augment_amplitude=0.5), ECG(seconds=2.0)
    model_inputs = {"model": ModelInput("ecg[I]", {"ecg": strong}), "teacher": ModelInput("ecg", {"ecg": weak})}
    none = {
        model: {"ecg": Statistics((0.0,) * n, (1.0,) * n, 1, "", ())} for model, n in (("model", 1), ("teacher", 12))
    }
    data = SampleDataset(samples, torch.ones(samples.height, dtype=torch.bool), target, model_inputs, stores, none, 5)
    batch = data.__getitems__([(place, 7) for place in range(20)])
    still = SampleDataset(samples, torch.ones(samples.height, dtype=torch.bool), target, model_inputs, stores, none)
    raw = still.__getitems__([(place, 7) for place in range(20)])
    assert batch.views["teacher"]["ecg"].values.equal(raw.views["teacher"]["ecg"].values)
    assert not batch.views["model"]["ecg"].values.equal(raw.views["model"]["ecg"].values)


def test_without_a_seed_the_signal_is_the_prepared_one(
    make: Make, stores: Stores, statistics: dict[str, dict[str, Statistics]]
) -> None:
    data = make(seed=None)
    batch = data.__getitems__([(place, 0) for place in (9, 1, 30)])
    stored = stores["model"]["ecg"]
    raw = torch.from_numpy(np.array(stored.values[stored.rows(batch.sample_id)]))
    assert batch.signals["ecg"].values.equal(statistics["model"]["ecg"].apply(raw))
    assert data.__getitems__([(9, 5)]).signals["ecg"].values[0].equal(batch.signals["ecg"].values[0])


def test_an_absent_signal_is_zeros_under_a_mask(make: Make) -> None:
    for seed in (None, 3):
        batch = make(seed).__getitems__([(place, 0) for place in range(10)])
        lost = torch.tensor([name in ("00003", "00007") for name in batch.sample_id])
        assert lost.sum() == 2
        for model in ("model", "teacher"):
            held = batch.views[model]["ecg"]
            assert batch.presence[model]["ecg"].equal(~lost)
            assert held.mask is not None
            assert held.mask.shape == held.values.shape
            assert not held.mask[lost].any()
            assert held.mask[~lost].all()
            assert not held.values[lost].any()
            assert held.values[~lost].flatten(1).any(dim=1).all()


def test_a_batch_that_lacks_nothing_has_no_mask(make: Make) -> None:
    batch = make().__getitems__([(place, 0) for place in range(2)])
    assert batch.signals["ecg"].mask is None
    assert batch.presence["model"]["ecg"].all()


def test_ids_targets_and_signals_stay_together(make: Make, samples: pl.DataFrame) -> None:
    shuffled = samples.sample(fraction=1.0, shuffle=True, seed=2)
    batch = make(None, shuffled).__getitems__([(place, 0) for place in range(samples.height)])
    expected = make(None).__getitems__([(place, 0) for place in range(samples.height)])
    assert batch.sample_id == shuffled["sample_id"].to_list()
    assert batch.subject_id == shuffled["subject_id"].to_list()
    assert batch.site == shuffled["site"].to_list()
    truth = dict(zip(samples["sample_id"], samples["CD"], strict=True))
    for name, value, known in zip(
        batch.sample_id, batch.targets[:, 0].tolist(), batch.labelled[:, 0].tolist(), strict=True
    ):
        assert (value, known) == ((truth[name], True) if truth[name] is not None else (0.0, False))
        assert signal(batch, name).equal(signal(expected, name))


def test_a_withheld_label_is_not_in_the_batch(make: Make, samples: pl.DataFrame) -> None:
    labelled = torch.arange(samples.height) % 3 == 0
    batch = make(None, samples, labelled).__getitems__([(place, 0) for place in range(samples.height)])
    assert not batch.labelled[~labelled].any()
    assert not batch.targets[~labelled].any()
    assert batch.labelled.sum() == labelled.sum() - int(labelled[samples["sample_id"].to_list().index("00005")])


def test_labels_of_a_multilabel_target_are_masked_one_by_one(
    samples: pl.DataFrame,
    model_inputs: dict[str, ModelInput],
    stores: Stores,
    statistics: dict[str, dict[str, Statistics]],
) -> None:
    both = Target("two", "multilabel", ("CD", "MI"))
    data = SampleDataset(samples, torch.ones(samples.height, dtype=torch.bool), both, model_inputs, stores, statistics)
    place = samples["sample_id"].to_list().index("00005")
    batch = data[(place, 0)]
    assert batch.labelled.tolist() == [[False, True]]
    assert batch.targets.tolist() == [[0.0, samples["MI"][place]]]


def test_prepared_arrays_are_not_changed_by_what_is_done_to_a_batch(make: Make, stores: Stores) -> None:
    before = {model: held["ecg"].values.tobytes() for model, held in stores.items()}
    data = make()
    data.__getitems__([(place, 0) for place in range(8)]).signals["ecg"].values.zero_()
    assert {model: held["ecg"].values.tobytes() for model, held in stores.items()} == before
    assert data.__getitems__([(0, 0)]).signals["ecg"].values.any()


def test_a_store_in_another_order_gives_the_same_batch(
    make: Make,
    in_memory: Callable[..., Prepared],
    samples: pl.DataFrame,
    target: Target,
    model_inputs: dict[str, ModelInput],
    stores: Stores,
    statistics: dict[str, dict[str, Statistics]],
) -> None:
    turned = {
        model: {
            name: replace(held, folder=Path("turned"), values=np.array(held.values[::-1]), index=held.index.reverse())
            for name, held in parts.items()
        }
        for model, parts in stores.items()
    }
    data = SampleDataset(
        samples, torch.ones(samples.height, dtype=torch.bool), target, model_inputs, turned, statistics, 1
    )
    for model in model_inputs:
        found, expected = (
            held.__getitems__([(place, 0) for place in range(9)]).views[model]["ecg"].values for held in (data, make())
        )
        assert found.equal(expected)
