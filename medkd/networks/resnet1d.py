"""xResNet1d: a residual network over waveforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError, nearest
from medkd.networks.head import Head
from medkd.networks.network import Network, only_signal

VariantName = Literal["small", "xresnet1d50", "xresnet1d101"]


@dataclass(frozen=True)
class Variant:
    """The dimensions of a network: see the arguments of ``ResNet1d`` of the same names."""

    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    stem: tuple[int, int, int]
    kernel_size: int
    bottleneck: bool
    max_pool: bool
    hidden: int
    dropout: float
    bins: int


VARIANTS: Mapping[str, Variant] = {
    "small": Variant((1, 1, 1, 1), (16, 32, 64, 64), (16, 16, 16), 5, False, False, 0, 0.3, 0),
    "xresnet1d50": Variant((3, 4, 6, 3), (64, 64, 64, 64), (32, 32, 64), 5, True, True, 128, 0.5, 0),
    "xresnet1d101": Variant((3, 4, 23, 3), (64, 64, 64, 64), (32, 32, 64), 5, True, True, 128, 0.5, 0),
}
EXPANSION = 4
"""How much wider the outside of a bottleneck block is than its inside."""


class ResNet1d(Network):
    """A stem of three convolutions, residual stages with an averaged shortcut, mean and maximum pooled together.

    The last BatchNorm of each block starts at zero, so that the network starts shallow. ``xresnet1d50`` and
    ``xresnet1d101`` have the dimensions of the PTB-XL benchmark, where the head also has BatchNorm (see ``Head``).
    ``small`` is for a CPU and a few hundred samples: 64 one-lead records of 1,000 samples take about a twentieth of a
    second, forward and backward, on one core.

    Args:
        channels: leads (channels) of the one modality that it sees.
        outputs: number of logits.
        variant: small · xresnet1d50 · xresnet1d101; what follows replaces the variant's own value, null keeps it.
        blocks: residual blocks in each stage; stages after the first halve the time axis.
        widths: width of each stage inside its blocks.
        stem: widths of the three convolutions before them.
        kernel_size: of every convolution in time, odd.
        bottleneck: blocks of 1-k-1 convolutions, four times wider outside, instead of k-k.
        max_pool: halve the time axis after the stem by its maximum; if not, the stem's second convolution strides,
            which is a third faster on a CPU.
        hidden: width of the head's hidden layer; 0 leaves it out.
        dropout: probability in the head, 0 to below 1.
        bins: keep so many positions in time apart in the embedding (for aligned signals such as median beats); 0 pools
            them all.

    Shapes: signal "batch channel time" in any unit; logits "batch output", embedding "batch dim" (mean and maximum of
    the last stage: ``embedding_dim``), features ``stage1`` … "batch channel time".

    Raises:
        InputError: a name or a dimension that it cannot be built with.

    Source: Strodthoff et al. 2020, Deep Learning for ECG Analysis, arXiv:2004.13701; He et al. 2019, arXiv:1812.01187.

    >>> net = ResNet1d(channels=1, outputs=5)
    >>> net({"ecg": Signal(torch.zeros(2, 1, 500))}).logits.shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        variant: VariantName = "small",
        blocks: list[int] | None = None,
        widths: list[int] | None = None,
        stem: list[int] | None = None,
        kernel_size: int | None = None,
        bottleneck: bool | None = None,
        max_pool: bool | None = None,
        hidden: int | None = None,
        dropout: float | None = None,
        bins: int | None = None,
    ) -> None:
        super().__init__()
        chosen = {
            "blocks": blocks,
            "widths": widths,
            "stem": stem,
            "kernel_size": kernel_size,
            "bottleneck": bottleneck,
        }
        size = dimensions(variant, {**chosen, "max_pool": max_pool, "hidden": hidden, "dropout": dropout, "bins": bins})
        self.channels = channels
        expansion = EXPANSION if size.bottleneck else 1
        ends = (channels, *size.stem)
        strides = (2, 1, 1) if size.max_pool else (2, 2, 1)
        self.stem = nn.Sequential(*(_convolution(ends[i], ends[i + 1], size.kernel_size, strides[i]) for i in range(3)))
        if size.max_pool:
            self.stem.append(nn.MaxPool1d(3, stride=2, padding=1))
        stages: dict[str, nn.Module] = {}
        inside = size.stem[-1]
        for i, (count, width) in enumerate(zip(size.blocks, size.widths, strict=True)):
            outside = width * expansion
            first = ResidualBlock(inside, width, outside, size.kernel_size, 2 if i else 1, size.bottleneck)
            others = (
                ResidualBlock(outside, width, outside, size.kernel_size, 1, size.bottleneck) for _ in range(count - 1)
            )
            stages[f"stage{i + 1}"] = nn.Sequential(first, *others)
            inside = outside
        self.stages = nn.ModuleDict(stages)
        self.bins = size.bins
        self.embedding_dim = inside * (size.bins or 2)
        self.head = Head(self.embedding_dim, outputs, size.hidden, size.dropout)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Signals by modality, "batch channel time", to logits, embedding and the stages' maps."""
        signal = only_signal(signals, self.channels, "ResNet1d")
        values = signal.values if signal.mask is None else torch.where(signal.mask, signal.values, 0)
        x: Tensor = self.stem(values)
        features: dict[str, Tensor] = {}
        for name, stage in self.stages.items():
            x = features[name] = stage(x)
        if self.bins:
            embedding = functional.adaptive_avg_pool1d(x, self.bins).flatten(1)
        else:
            embedding = torch.cat([x.mean(dim=-1), x.amax(dim=-1)], dim=1)
        return Output(self.head(embedding), embedding=embedding, features=features)


