"""From a network to an ONNX graph that takes a view's signals: one input a modality, and one for its mask."""

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
"""Of the graphs that are written; fixed, so that they do not rise unseen with a newer exporter."""
LOGITS, BATCH = "logits", "batch"
_MASK = "_mask"


def inputs_of(signals: Mapping[str, Signal]) -> dict[str, Tensor]:
    """The inputs of a graph by name: ``NAME`` the values, zero where nothing was observed.

    ``NAME_mask`` where there is a mask.

    >>> list(inputs_of({"vitals": Signal(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3, dtype=torch.bool)), "ecg": Signal(torch.zeros(1, 1))}))
    ['vitals', 'vitals_mask', 'ecg']
    """
    found = {}
    for name, signal in signals.items():
        found[name] = signal.values
        if signal.mask is not None:
            found[name + _MASK] = signal.mask.expand_as(signal.values)
    return found


def traced(
    function: Callable[[Mapping[str, Signal]], Tensor], signals: Mapping[str, Signal], owner: nn.Module, output: str
) -> onnx.ModelProto:
    """What ``function`` makes of signals, as a model of one output whose batch may have any size.

    Args:
        function: from signals to "batch ...".
        signals: an example of two samples or more.
        owner: holds the parameters that ``function`` uses; in eval mode.
        output: name of the output.

    Raises:
        Exception: whatever the exporter meets: a network that it cannot follow.
    """
    given = inputs_of(signals)
    batch = torch.export.Dim(BATCH)
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter warns about its own insides.
        warnings.simplefilter("ignore")
        program = torch.export.export(
            _Positional(function, signals, owner),
            tuple(given.values()),
            dynamic_shapes=(tuple({0: batch} for _ in given),),
            strict=False,
        )
        exported = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, input_names=list(given), output_names=[output], verbose=False
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
    """Take out all that says where and by what a graph was made (stack traces hold local paths).

    And set fixed versions.
    """
    model.producer_name, model.producer_version = "medkd", ""
    model.ir_version = IR_VERSION
    model.graph.name = "medkd"
    _silence(model)
    for function in model.functions:
        _silence(function)
        for node in function.node:
            _silence_node(node)
    _silence_graph(model.graph)


def _silence_graph(graph: onnx.GraphProto) -> None:
    del graph.value_info[:]
    for part in (graph, *graph.input, *graph.output, *graph.initializer):
        _silence(part)
    for node in graph.node:
        _silence_node(node)


def _silence_node(node: onnx.NodeProto) -> None:
    _silence(node)
    for attribute in node.attribute:
        attribute.doc_string = ""
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            _silence_graph(inner)


def _silence(part: Any) -> None:
    part.doc_string = ""
    del part.metadata_props[:]


class _Positional(nn.Module):
    """A function of signals as the exporter wants it: tensors one after the other."""

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
