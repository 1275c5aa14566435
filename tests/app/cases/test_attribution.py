"""Attribution: equal to the known answer where there is one, and summing to the logit's difference."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import torch

from medkd.app.cases.attribution import GRADIENTS, SHAPLEY, along, attribute, overlay
from medkd.data.core.display import Strip
from medkd.data.core.modality import Modality
from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.data.core.target import Target
from medkd.data.core.view import View
from medkd.data.loading.statistics import Statistics
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.calibration import Calibration
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.errors import InputError
from medkd.modalities.ecg import ECG
from medkd.modalities.notes import Notes
from medkd.modalities.vitals import Vitals
from medkd.networks.network import Network
from medkd.networks.resnet1d import ResNet1d
from medkd.networks.summary import SUMMARIES
from medkd.networks.trees import Trees

CD = Target("cd", "binary", ("cd",))
VITALS = Vitals(variables=("heart_rate", "sbp", "temperature"))


class Weighing(Network):
    """Logit k is the sum of weight times input, times k + 1."""

    def __init__(self, weight: torch.Tensor, outputs: int = 1) -> None:
        super().__init__()
        self.weight, self.outputs = torch.nn.Parameter(weight), outputs

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        total = sum((signal.values * self.weight).flatten(1).sum(1) for signal in signals.values())
        assert isinstance(total, torch.Tensor)
        return Output(logits=torch.stack([total * (k + 1) for k in range(self.outputs)], dim=1))


def bundle_of(network: Network, view: str, modalities: dict[str, Modality], target: Target = CD) -> Bundle:
    parts = View.parse(view).parts
    plain = {part.modality: modalities[part.modality].shape(part)[0] for part in parts}
    statistics = {name: Statistics((0.0,) * channels, (1.0,) * channels, 1, "", ()) for name, channels in plain.items()}
    calibration = Calibration.from_dict({"temperature": 1.0, "threshold": 0.5}, target.names, "test")
    network = network.eval().requires_grad_(False)
    return Bundle(network, target, Preprocessing(View.parse(view), modalities, statistics), calibration, "", "")


def grid(rng: np.random.Generator) -> dict[str, np.ndarray]:
    values = rng.normal(size=(1, 3, 24)).astype(np.float32)
    values[0, rng.random((3, 24)) < 0.4] = np.nan
    return {"vitals": values}


def test_of_a_linear_network_it_is_weight_times_input_on_each_class() -> None:
    rng = np.random.default_rng(0)
    weight = torch.from_numpy(rng.normal(size=(2, 50)).astype(np.float32))
    target = Target("two", "multilabel", ("one", "other"))
    bundle = bundle_of(Weighing(weight, 2), "ecg[I,II]", {"ecg": ECG(seconds=0.5)}, target)
    inputs = rng.normal(size=(1, 2, 50)).astype(np.float32)
    for factor, name in ((1, "one"), (2, "other")):
        result = attribute(bundle, {"ecg": inputs}, name)
        assert result.method == GRADIENTS
        np.testing.assert_allclose(result.values["ecg"], factor * inputs * weight.numpy(), atol=1e-4)
        assert result.difference == pytest.approx(float((factor * inputs * weight.numpy()).sum()), abs=1e-3)
    with pytest.raises(InputError, match="no class 'third'"):
        attribute(bundle, {"ecg": inputs}, "third")


def test_windows_share_the_logit_that_is_their_mean() -> None:
    rng = np.random.default_rng(1)
    weight = torch.from_numpy(rng.normal(size=(1, 50)).astype(np.float32))
    inputs = rng.normal(size=(3, 1, 50)).astype(np.float32)
    result = attribute(bundle_of(Weighing(weight), "ecg[I]", {"ecg": ECG(seconds=0.5)}), {"ecg": inputs}, "cd")
    np.testing.assert_allclose(result.values["ecg"], inputs * weight.numpy() / 3, atol=1e-5)


def test_what_was_not_observed_gets_nothing() -> None:
    rng = np.random.default_rng(2)
    weight = torch.from_numpy(rng.normal(size=(3, 24)).astype(np.float32))
    inputs = grid(rng)
    result = attribute(bundle_of(Weighing(weight), "vitals", {"vitals": VITALS}), inputs, "cd")
    assert result.method == GRADIENTS
    np.testing.assert_allclose(result.values["vitals"], np.nan_to_num(inputs["vitals"]) * weight.numpy(), atol=1e-5)


def test_of_a_deep_network_it_adds_up_to_the_logits_difference_in_time(shared: Path) -> None:
    torch.manual_seed(0)
    network = ResNet1d(channels=1, outputs=1)
    for module in network.modules():
        # The last normalisation of each block starts at zero: without this the network is nearly linear.
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    ecg, root = ECG(), shared / "data" / "ecg" / "brugada-huca"
    bundle = bundle_of(network, "ecg[I]", {"ecg": ecg})
    row = {"ecg": ecg.find(root)[3]}
    inputs = bundle.prepare(row, root)
    attribute(bundle, inputs, "cd")
    start = time.perf_counter()
    result = attribute(bundle, inputs, "cd")
    assert time.perf_counter() - start < 2
    apart = bundle.logits([inputs])[0, 0] - bundle.logits([{"ecg": np.zeros_like(inputs["ecg"])}])[0, 0]
    assert result.difference == pytest.approx(apart, abs=1e-4)
    assert abs(apart) > 0.01
    assert result.values["ecg"].sum() == pytest.approx(apart, abs=0.05 * abs(apart))
    assert result.error == pytest.approx(abs(result.values["ecg"].sum() - apart), abs=1e-4)
    # On the recording's own axis it lies where the prepared window does, second 1 to 11.
    strip = ecg.display(ecg.read(row, root), bundle.view.parts[0])
    curve = overlay(result, strip)
    assert curve is not None
    assert curve.shape == (1, 1200)
    assert not curve[0, :100].any()
    assert not curve[0, 1100:].any()
    np.testing.assert_allclose(curve[0, 100:1100], result.values["ecg"][0, 0], atol=1e-9)


def test_of_an_average_each_beat_bears_all_of_it() -> None:
    averaged = Strip("ecg", ("I",), np.zeros((1, 40)), 10.0, ("I",), ((0.0, 1.0), (2.0, 3.0)), averaged=True)
    curve = along(np.full((1, 1, 5), 0.7), averaged)[0]
    assert curve.tolist() == [0.7] * 10 + [0.0] * 10 + [0.7] * 10 + [0.0] * 10


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Grown on the means of heart rate and blood pressure alone: the temperature is noise that no split may use."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(400, 3 * len(SUMMARIES)))
    label = (features[:, SUMMARIES.index("mean")] + features[:, len(SUMMARIES) + SUMMARIES.index("mean")] > 0).astype(
        float
    )
    features[:, 2 * len(SUMMARIES) :] = 0.0
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "seed": 0}
    grown = Trees(outputs=1)
    grown.grow([[(lightgbm.train(settings, lightgbm.Dataset(features, label), 20), 1.0)]])
    return grown


def test_of_trees_it_adds_up_and_a_variable_that_no_tree_uses_gets_nothing(trees: Trees) -> None:
    inputs = grid(np.random.default_rng(4))
    bundle = bundle_of(trees, "vitals", {"vitals": VITALS})
    result = attribute(bundle, inputs, "cd")
    assert result.method == SHAPLEY
    values = result.values["vitals"][0]
    assert not values[2].any()
    assert values[0].any()
    assert not values[np.isnan(inputs["vitals"][0])].any()
    nothing = {"vitals": np.full_like(inputs["vitals"], np.nan)}
    apart = bundle.logits([inputs])[0, 0] - bundle.logits([nothing])[0, 0]
    assert values.sum() == pytest.approx(apart, abs=1e-4) == pytest.approx(result.difference, abs=1e-4)
    assert abs(apart) > 0.1
    # Other requests, and the same one again, change nothing.
    torch.rand(7)
    np.testing.assert_array_equal(attribute(bundle, inputs, "cd").values["vitals"][0], values)


def test_values_of_one_quarter_share_alike(trees: Trees) -> None:
    inputs = grid(np.random.default_rng(5))
    result = attribute(bundle_of(trees, "vitals", {"vitals": VITALS}), inputs, "cd").values["vitals"][0, 0, :6]
    assert len(set(result[np.isfinite(inputs["vitals"][0, 0, :6])].tolist())) == 1


def test_nothing_observed_means_nothing_to_explain(trees: Trees) -> None:
    nothing = {"vitals": np.full((1, 3, 24), np.nan, np.float32)}
    result = attribute(bundle_of(trees, "vitals", {"vitals": VITALS}), nothing, "cd")
    assert (result.difference, result.error) == (0.0, 0.0)
    assert not result.values["vitals"].any()


def test_tokens_are_left_out_not_scaled() -> None:
    # An id halfway to zero is another word: a gradient along it means nothing.
    class Counting(Network):
        def forward(self, signals: Mapping[str, Signal]) -> Output:
            return Output(logits=(signals["notes"].values == 7).flatten(1).sum(1, keepdim=True).float())

    ids = np.full((1, 2, 4), np.nan, np.float32)
    ids[0, 0, :2] = (7, 3)
    result = attribute(bundle_of(Counting(), "notes", {"notes": Notes(length=4, chunks=2)}), {"notes": ids}, "cd")
    assert result.method == SHAPLEY
    assert result.values["notes"][0, 0].tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0])
