"""Runtimes of a bundle: torch, from the network's class and weights, or ONNX Runtime, from the graph beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medkd.data.core.instantiate import instantiate
from medkd.deploy.bundle.layout import RUNTIMES
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.errors import InputError, nearest
from medkd.networks.network import Network


def open_network(
    runtime: str, spec: Mapping[str, Any], files: Mapping[str, bytes], trust: Sequence[str], where: str
) -> tuple[Network, bytes]:
    """The network in eval mode without gradients, and the file that it was read from.

    Args:
        runtime: torch or onnx; onnx imports nothing that ``spec`` names.
        spec: ``class_path`` and ``init_args`` of the network.
        files: of the bundle, by name.
        trust: packages whose classes may be named.
        where: the bundle, for messages.

    Raises:
        InputError: there is no such runtime, its file is missing, or it cannot be read.
    """
    if runtime not in RUNTIMES:
        raise InputError(f"no runtime '{runtime}'", where="--runtime", remedy=nearest(runtime, RUNTIMES))
    network: Network = OnnxNetwork() if runtime == "onnx" else instantiate(spec, Network, trust)
    name = network.weights_file
    if name not in files:
        raise InputError(f"file '{name}' is missing", where=where, remedy=_remedy(runtime, files))
    network.load_weights(files[name], f"{where}, {name}")
    return network.eval().requires_grad_(False), files[name]


def _remedy(runtime: str, files: Mapping[str, bytes]) -> str:
    if runtime == "onnx":
        return (
            "Its CARD.md may state why; use --runtime torch, "
            "or write the bundle again with the extra 'deploy' installed"
        )
    if OnnxNetwork.weights_file in files:
        return "Use --runtime onnx: this is a form without the network's own weights"
    return "Copy the bundle again from its source"
