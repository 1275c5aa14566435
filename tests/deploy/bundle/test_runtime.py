"""A network is opened for use, not for training, from the one file that its runtime reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from medkd.data.core.signal import Signal
from medkd.deploy.bundle.runtime import open_network
from medkd.errors import InputError

Opened = tuple[dict[str, Any], dict[str, bytes]]


@pytest.fixture
def opened(bundle_folder: Path) -> Opened:
    """What a bundle states of its network, and its files."""
    files = {path.name: path.read_bytes() for path in bundle_folder.iterdir()}
    return yaml.safe_load(files["config.yaml"])["network"], files


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_it_is_in_eval_mode_without_gradients(opened: Opened, runtime: str) -> None:
    spec, files = opened
    network, content = open_network(runtime, spec, files, ("medkd",), "a bundle")
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert content == files[network.weights_file]
    signals = {"ecg": Signal(torch.randn(2, 1, 1000), whole=True)}
    alone = {"ecg": Signal(signals["ecg"].values[:1], whole=True)}
    # Batch statistics, as in training, would let the second sample reach the first.
    torch.testing.assert_close(network(signals).logits[:1], network(alone).logits, atol=1e-5, rtol=0)


def test_a_graph_needs_neither_the_class_nor_its_weights(opened: Opened) -> None:
    spec, files = opened
    graph = {"model.onnx": files["model.onnx"]}
    network, _ = open_network("onnx", {"class_path": "of_a_hospital.gone.Network"}, graph, (), "a bundle")
    known, _ = open_network("torch", spec, files, ("medkd",), "a bundle")
    signals = {"ecg": Signal(torch.randn(3, 1, 1000), whole=True)}
    torch.testing.assert_close(network(signals).logits, known(signals).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("runtime", "lacking", "message"),
    [
        ("onnxx", (), "no runtime 'onnxx'.*Did you mean 'onnx'"),
        ("onnx", ("model.onnx",), "file 'model.onnx' is missing.*use --runtime torch"),
        ("torch", ("model.safetensors",), "'model.safetensors' is missing.*Use --runtime onnx"),
        ("torch", ("model.safetensors", "model.onnx"), "'model.safetensors' is missing.*Copy the bundle again"),
    ],
)
def test_a_missing_file_has_the_remedy_that_is_left(
    opened: Opened, runtime: str, lacking: tuple[str, ...], message: str
) -> None:
    spec, files = opened
    with pytest.raises(InputError, match=message):
        open_network(runtime, spec, {k: v for k, v in files.items() if k not in lacking}, ("medkd",), "a bundle")


def test_a_damaged_graph_is_one_line(opened: Opened) -> None:
    spec, files = opened
    with pytest.raises(InputError, match=r"a bundle, model\.onnx") as refused:
        open_network("onnx", spec, {"model.onnx": files["model.onnx"][:200]}, ("medkd",), "a bundle")
    assert "\n" not in str(refused.value)
