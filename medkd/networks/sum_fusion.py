"""Fusion of several modalities: the sum of their encoders' embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError, nearest
from medkd.networks.head import Head
from medkd.networks.network import Network


class SumFusion(Network):
    """The sum of each encoder's embedding, on one scale, then a multilayer perceptron.

    A modality that a sample lacks adds nothing.

    Args:
        networks: encoder by modality, or by several joined with ``+`` (``vitals+labs``); their own logits are not used,
            so that their ``outputs`` may be 1.
        outputs: number of logits.
        width: of every encoder's embedding.
        hidden: widths of the perceptron's layers; the last is that of the embedding.
        dropout: probability after each of them.

    Shapes: the signals of all networks; logits "batch output", embedding "batch hidden". A sample that lacks everything
    gives the perceptron's output for zero.

    Raises:
        InputError: there is no network, or a width is not above zero.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878: the teacher, with hidden layers 256 and 128; there
    the embeddings are added as they are.

    >>> from medkd.networks.text_encoder import TextEncoder
    >>> fused = SumFusion({"notes": TextEncoder(1, vocabulary=8, width=4)}, outputs=1, width=4, hidden=[3])
    >>> fused({"notes": Signal(torch.ones(2, 3, 5))}).embedding.shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        networks: dict[str, Network],
        outputs: int,
        width: int = 64,
        hidden: list[int] | None = None,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        widths = [width, *([256, 128] if hidden is None else hidden)]
        if not networks or min(widths) < 1:
            raise InputError(
                f"{len(networks)} networks, widths {widths}",
                where="SumFusion",
                remedy="Give a network, and widths above 0",
            )
        self.width = width
        for network in networks.values():
            # A head that no gradient reaches would stop a distributed fit.
            network.head = nn.Identity()
        self.networks = nn.ModuleDict(networks)
        # Otherwise the encoder whose embeddings start larger outweighs the other, and alone is trained.
        self.scales = nn.ModuleDict({names: nn.LayerNorm(width) for names in networks})
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.mix = nn.Sequential(*layers)
        self.head = Head(widths[-1], outputs)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Encode, add the embeddings of modalities that are present, and mix.

        Raises:
            InputError: the view lacks a modality of a network or has one that none takes, or an embedding has another
                width.
        """
        self._check(signals)
        total: Tensor | int = 0
        for names, network in self.networks.items():
            seen = {name: signals[name] for name in names.split("+")}
            embedding = network(seen).embedding
            if embedding is None or embedding.shape[1] != self.width:
                actual = "no embedding" if embedding is None else f"an embedding of {embedding.shape[1]}"
                what = f"the network of {names} gives {actual}, SumFusion adds those of {self.width}"
                raise InputError(what, where="SumFusion", remedy="Set width of all networks alike")
            total = total + torch.where(present(seen).unsqueeze(1), self.scales[names](embedding), 0.0)
        assert isinstance(total, Tensor)  # noqa: S101 (narrows the type: there is a network)
        mixed = self.mix(total)
        return Output(logits=self.head(mixed), embedding=mixed)

    def _check(self, signals: Mapping[str, Signal]) -> None:
        taken = [name for names in self.networks for name in names.split("+")]
        for name in taken:
            if name not in signals:
                raise InputError(
                    f"a network takes '{name}', the view has {', '.join(signals)}",
                    where="SumFusion",
                    remedy="Add it to the view",
                )
        for name in signals:
            if name not in taken:
                raise InputError(f"no network takes '{name}'", where="SumFusion.networks", remedy=nearest(name, taken))


def present(signals: Mapping[str, Signal]) -> Tensor:
    """Whether each sample has anything observed in any of the signals, "batch" bool.

    >>> present({"a": Signal(torch.zeros(2, 1, 1), torch.tensor([[[True]], [[False]]]))}).tolist()
    [True, False]
    """
    here = [
        torch.ones(signal.values.shape[0], dtype=torch.bool, device=signal.values.device)
        if signal.mask is None
        else signal.mask.flatten(1).any(dim=1)
        for signal in signals.values()
    ]
    return torch.stack(here).any(dim=0)
