"""Every network keeps the contract of ``medkd.networks.network``; a new one is swept without writing a test."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from medkd import registry
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.gru_d import GruD
from medkd.networks.network import Network
from medkd.networks.summary import summarise

CHANNELS, OUTPUTS, SAMPLES = 3, 2, 4
NUMBERS = 17 * CHANNELS
"""Of the summary of a grid of that many variables."""


def test_the_sweep_finds_the_networks():
    assert {
        "ResNet1d",
        "GruD",
        "HourTransformer",
        "SummaryNetwork",
        "TextEncoder",
        "SumFusion",
        "TwoViews",
        "Trees",
    } <= {entry.name.rpartition(".")[2] for entry in registry.entries("networks")}


def grid(seed: int = 0) -> dict[str, Signal]:
    """Twelve hours of three variables, of which the last sample has none."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(SAMPLES, CHANNELS, 12, generator=generator) < 0.5
    mask[-1] = False
    values = torch.randn(SAMPLES, CHANNELS, 12, generator=generator)
    return {"vitals": Signal(values.masked_fill(~mask, 0.0), mask)}


def waveform(seed: int = 0) -> dict[str, Signal]:
    """Two seconds of three leads; the last sample is absent."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(SAMPLES, CHANNELS, 200, generator=generator)
    values[-1] = 0.0
    mask = torch.ones_like(values, dtype=torch.bool)
    mask[-1] = False
    return {"ecg": Signal(values, mask, whole=True)}


def text(seed: int = 0) -> dict[str, Signal]:
    """Two chunks of six tokens; the last sample has no text."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(1, 30, (SAMPLES, 2, 6), generator=generator).float()
    mask = torch.ones_like(values, dtype=torch.bool)
    mask[0, 1, 3:] = False
    mask[-1] = False
    return {"notes": Signal(values.masked_fill(~mask, 0.0), mask)}


VIEWS: tuple[Callable[[int], dict[str, Signal]], ...] = (text, grid, waveform)
"""Texts first: token ids are numbers of any grid, but no grid holds token ids."""


@pytest.fixture(scope="session")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """``language_model()``: a folder with a transformer of two small layers and random weights."""

    def made() -> Path:
        transformers = pytest.importorskip("transformers")
        folder = tmp_path_factory.getbasetemp() / "language_model"
        if not folder.is_dir():
            config = transformers.BertConfig(
                vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
            )
            transformers.BertModel(config).save_pretrained(folder)
        return folder

    return made


@pytest.fixture
def build(network_class: type[Network], language_model: Callable[[], Path]) -> Callable[[int], Network]:
    """``build(seed)``: the network with small measures; what else its constructor needs it gives in ``example``."""

    def argument(name: str, hint: Any) -> Any:
        if name in (known := {"channels": CHANNELS, "outputs": OUTPUTS, "numbers": NUMBERS}):
            return known[name]
        if name in (example := getattr(network_class, "example", {})):
            return example[name]
        if name == "folder":
            return str(language_model())
        if hint is Network:
            return GruD(channels=CHANNELS, outputs=OUTPUTS)
        if typing.get_origin(hint) is dict and Network in typing.get_args(hint):
            return {"vitals": GruD(channels=CHANNELS, outputs=1)}
        pytest.fail(
            f"{network_class.__name__} needs '{name}': give a default, or a value in {network_class.__name__}.example"
        )

    def make(seed: int = 0) -> Network:
        torch.manual_seed(seed)
        hints = typing.get_type_hints(network_class.__init__)
        parameters = inspect.signature(network_class).parameters.values()
        network = network_class(
            **{p.name: argument(p.name, hints.get(p.name)) for p in parameters if p.default is p.empty}
        )
        for module in network.modules():
            # The last normalisation of a residual block starts at zero, behind which no gradient is seen.
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        if hasattr(network, "grow"):
            network.grow(boosters(seed))
        return network

    return make


def boosters(seed: int) -> list[list[tuple[Any, float]]]:
    """One booster per output, grown on the summaries of a grid."""
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(seed)
    table = np.concatenate([summarise(grid(number)) for number in range(10)])
    settings = {"objective": "regression", "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    return [
        [(lightgbm.train(settings, lightgbm.Dataset(table, rng.normal(size=len(table))), num_boost_round=3), 1.0)]
        for _ in range(OUTPUTS)
    ]


