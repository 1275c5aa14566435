"""Export of a network to an ONNX graph: one input per modality, and one for its mask."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from medkd.data.core.signal import Signal

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 20, 10
"""Versions of the graphs that are written; fixed, so that a newer exporter does not raise them."""
LOGITS, BATCH = "logits", "batch"
_MASK = "_mask"


def inputs_of(signals: Mapping[str, Signal]) -> dict[str, Tensor]:
    """The inputs of a graph by name: ``NAME`` the values, zero where nothing was observed.

    ``NAME_mask`` where there is a mask.

    >>> vitals = Signal(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3, dtype=torch.bool))
    >>> list(inputs_of({"vitals": vitals, "ecg": Signal(torch.zeros(1, 1))}))
    ['vitals', 'vitals_mask', 'ecg']
    """
    inputs = {}
    for name, signal in signals.items():
        inputs[name] = signal.values
        if signal.mask is not None:
            inputs[name + _MASK] = signal.mask.expand_as(signal.values)
    return inputs


def traced(
    function: Callable[[Mapping[str, Signal]], Tensor], signals: Mapping[str, Signal], owner: nn.Module, output: str
) -> onnx.ModelProto:
    """A function of signals as an ONNX model of one output, for batches of any size.

    Args:
        function: from signals to "batch ...".
        signals: an example of two samples or more.
        owner: holds the parameters that ``function`` uses; in eval mode.
        output: name of the output.

    Raises:
        Exception: of the exporter, for a function that it cannot trace.
    """
    inputs = inputs_of(signals)
    batch = torch.export.Dim(BATCH)
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter warns about its own internals.
        warnings.simplefilter("ignore")
        program = torch.export.export(
            _Positional(function, signals, owner),
            tuple(inputs.values()),
            dynamic_shapes=(tuple({0: batch} for _ in inputs),),
            strict=False,
        )
        exported = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, input_names=list(inputs), output_names=[output], verbose=False
        )
    assert exported is not None  # noqa: S101 (narrows the type: it is None for the older exporter alone)
    model = exported.model_proto
    for value in (*model.graph.input, *model.graph.output):
        size = value.type.tensor_type.shape.dim[0]
        if size.dim_param:
            # The exporter's own name for it counts up within a process.
            size.dim_param = BATCH
    return model


def strip(model: onnx.ModelProto) -> None:
    """Remove what tells where and by what a graph was made (stack traces hold local paths), and fix its versions."""
    model.producer_name, model.producer_version = "medkd", ""
    model.ir_version = IR_VERSION
    model.graph.name = "medkd"
    _clear(model)
    for function in model.functions:
        _clear(function)
        for node in function.node:
            _clear_node(node)
    _clear_graph(model.graph)


def _clear_graph(graph: onnx.GraphProto) -> None:
    del graph.value_info[:]
    for part in (graph, *graph.input, *graph.output, *graph.initializer):
        _clear(part)
    for node in graph.node:
        _clear_node(node)


def _clear_node(node: onnx.NodeProto) -> None:
    _clear(node)
    for attribute in node.attribute:
        attribute.doc_string = ""
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            _clear_graph(inner)


def _clear(part: Any) -> None:
    part.doc_string = ""
    del part.metadata_props[:]


class _Positional(nn.Module):
    """A function of signals in the form that the exporter takes: tensors one after the other."""

    def __init__(
        self, function: Callable[[Mapping[str, Signal]], Tensor], signals: Mapping[str, Signal], owner: nn.Module
    ) -> None:
        super().__init__()
        self.owner, self._function = owner, function
        self._masked = {name: (signal.mask is not None, signal.whole) for name, signal in signals.items()}

    def forward(self, *tensors: Tensor) -> Tensor:
        """The tensors in the order of ``inputs_of``."""
        left = iter(tensors)
        signals = {
            name: Signal(next(left), next(left) if masked else None, whole=whole)
            for name, (masked, whole) in self._masked.items()
        }
        return self._function(signals)
