"""Network: the base class of every model, from a view's signals to an output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import safetensors.torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.onnx_graph import LOGITS, traced

if TYPE_CHECKING:
    import onnx


class Network(nn.Module, ABC):
    """A network over the signals of one view.

    Its constructor takes plain values and ``outputs``, the number of logits.
    """

    weights_file: ClassVar[str] = "model.safetensors"
    """Name of the file that its weights are kept in."""

    @abstractmethod
    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Signals by modality, "batch channel ...", to logits "batch output" and its other outputs."""

    @property
    def core(self) -> Network:
        """The network that is kept when pretraining is over: itself, or the one that it wraps."""
        return self

    def onnx_graph(self, signals: Mapping[str, Signal]) -> onnx.ModelProto:
        """The network in eval mode as an ONNX model.

        Inputs as ``medkd.networks.onnx_graph.inputs_of`` names them, output ``logits``.

        Args:
            signals: an example of two samples or more, of the shapes and with the masks that it will be given.

        Raises:
            Exception: of the exporter, for a network that it cannot trace.
        """
        return traced(lambda batch: self(batch).logits, signals, self, LOGITS)

    def dump_weights(self) -> bytes:
        """Its weights, as the file holds them."""
        return safetensors.torch.save({name: value.contiguous() for name, value in self.state_dict().items()})

    def load_weights(self, content: bytes, where: object) -> None:
        """Take the weights that ``dump_weights`` gave.

        Raises:
            InputError: they are damaged, or those of another network.
        """
        try:
            self.load_state_dict(safetensors.torch.load(content), strict=True)
        except (RuntimeError, ValueError, safetensors.SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"weights do not fit the network: {reason[:200]}", where=where, remedy="Copy the folder again"
            ) from error


def only_signal(signals: Mapping[str, Signal], channels: int, network: str) -> Signal:
    """The one signal of a single-modality network.

    Raises:
        InputError: the view has several modalities, or another number of channels than the network.
    """
    if len(signals) != 1:
        raise InputError(
            f"{network} takes one modality, the view has {len(signals)} ({', '.join(signals)})",
            remedy="Use a fusion network",
        )
    name, signal = next(iter(signals.items()))
    if signal.values.shape[1] != channels:
        raise InputError(
            f"{network} takes {channels} channels, the view of {name} has {signal.values.shape[1]}",
            remedy=f"Set network.init_args.channels to {signal.values.shape[1]}",
        )
    return signal
