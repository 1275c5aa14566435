"""Export to ``model.onnx``: the network as a graph, written only where its logits are the network's."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import numpy as np
import torch
from numpy.typing import NDArray

from medkd.data.core.signal import Signal, observed
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.errors import InputError, MedkdError
from medkd.networks.network import Network
from medkd.networks.onnx_graph import LOGITS, OPSET, inputs_of, strip

TOLERANCE = 1e-5
"""Largest allowed distance of a graph's logits from the network's.

Of a logit beyond 1 it is a share, since float32 holds seven digits.
"""
_TRIED = (1, 2, 5)
"""Batch sizes that a graph is compared on."""


def export(network: Network, preprocessing: Preprocessing) -> tuple[bytes | None, str]:
    """The graph's bytes, the same for the same network, and a line about it.

    None and the reason where there can be none.
    """
    try:
        content = to_onnx(network, preprocessing)
    except ModuleNotFoundError as error:
        return None, f"not exported: package '{error.name}' is not installed"
    except MedkdError as error:
        return None, f"not exported: {error.what}"
    return content, f"opset {OPSET}; on made inputs within {TOLERANCE:g} of the network's logits"


def to_onnx(network: Network, preprocessing: Preprocessing) -> bytes:
    """The graph's bytes.

    Args:
        network: in eval mode, with its weights.
        preprocessing: says what it sees.

    Raises:
        InputError: the network cannot be followed, its batch cannot have any size, or the graph gives other logits.
        ModuleNotFoundError: onnx, onnxscript or onnxruntime is not installed.
    """
    import onnx
    import onnxruntime  # noqa: F401 (what cannot be compared is not written)
    import onnxscript  # noqa: F401 (torch needs it to export)

    example = made_signals(preprocessing, 3, seed=0)
    with _quiet():
        try:
            model = network.onnx_graph(example)
            strip(model)
            onnx.checker.check_model(model)
        except MedkdError:
            raise
        except Exception as error:
            # Whatever torch's exporter meets in a network's own code; its message is pages long and full of local
            # paths.
            what = f"{type(network).__name__} cannot be exported to ONNX ({type(error).__name__})"
            raise InputError(what, where=OnnxNetwork.weights_file, remedy="Give it an onnx_graph of its own") from error
    graph = model.graph
    for value in (*graph.input, *graph.output):
        if not value.type.tensor_type.shape.dim[0].dim_param:
            raise InputError(
                f"the batch of '{value.name}' has a fixed size",
                where=OnnxNetwork.weights_file,
                remedy="Use shape[0], not len()",
            )
    if [value.name for value in graph.input] != list(inputs_of(example)) or [value.name for value in graph.output] != [
        LOGITS
    ]:
        raise InputError(
            "the graph's inputs or outputs have other names", where=OnnxNetwork.weights_file, remedy="See onnx_graph"
        )
    content: bytes = model.SerializeToString(deterministic=True)
    if (apart := difference_on_made(network, content, preprocessing)) > TOLERANCE:
        raise InputError(
            f"the graph's logits lie {apart:.1e} from the network's", where=OnnxNetwork.weights_file, remedy="Report it"
        )
    return content


def difference_on_made(network: Network, content: bytes, preprocessing: Preprocessing) -> float:
    """The largest ``difference`` between a network and its graph over several batches of made signals."""
    graph = OnnxNetwork()
    graph.load_weights(content, OnnxNetwork.weights_file)
    distances = []
    with torch.inference_mode():
        for size in _TRIED:
            signals = made_signals(preprocessing, size, seed=size)
            expected, actual = (form(signals).logits.double().numpy() for form in (network, graph))
            distances.append(difference(expected, actual))
    return max(distances)


def difference(expected: NDArray[np.float64], actual: NDArray[np.float64]) -> float:
    """The largest distance between logits "sample output", as a share of those beyond 1.

    Infinite where one is NaN or shapes differ.

    >>> difference(np.array([[0.5], [200.0]]), np.array([[0.5], [200.002]])) < 1.1e-5
    True
    """
    if expected.shape != actual.shape:
        return float("inf")
    apart = np.abs(expected - actual) / np.maximum(1, np.abs(expected))
    return float("inf") if np.isnan(apart).any() else float(apart.max(initial=0.0))


def made_signals(preprocessing: Preprocessing, samples: int, seed: int) -> Mapping[str, Signal]:
    """Signals as the network is given them, of random numbers.

    Where cells may be unobserved half are, and all of the first sample's.
    """
    generator = torch.Generator().manual_seed(seed)
    signals = {}
    for part in preprocessing.view.parts:
        modality = preprocessing.modalities[part.modality]
        shape = (samples, *modality.shape(part))
        values = torch.randn(shape, generator=generator)
        if not modality.traits.measured:
            # Token ids and indicators: zero and one are both, whatever the vocabulary.
            values = (values > 0).float()
        if modality.traits.partial:
            values = values.masked_fill(torch.rand(shape, generator=generator) < 0.5, torch.nan)
            values[0] = torch.nan
        present = torch.ones(samples, dtype=torch.bool)
        signals[part.modality] = observed(values, present, partial=modality.traits.partial)
    return signals


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's report on what it cannot export: pages of code."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
