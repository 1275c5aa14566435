"""A small text encoder that needs no pretrained weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.head import Head
from medkd.networks.network import Network


class TextEncoder(Network):
    """Word vectors, a transformer over each chunk (or none: a bag of words), then means over words and over chunks.

    Args:
        outputs: number of logits.
        vocabulary: of the tokenizer.
        width: of a word's vector and of the embedding.
        layers: of the transformer; 0 is a bag of words.
        heads: of each layer.
        length: tokens of a chunk, at most, if there are layers.
        dropout: probability in the transformer, and in the head.
        word_dropout: probability that a word is left out in training.

    Shapes: one signal of token ids "batch chunk token" with its mask; logits "batch output", embedding "batch width",
    zero where there is no text at all.

    Source: the mean over chunks: Liang et al. 2026, OC-Distill, arXiv:2604.16878; the bag: Iyyer et al. 2015, deep
    averaging networks.

    >>> ids = Signal(torch.ones(2, 3, 5), torch.zeros(2, 3, 5, dtype=torch.bool))
    >>> TextEncoder(outputs=1, vocabulary=8)({"notes": ids}).embedding.abs().sum().item()
    0.0
    """

    def __init__(
        self,
        outputs: int,
        vocabulary: int = 4096,
        width: int = 64,
        layers: int = 0,
        heads: int = 4,
        length: int = 128,
        dropout: float = 0.3,
        word_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.vocabulary, self.length, self.word_dropout = vocabulary, length, word_dropout
        self.words = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.words.weight, std=width**-0.5)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width)) if layers else None
        layer = (
            nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True, norm_first=True)
            if layers
            else None
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False) if layer is not None else None
        self.head = Head(width, outputs, 0, dropout)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """All chunks of all texts at once; those without a word are left out.

        Raises:
            InputError: the view has other modalities, is not a text, or has ids or a length that this network was not
                made for.
        """
        ids, known = token_ids(signals, type(self).__name__)
        if not torch.compiler.is_exporting() and ids.numel() and int(ids.max()) >= self.vocabulary:
            what = f"token {int(ids.max())} is beyond a vocabulary of {self.vocabulary}"
            raise InputError(
                what, where=type(self).__name__, remedy="Set network.init_args.vocabulary to the tokenizer's"
            )
        if self.encoder is not None and ids.shape[2] > self.length:
            what = f"chunks have {ids.shape[2]} tokens, the network takes {self.length}"
            raise InputError(what, where=type(self).__name__, remedy="Raise network.init_args.length")
        present = known.any(dim=2)
        chunks = self._chunks(ids[present], known[present])
        embedding = mean_of_chunks(chunks, present)
        return Output(logits=self.head(embedding), embedding=embedding)

    def _chunks(self, ids: Tensor, known: Tensor) -> Tensor:
        """Vectors "chunk width" of chunks that have a word."""
        if self.training and self.word_dropout:
            remaining = known & (torch.rand(known.shape, device=known.device) >= self.word_dropout)
            known = torch.where(remaining.any(dim=1, keepdim=True), remaining, known)
        words = self.words(ids)
        if self.encoder is not None and self.positions is not None and (torch.compiler.is_exporting() or len(ids)):
            words = self.encoder(words + self.positions[: ids.shape[1]], src_key_padding_mask=~known)
        weight = known.unsqueeze(2).to(words.dtype)
        mean: Tensor = (words * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        return mean


def token_ids(signals: Mapping[str, Signal], network: str) -> tuple[Tensor, Tensor]:
    """Token ids "batch chunk token" int64, 0 where there is none, and a mask that is True where there is one.

    Raises:
        InputError: the view has other modalities than one text.
    """
    if len(signals) != 1:
        raise InputError(
            f"{network} takes one modality, the view has {len(signals)} ({', '.join(signals)})", remedy="Use SumFusion"
        )
    name, signal = next(iter(signals.items()))
    if signal.values.ndim != 3:
        raise InputError(
            f"{name} is not a text: its samples have {signal.values.ndim - 1} axes, 2 expected",
            where=network,
            remedy="Name notes",
        )
    known = torch.ones_like(signal.values, dtype=torch.bool) if signal.mask is None else signal.mask
    return torch.where(known, signal.values, 0.0).long(), known


def mean_of_chunks(chunks: Tensor, present: Tensor) -> Tensor:
    """The mean of each sample's chunks, "batch width"; zero where it has none.

    Args:
        chunks: "chunk width", of all samples one after the other.
        present: "batch chunk" bool, True for these chunks.

    >>> mean_of_chunks(torch.tensor([[2.0], [4.0]]), torch.tensor([[True, True], [False, False]])).tolist()
    [[3.0], [0.0]]
    """
    owner = present.nonzero()[:, 0]
    total = chunks.new_zeros(present.shape[0], chunks.shape[1]).index_add(0, owner, chunks)
    return total / present.sum(dim=1, keepdim=True).clamp(min=1)
