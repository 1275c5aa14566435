"""A transformer whose tokens are the time steps of a grid."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.grids import check_channels, joined
from medkd.networks.head import Head
from medkd.networks.network import Network


class HourTransformer(Network):
    """A transformer whose tokens are time steps (hours): the variables' values and which of them were observed.

    Time steps with nothing observed are not attended to; a class token always is, so that an empty window gives finite
    logits.

    Args:
        channels: variables of all modalities together.
        outputs: number of logits.
        max_steps: time steps of a window, at most.
        width, layers, heads: of the transformer.
        dropout: probability in the transformer and in the head.

    Shapes: signals "batch variable step" with equal numbers of time steps and with masks; logits "batch output",
    embedding "batch width" (class token), tokens "batch step width".

    Raises:
        InputError: the width is not a multiple of the heads.

    Source: Vaswani et al. 2017, arXiv:1706.03762; the class token: Devlin et al. 2019, arXiv:1810.04805.

    >>> HourTransformer(channels=3, outputs=1)({"vitals": Signal(torch.zeros(2, 3, 24))}).logits.shape
    torch.Size([2, 1])
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        max_steps: int = 48,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if width % heads:
            raise InputError(
                f"width {width} is not a multiple of heads {heads}",
                where="HourTransformer",
                remedy="Change one of them",
            )
        self.channels = channels
        self.embed = nn.Linear(2 * channels, width)
        self.position = nn.Parameter(0.02 * torch.randn(1, max_steps, width))
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = Head(width, outputs, 0, dropout)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """All time steps at once.

        Raises:
            InputError: the window has more than ``max_steps`` time steps.
        """
        values, mask = joined(signals)
        check_channels(values.shape[1], self.channels, type(self).__name__)
        steps = values.shape[2]
        if steps > self.position.shape[1]:
            raise InputError(
                f"window has {steps} time steps, the network takes {self.position.shape[1]}",
                remedy="Raise network.init_args.max_steps",
            )
        hours = self.embed(torch.cat([values, mask], dim=1).transpose(1, 2)) + self.position[:, :steps]
        tokens = torch.cat([self.class_token.expand(values.shape[0], -1, -1), hours], dim=1)
        padding = nn.functional.pad(mask.sum(dim=1) == 0, (1, 0), value=False)
        encoded = self.encoder(tokens, src_key_padding_mask=padding)
        return Output(logits=self.head(encoded[:, 0]), embedding=encoded[:, 0], tokens=encoded[:, 1:])
