"""A pretrained language model over notes, such as Bio_ClinicalBERT, from a folder on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.extras import remedy_for
from medkd.networks.head import Head
from medkd.networks.network import Network
from medkd.networks.text_encoder import mean_of_chunks, token_ids


class LanguageModel(Network):
    """Every chunk through a pretrained transformer.

    A text is the mean of its chunks' first vectors (CLS), projected to ``width``.

    Args:
        folder: that holds ``config.json`` and the weights; nothing is downloaded, and pickled weights are read as
            tensors only.
        outputs: number of logits.
        width: of the embedding; 0 keeps the model's own and projects nothing.
        trained_layers: of the transformer that are trained, counted from the last; -1 trains all of the model.
        dropout: probability in the head.

    Shapes: one signal of token ids "batch chunk token" with its mask, by the same model's tokenizer; logits "batch
    output", embedding "batch width", zero before projection where there is no text at all.

    Raises:
        InputError: transformers is not installed, or the folder holds no model that it can read.

    Source: Alsentzer et al. 2019, Publicly available clinical BERT embeddings, arXiv:1904.03323; the mean of the CLS
    vectors of all chunks: Liang et al. 2026, OC-Distill, arXiv:2604.16878.
    """

    def __init__(
        self, folder: str, outputs: int, width: int = 0, trained_layers: int = -1, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.model = _pretrained(folder)
        if isinstance(pooler := getattr(self.model, "pooler", None), nn.Module):
            # Its output is not used: parameters that no gradient reaches would stop a distributed fit.
            pooler.requires_grad_(False)
        hidden = int(self.model.config.hidden_size)
        self.project = nn.Linear(hidden, width) if width else nn.Identity()
        self.head = Head(width or hidden, outputs, 0, dropout)
        if trained_layers >= 0:
            self.model.requires_grad_(False)
            for layer in _layers(self.model, folder)[-trained_layers:] if trained_layers else []:
                layer.requires_grad_(True)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """All chunks that have a token, at once.

        Raises:
            InputError: the view is not a text, or has ids or a length that the model was not made for.
        """
        ids, known = token_ids(signals, type(self).__name__)
        config = self.model.config
        if ids.numel() and int(ids.max()) >= config.vocab_size:
            what = f"token {int(ids.max())} is beyond the model's vocabulary of {config.vocab_size}"
            raise InputError(what, where=type(self).__name__, remedy="Set the tokenizer of notes to the model's folder")
        if ids.shape[2] > config.max_position_embeddings:
            what = f"chunks have {ids.shape[2]} tokens, the model takes {config.max_position_embeddings}"
            raise InputError(what, where=type(self).__name__, remedy="Lower the length of notes")
        present = known.any(dim=2)
        first = ids.new_zeros((0, int(config.hidden_size)), dtype=torch.float32)
        if bool(present.any()):
            first = self.model(input_ids=ids[present], attention_mask=known[present].long()).last_hidden_state[:, 0]
        embedding = self.project(mean_of_chunks(first, present))
        return Output(logits=self.head(embedding), embedding=embedding)


def _pretrained(folder: str) -> Any:
    if not (Path(folder) / "config.json").is_file():
        raise InputError(
            "no pretrained model here", where=folder, remedy="Give a folder with config.json and model.safetensors"
        )
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise InputError(
            "transformers is not installed", where="LanguageModel", remedy=remedy_for("transformers")
        ) from error
    try:
        return AutoModel.from_pretrained(folder, local_files_only=True, trust_remote_code=False, weights_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise InputError(
            f"the model cannot be read: {first[:200]}", where=folder, remedy="Copy the published folder again"
        ) from error


def _layers(model: Any, folder: str) -> nn.ModuleList:
    layers = getattr(getattr(model, "encoder", model), "layer", None)
    if not isinstance(layers, nn.ModuleList):
        what = f"{type(model).__name__} has no known list of layers"
        raise InputError(what, where=folder, remedy="Set trained_layers to -1")
    return layers