class ResidualBlock(nn.Module):
    """Convolutions beside a shortcut that is averaged over time where they stride, and widened where they widen.

    Args:
        channels: width of the input.
        width: width inside.
        outside: width of the output.
        kernel_size: odd.
        stride: 1, or 2 to halve the time axis (rounded up).
        bottleneck: 1-k-1 convolutions instead of k-k.
    """

    def __init__(
        self, channels: int, width: int, outside: int, kernel_size: int, stride: int, bottleneck: bool
    ) -> None:
        super().__init__()
        last = _convolution(width, outside, 1 if bottleneck else kernel_size, activation=False)
        if bottleneck:
            self.path = nn.Sequential(
                _convolution(channels, width, 1), _convolution(width, width, kernel_size, stride), last
            )
        else:
            self.path = nn.Sequential(_convolution(channels, width, kernel_size, stride), last)
        nn.init.zeros_(last.get_parameter("1.weight"))
        shortcut: list[nn.Module] = []
        if stride > 1:
            shortcut.append(nn.AvgPool1d(stride, ceil_mode=True))
        if channels != outside:
            shortcut.append(_convolution(channels, outside, 1, activation=False))
        self.shortcut = nn.Sequential(*shortcut)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """A map "batch channel time" to one "batch outside time/stride"."""
        out: Tensor = self.activation(self.path(x) + self.shortcut(x))
        return out


def dimensions(variant: str, changes: Mapping[str, Any]) -> Variant:
    """A variant's dimensions, with those of ``changes`` that are not None in their place.

    Raises:
        InputError: there is no such variant, or a dimension is out of range.
    """
    if variant not in VARIANTS:
        raise InputError(f"no variant '{variant}'", where="ResNet1d", remedy=nearest(variant, VARIANTS))
    replaced: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in changes.items() if value is not None
    }
    size = replace(VARIANTS[variant], **replaced)
    if not size.blocks or len(size.blocks) != len(size.widths) or min(*size.blocks, *size.widths) < 1:
        raise InputError(
            f"blocks {list(size.blocks)} and widths {list(size.widths)} do not match",
            where="ResNet1d",
            remedy="Give one of each per stage",
        )
    if len(size.stem) != 3:
        raise InputError(f"stem has {len(size.stem)} widths", where="ResNet1d", remedy="Give three")
    if size.kernel_size < 1 or size.kernel_size % 2 == 0:
        raise InputError(f"kernel_size is {size.kernel_size}", where="ResNet1d", remedy="Give an odd number, e.g. 5")
    if size.bins < 0:
        raise InputError(
            f"bins is {size.bins}", where="ResNet1d", remedy="Give 0 to pool all positions, or a number of them"
        )
    if not 0 <= size.dropout < 1:
        raise InputError(f"dropout is {size.dropout}", where="ResNet1d", remedy="Give a probability below 1, e.g. 0.3")
    return size


def _convolution(
    channels: int, outputs: int, kernel_size: int, stride: int = 1, activation: bool = True
) -> nn.Sequential:
    convolution = nn.Conv1d(channels, outputs, kernel_size, stride, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return nn.Sequential(convolution, nn.BatchNorm1d(outputs), *([nn.ReLU(inplace=True)] if activation else []))
