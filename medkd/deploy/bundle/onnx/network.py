"""Network that ONNX Runtime computes from a bundle's graph, without the network's own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.network import Network
from medkd.networks.onnx_graph import LOGITS, inputs_of

if TYPE_CHECKING:
    import onnx

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class OnnxNetwork(Network):
    """The graph in ``model.onnx``, on the CPU or, after ``to("cuda")`` and where ONNX Runtime can, on a CUDA device.

    It uses as many threads as torch was given, and kernels that give the same bits in every run.

    Shapes: signals as the network that it was made from; logits "batch output", float32, on the CPU. It has no
    embedding.
    """

    weights_file: ClassVar[str] = "model.onnx"

    def __init__(self) -> None:
        super().__init__()
        self._content = b""
        self._session: Any = None

    def load_weights(self, content: bytes, where: object) -> None:
        """Open a graph.

        Raises:
            InputError: it is not a graph that ONNX Runtime can run, or one that reads other files.
            ModuleNotFoundError: onnx or onnxruntime is not installed.
        """
        import onnx
        import onnxruntime  # noqa: F401 (missing, it is to be reported as that)

        remedy = "Copy the bundle again from its source"
        try:
            model = onnx.load_model_from_string(content)
            if _reads_outside(model):
                raise InputError(
                    "the graph keeps weights in another file",
                    where=where,
                    remedy="Export it again with its weights inside",
                )
            self._open(content, [CPU])
        except InputError:
            raise
        except Exception as error:
            # What protobuf and onnxruntime raise has no base of its own.
            raise InputError(
                "the graph cannot be opened: it is damaged, or of an ONNX that this onnxruntime does not know",
                where=where,
                remedy=remedy,
            ) from error
        if LOGITS not in [output.name for output in self._session.get_outputs()]:
            raise InputError(f"the graph has no output '{LOGITS}'", where=where, remedy=remedy)

    def dump_weights(self) -> bytes:
        """The graph, as it was read."""
        return self._content

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Run the graph.

        Raises:
            InputError: the view has other modalities than the graph.
        """
        inputs = inputs_of(signals)
        wanted = [taken.name for taken in self._session.get_inputs()]
        if lacking := [name for name in wanted if name not in inputs]:
            raise InputError(
                f"the graph takes {', '.join(wanted)}, the view gives {', '.join(inputs)}",
                where=self.weights_file,
                remedy=f"Give {lacking[0]}",
            )
        feed = {name: np.ascontiguousarray(inputs[name].detach().cpu().numpy()) for name in wanted}
        (logits,) = self._session.run([LOGITS], feed)
        return Output(logits=torch.from_numpy(logits))

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same network with its graph opened for another device.

        A CUDA device that ONNX Runtime cannot use leaves it on the CPU.
        """
        device = torch.device(*args[:1]) if args and isinstance(args[0], str | torch.device) else kwargs.get("device")
        if device is None:
            return self
        import onnxruntime

        wanted = torch.device(device)
        if wanted.type == "cuda" and CUDA in onnxruntime.get_available_providers():
            self._open(self._content, [(CUDA, {"device_id": wanted.index or 0}), CPU])
        elif self.device != "cpu":
            self._open(self._content, [CPU])
        return self

    @property
    def device(self) -> str:
        """The device that computes: "cuda" or "cpu"."""
        return "cuda" if CUDA in self._session.get_providers() else "cpu"

    def _open(self, content: bytes, providers: list[Any]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(content, options, providers=providers)
        self._content = content


def _reads_outside(model: onnx.ModelProto) -> bool:
    """Whether a graph keeps weights in another file, by a path.

    Ours holds them, and nothing outside a bundle is read.
    """
    graphs = [model.graph, *model.functions]
    return any(
        tensor.data_location == tensor.EXTERNAL or tensor.external_data
        for graph in graphs
        for tensor in _tensors(graph)
    )


def _tensors(graph: Any) -> Iterator[Any]:
    """Every constant of a graph (or of a function, which has none of its own) and of the graphs inside it."""
    if hasattr(graph, "initializer"):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)
