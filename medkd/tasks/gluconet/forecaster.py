"""A small network that forecasts glucose as what it was, a line through the window, and a correction."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.network import Network

SENSOR = "cgm"


class Forecaster(Network):
    """Last value + linear in the window + two hidden layers over everything that is seen, in mg/dL.

    It starts as persistence: both added parts begin at zero. Beside the window of the sensor it takes any other signals
    (insulin, meals), each laid flat with the mask of what is known of it.

    Args:
        numbers: values a sample of each modality, for example ``{cgm: 12, insulin: 84}``.
        outputs: number of forecasts.
        width: of both hidden layers.
        dropout: probability after each of them.
        centre, scale: about the mean and the deviation of glucose, mg/dL, from which a forecast in training units
            becomes one in mg/dL.

    Shapes: ``cgm`` "batch 1 step", scaled; others "batch variable cell"; logits "batch output" in mg/dL, embedding
    "batch width".

    Raises:
        InputError: there is no ``cgm``, or a width is below 1.

    >>> signals = {"cgm": Signal(torch.zeros(2, 1, 12))}
    >>> Forecaster(numbers={"cgm": 12}, outputs=1, centre=140.0)(signals).logits.tolist()
    [[140.0], [140.0]]
    """

    def __init__(
        self,
        numbers: dict[str, int],
        outputs: int,
        width: int = 64,
        dropout: float = 0.1,
        centre: float = 145.0,
        scale: float = 60.0,
    ) -> None:
        super().__init__()
        if SENSOR not in numbers or width < 1:
            raise InputError(
                f"numbers are {numbers}, width {width}",
                where="Forecaster",
                remedy="Name cgm in numbers, give a width of 1 or more",
            )
        self.numbers, self.centre, self.scale = dict(numbers), centre, scale
        seen = numbers[SENSOR] + sum(2 * count for name, count in numbers.items() if name != SENSOR)
        self.line = nn.Linear(numbers[SENSOR], outputs)
        self.body = nn.Sequential(
            nn.Linear(seen, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.correction = nn.Linear(width, outputs)
        for layer in (self.line, self.correction):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Forecasts in mg/dL.

        Raises:
            InputError: the view's modalities or their sizes are others.
        """
        if set(signals) != set(self.numbers):
            raise InputError(
                f"Forecaster takes {', '.join(self.numbers)}; the view has {', '.join(signals)}",
                remedy="Set network.init_args.numbers",
            )
        window = self._flat(SENSOR, signals[SENSOR].values)
        last = window[:, -1:]
        # Levels and changes apart: a rise of 10 mg/dL means the same wherever it starts.
        shape = torch.cat([window[:, :-1] - last, last], dim=1)
        others = [part for name in self.numbers if name != SENSOR for part in self._known(name, signals[name])]
        embedding = self.body(torch.cat([shape, *others], dim=1))
        forecast = last + self.line(shape) + self.correction(embedding)
        return Output(logits=self.centre + self.scale * forecast, embedding=embedding)

    def _known(self, name: str, signal: Signal) -> tuple[Tensor, Tensor]:
        values = self._flat(name, signal.values)
        mask = (
            torch.ones_like(values)
            if signal.mask is None
            else signal.mask.expand_as(signal.values).flatten(1).to(values.dtype)
        )
        return values * mask, mask

    def _flat(self, name: str, values: Tensor) -> Tensor:
        flat = values.flatten(1)
        if flat.shape[1] != self.numbers[name]:
            raise InputError(
                f"Forecaster takes {self.numbers[name]} numbers of {name}, the view gives {flat.shape[1]}",
                remedy=f"Set network.init_args.numbers.{name} to {flat.shape[1]}",
            )
        return flat
