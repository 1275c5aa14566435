"""Networks as graphs: the same logits for any batch, with nothing observed too."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import onnxruntime
import torch

from medkd.data.core.signal import Signal
from medkd.networks.network import Network
from medkd.networks.onnx_graph import inputs_of, strip
from medkd.networks.sum_fusion import SumFusion
from medkd.networks.summary_network import SummaryNetwork
from medkd.networks.text_encoder import TextEncoder


def texts(batch: int, seed: int = 0) -> Signal:
    """Three chunks of nine words; the last chunk is always empty, the first text wholly."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, 3, 9, generator=generator) < 0.7
    mask[:, 2] = False
    mask[0] = False
    ids = torch.randint(0, 16, (batch, 3, 9), generator=generator).float()
    return Signal(ids.masked_fill(~mask, 0.0), mask)


def agrees(network: Network, made: Callable[[int], dict[str, Signal]]) -> None:
    network.eval()
    content = network.onnx_graph(made(3)).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for batch in (1, 2, 7):
        signals = made(batch)
        with torch.inference_mode():
            expected = network(signals).logits
        (found,) = session.run(["logits"], {name: values.numpy() for name, values in inputs_of(signals).items()})
        assert torch.from_numpy(found).allclose(expected, atol=1e-5, rtol=0)
    assert expected.std(dim=0).min() > 1e-4


def test_networks_of_hours(series: Callable[[int], Network], grid: Callable[..., Signal]) -> None:
    agrees(series(0), lambda batch: {"vitals": grid(batch=batch, steps=6, share=0.4 if batch > 1 else 0.0)})


def test_texts_beside_hours(grid: Callable[..., Signal]) -> None:
    torch.manual_seed(0)
    notes = TextEncoder(outputs=1, vocabulary=16, width=8, layers=1, heads=2)
    encoders = {"vitals": SummaryNetwork(numbers=51, outputs=1, width=8), "notes": notes}
    agrees(
        SumFusion(encoders, outputs=2, width=8, hidden=[8]),
        lambda batch: {"vitals": grid(batch=batch), "notes": texts(batch)},
    )


def test_what_is_said_of_its_making_is_taken_out_of_inner_graphs_too() -> None:
    def told(part, word="/home/me/network.py"):
        part.doc_string = word
        part.metadata_props.add(key="stack_trace", value=word)
        return part

    kind = onnx.TensorProto.FLOAT
    flag, out = (
        onnx.helper.make_tensor_value_info("flag", onnx.TensorProto.BOOL, []),
        onnx.helper.make_tensor_value_info("out", kind, [1]),
    )
    one = told(onnx.helper.make_tensor("one", kind, [1], [1.0]))
    branch = told(
        onnx.helper.make_graph([told(onnx.helper.make_node("Identity", ["one"], ["out"]))], "branch", [], [out], [one])
    )
    choice = told(onnx.helper.make_node("If", ["flag"], ["out"], then_branch=branch, else_branch=branch))
    model = told(onnx.helper.make_model(told(onnx.helper.make_graph([choice], "/home/me", [flag], [out]))))
    assert b"/home" in model.SerializeToString()
    strip(model)
    assert b"/home" not in model.SerializeToString()
    onnx.checker.check_model(model)
