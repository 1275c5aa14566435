from __future__ import annotations

import numpy as np
import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.resnet1d import ResNet1d

VARIANTS = ["small", "xresnet1d50", "xresnet1d101"]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def ecg(n=4, channels=1, samples=300):
    return {"ecg": Signal(torch.randn(n, channels, samples))}


@pytest.mark.parametrize("variant", VARIANTS)
def test_shapes(variant):
    net = ResNet1d(channels=12, outputs=5, variant=variant)
    out = net(ecg(3, 12, 250))
    assert out.logits.shape == (3, 5)
    assert out.embedding.shape == (3, net.embedding_dim)
    assert list(out.features) == [f"stage{i + 1}" for i in range(4)]
    lengths = [maps.shape[-1] for maps in out.features.values()]
    assert lengths == [63, 32, 16, 8]
    assert out.embedding.shape[1] == 2 * out.features["stage4"].shape[1]


def test_published_measures():
    net = ResNet1d(channels=12, outputs=5, variant="xresnet1d101")
    assert [len(stage) for stage in net.stages.values()] == [3, 4, 23, 3]
    convolutions = [part for part in net.modules() if isinstance(part, torch.nn.Conv1d)]
    # 101 counts the convolutions of a ResNet with one in its stem and the last linear layer; xResNet has three, and
    # shortcuts of its own.
    assert len([c for c in convolutions if "shortcut" not in _name(net, c)]) == 3 + 3 * 33
    assert [c.out_channels for c in convolutions[:3]] == [32, 32, 64]
    assert net(ecg(2, 12, 250)).features["stage4"].shape[1] == 256


def _name(net, module):
    return next(name for name, other in net.named_modules() if other is module)


@pytest.mark.parametrize("variant", ["small", "xresnet1d50"])
def test_every_parameter_moves(variant):
    net = ResNet1d(channels=2, outputs=3, variant=variant, dropout=0.0)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(4):
        optimiser.zero_grad()
        net(ecg(8, 2)).logits.square().mean().backward()
        assert all(p.grad is not None for p in net.parameters())
        optimiser.step()
    still = [name for name, p in net.named_parameters() if torch.equal(p, before[name])]
    assert not still


def test_blocks_start_as_their_shortcut():
    net = ResNet1d(channels=1, outputs=1).eval()
    block = net.stages["stage1"][0]
    x = torch.randn(2, 16, 40).abs()
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize("samples", [1, 7, 33, 1000])
@pytest.mark.parametrize("variant", ["small", "xresnet1d50"])
def test_any_length(variant, samples):
    out = ResNet1d(channels=1, outputs=1, variant=variant).eval()(ecg(2, 1, samples))
    assert torch.isfinite(out.logits).all()


def test_batch_of_one_trains():
    net = ResNet1d(channels=1, outputs=1, hidden=8)
    net(ecg(1)).logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_unobserved_samples_cannot_be_seen():
    net = ResNet1d(channels=1, outputs=1).eval()
    mask = torch.ones(2, 1, 300, dtype=torch.bool)
    mask[:, :, 200:] = False
    one, other = torch.randn(2, 2, 1, 300)
    other[..., :200] = one[..., :200]
    other[..., 200:] = float("nan")
    torch.testing.assert_close(net({"ecg": Signal(one, mask)}).logits, net({"ecg": Signal(other, mask)}).logits)


def test_rows_are_independent_when_deployed():
    net = ResNet1d(channels=1, outputs=2).eval()
    signals = ecg(5)
    whole = net(signals).logits
    single = torch.cat([net({"ecg": Signal(signals["ecg"].values[[i]])}).logits for i in range(5)])
    torch.testing.assert_close(whole, single, rtol=1e-5, atol=1e-6)


def test_learns_what_a_rhythm_is():
    # Two classes that differ in the rate of a spike alone, at a random phase: 48 to learn from, others to be asked
    # about.
    generator = np.random.default_rng(0)

    def draw(n):
        labels = np.arange(n) % 2
        x = 0.3 * generator.standard_normal((n, 1, 400))
        for row, label in zip(x, labels, strict=True):
            row[0, generator.integers(40) :: 40 if label else 60] += 3
        return torch.tensor(x, dtype=torch.float32), torch.tensor(labels, dtype=torch.float32)[:, None]

    net = ResNet1d(channels=1, outputs=1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2)
    x, y = draw(48)
    for _ in range(15):
        for rows in torch.randperm(48).split(16):
            optimiser.zero_grad()
            logits = net({"ecg": Signal(x[rows])}).logits
            torch.nn.functional.binary_cross_entropy_with_logits(logits, y[rows]).backward()
            optimiser.step()
    x, y = draw(64)
    with torch.no_grad():
        right = (net.eval()({"ecg": Signal(x)}).logits > 0) == (y > 0)
    assert right.float().mean() > 0.9


def test_compiles():
    net = ResNet1d(channels=1, outputs=1).eval()
    signals = ecg()
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)(signals)
    torch.testing.assert_close(compiled.logits, net(signals).logits)


class _Logits(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net({"ecg": Signal(x)}).logits


@pytest.mark.parametrize(
    ("variant", "blocks", "samples"), [("small", [1, 1, 1, 1], 301), ("xresnet1d50", [1, 2, 1], 250)]
)
def test_exports_to_onnx(variant, blocks, samples, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra 'deploy'")
    pytest.importorskip("onnxscript", reason="needs the extra 'deploy'")
    net = ResNet1d(channels=2, outputs=3, variant=variant, blocks=blocks, widths=[64] * len(blocks))
    net(ecg(8, 2, samples))
    x = torch.randn(4, 2, samples)
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        _Logits(net).eval(), (x,), tmp_path / "net.onnx", dynamic_shapes=({0: batch},), dynamo=True, verbose=False
    )
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    x = torch.randn(5, 2, samples)
    (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(got, net({"ecg": Signal(x)}).logits.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "xresnet1d5"}, "Did you mean 'xresnet1d50'"),
        ({"blocks": [1, 1]}, "one of each per stage"),
        ({"stem": [8, 8]}, "Give three"),
        ({"kernel_size": 4}, "odd"),
        ({"dropout": 1.0}, "below 1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        ResNet1d(channels=1, outputs=1, **arguments)


def test_refuses_another_view():
    with pytest.raises(InputError, match="channels to 12"):
        ResNet1d(channels=1, outputs=1)(ecg(2, 12))


def test_own_measures():
    net = ResNet1d(
        1,
        1,
        variant="xresnet1d50",
        blocks=[1, 2],
        widths=[8, 12],
        stem=[4, 4, 8],
        kernel_size=3,
        bottleneck=False,
        max_pool=False,
    )
    assert net(ecg()).embedding.shape == (4, 24)
