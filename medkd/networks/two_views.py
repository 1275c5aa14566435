"""Pretraining wrapper: two augmented views of each sample for contrastive objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.network import Network


class TwoViews(Network):
    """Passes every training sample twice through a network, each time with other time steps and variables left out.

    After pretraining the wrapped network alone is kept (``core``).

    Args:
        network: over variables and time steps; it gives an embedding.
        outputs: number of logits.
        width: of its embedding.
        shown: modalities that it takes; empty takes all. The others of a view (diagnosis codes) are read by an
            objective.
        hidden, dim: widths of the projection that only pretraining uses.
        jitter: deviation of Gaussian noise on observed values, in their training deviations.
        drop_steps, drop_variables: probability that a time step, and that a variable, is left out of a view.

    Shapes: signals "batch variable step"; logits "batch output" and embedding "batch width" of the first view; in
    training tokens "batch 2 dim", the projections of both.

    Raises:
        InputError: a probability is not below 1, or a deviation below 0.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878, stage 1; the projection: Chen et al. 2020, SimCLR,
    arXiv:2002.05709.
    """

    def __init__(
        self,
        network: Network,
        outputs: int,
        width: int = 64,
        shown: Sequence[str] = (),
        hidden: int = 128,
        dim: int = 64,
        jitter: float = 0.01,
        drop_steps: float = 0.2,
        drop_variables: float = 0.2,
    ) -> None:
        super().__init__()
        if not (0 <= drop_steps < 1 and 0 <= drop_variables < 1 and jitter >= 0):
            what = f"jitter {jitter:g}, drop_steps {drop_steps:g}, drop_variables {drop_variables:g}"
            raise InputError(what, where="TwoViews", remedy="Give jitter of 0 or more, and probabilities below 1")
        self.network, self.shown = network, tuple(shown)
        self.jitter, self.drop_steps, self.drop_variables = jitter, drop_steps, drop_variables
        self.projection = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, dim))

    @property
    def core(self) -> Network:
        """The network that is wrapped."""
        return self.network

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Both views in training, the sample as it is afterwards.

        Raises:
            InputError: the network gives no embedding.
        """
        seen = {name: signal for name, signal in signals.items() if not self.shown or name in self.shown}
        first: Output = self.network(
            {name: self._view(signal) for name, signal in seen.items()} if self.training else seen
        )
        if not self.training:
            return first
        second: Output = self.network({name: self._view(signal) for name, signal in seen.items()})
        if first.embedding is None or second.embedding is None:
            raise InputError(
                f"{type(self.network).__name__} gives no embedding", where="TwoViews", remedy="Use another network"
            )
        tokens = torch.stack([self.projection(first.embedding), self.projection(second.embedding)], dim=1)
        return replace(first, tokens=tokens)

    def _view(self, signal: Signal) -> Signal:
        values = signal.values
        mask = torch.ones_like(values, dtype=torch.bool) if signal.mask is None else signal.mask
        samples, variables, steps = values.shape
        step_kept = torch.rand(samples, 1, steps, device=values.device) >= self.drop_steps
        variable_kept = torch.rand(samples, variables, 1, device=values.device) >= self.drop_variables
        mask = mask & step_kept & variable_kept
        return Signal((values + self.jitter * torch.randn_like(values)) * mask, mask)
