"""A transformer over hours."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.grids import check_channels, joined
from medkd.networks.heads import Head
from medkd.networks.network import Network


class HourTransformer(Network):
    """A transformer whose tokens are hours (cells): each holds the variables' values and which of them were observed.

    Hours with nothing observed are not attended to; a class token always is, so that an empty window gives finite
    logits.

    Args:
        channels: variables of all modalities together.
        outputs: number of logits.
        cells: of the window, at most.
        width, layers, heads: of the transformer.
        dropout: probability in the transformer and in the head.

    Shapes: signals "batch variable cell" of equal cells, with masks; logits "batch output", embedding "batch width"
    (class token), tokens "batch cell width".

    Raises:
        InputError: the width is no multiple of the heads.

    Source: Vaswani et al. 2017, arXiv:1706.03762; the class token: Devlin et al. 2019, arXiv:1810.04805.

    >>> HourTransformer(channels=3, outputs=1)({"vitals": Signal(torch.zeros(2, 3, 24))}).logits.shape
    torch.Size([2, 1])
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        cells: int = 48,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if width % heads:
            raise InputError(
                f"width {width} is no multiple of heads {heads}", where="HourTransformer", remedy="Change one of them"
            )
        self.channels = channels
        self.embed = nn.Linear(2 * channels, width)
        self.place = nn.Parameter(0.02 * torch.randn(1, cells, width))
        self.summary = nn.Parameter(0.02 * torch.randn(1, 1, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = Head(width, outputs, 0, dropout)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """All hours at once.

        Raises:
            InputError: the window has more cells than the network.
        """
        values, mask = joined(signals)
        check_channels(values.shape[1], self.channels, type(self).__name__)
        cells = values.shape[2]
        if cells > self.place.shape[1]:
            raise InputError(
                f"window has {cells} cells, the network takes {self.place.shape[1]}",
                remedy="Raise network.init_args.cells",
            )
        hours = self.embed(torch.cat([values, mask], dim=1).transpose(1, 2)) + self.place[:, :cells]
        tokens = torch.cat([self.summary.expand(values.shape[0], -1, -1), hours], dim=1)
        silent = nn.functional.pad(mask.sum(dim=1) == 0, (1, 0), value=False)
        encoded = self.encoder(tokens, src_key_padding_mask=silent)
        return Output(logits=self.head(encoded[:, 0]), embedding=encoded[:, 0], tokens=encoded[:, 1:])