@pytest.fixture
def signals(build: Callable[[int], Network]) -> Callable[[int], dict[str, Signal]]:
    """``signals(seed)``: the first view that the network accepts."""
    network, refusals = build(0).eval(), []
    for view in VIEWS:
        try:
            network(view(0))
        except InputError as error:
            refusals.append(str(error))
            continue
        assert not any("\n" in refusal for refusal in refusals)
        return view
    pytest.fail("the network accepts neither a grid nor a text nor a waveform: add a view to this test")


def tensors(output: Any) -> list[Tensor]:
    parts = [output.logits, output.embedding, output.tokens, *output.features.values(), *(output.state or ())]
    return [part for part in parts if part is not None]


def rows(view: dict[str, Signal], index: slice) -> dict[str, Signal]:
    return {
        name: Signal(signal.values[index], None if signal.mask is None else signal.mask[index], whole=signal.whole)
        for name, signal in view.items()
    }


def test_it_gives_finite_logits_for_every_sample_even_an_absent_one(build, signals):
    for network in (build(0).eval(), build(0).train()):
        output = network(signals(0))
        assert output.logits.shape == (SAMPLES, OUTPUTS)
        assert output.logits.dtype == torch.float32
        for part in tensors(output):
            assert len(part) == SAMPLES
            assert torch.isfinite(part).all()


def test_the_embedding_is_as_wide_as_declared(build, signals, network_class):
    embedding = build(0).eval()(signals(0)).embedding
    if embedding is None:
        pytest.skip(f"{network_class.__name__} has no embedding")
    declared = re.search(r'embedding\s+"batch\s+(\w+)"', inspect.getdoc(network_class) or "")
    assert declared, f"{network_class.__name__} does not say in its docstring how wide its embedding is"
    network = build(0)
    width = getattr(network, "embedding_dim", None) or inspect.signature(network_class).parameters.get(declared[1])
    width = width.default if isinstance(width, inspect.Parameter) else width
    if isinstance(width, int) and width:
        assert embedding.shape == (SAMPLES, width)
    assert embedding.ndim == 2


def test_a_sample_does_not_depend_on_the_others_of_its_batch(build, signals):
    network, view = build(0).eval(), signals(0)
    with torch.no_grad():
        together = network(view).logits
        alone = torch.cat([network(rows(view, slice(index, index + 1))).logits for index in range(SAMPLES)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_evaluation_is_deterministic_and_sees_the_signal(build, signals):
    network = build(0).eval()
    with torch.no_grad():
        first = network(signals(0)).logits
        assert network(signals(0)).logits.equal(first)
        assert not network(signals(1)).logits[:-1].equal(first[:-1])
        assert network(signals(1)).logits[-1].allclose(first[-1], atol=1e-6), "an absent sample depends on its values"


def test_a_gradient_reaches_every_parameter(build, signals):
    network = build(0).train()
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    if not trained:
        pytest.skip(f"{type(network).__name__} is not trained by gradients")
    output = network(signals(0))
    # In pretraining what is learnt are the tokens; everything else is learnt from logits.
    parts = [output.logits] + ([output.tokens] if network.core is not network else [])
    torch.stack([part.square().sum() for part in parts]).sum().backward()
    for name, parameter in trained.items():
        assert parameter.grad is not None, f"no gradient reaches {name}: a distributed fit would stop"
        assert torch.isfinite(parameter.grad).all(), name


def test_weights_are_kept_to_the_bit(build, signals):
    network, other = build(0), build(1)
    network.train()(signals(2))  # moves what a batch moves
    network, other = network.eval(), other.eval()
    content = network.dump_weights()
    with torch.no_grad():
        before = network(signals(0)).logits
        other.load_weights(content, "here")
        assert other(signals(0)).logits.equal(before)
    assert other.dump_weights() == content
    with pytest.raises(InputError, match=r"\(here\)") as refused:
        other.load_weights(b"not weights", "here")
    assert "\n" not in str(refused.value)
