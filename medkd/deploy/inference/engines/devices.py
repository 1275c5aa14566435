"""Devices that the network runs on: the CPU, or one or several GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from medkd.errors import InputError

REMEDY = "Write auto, cpu, cuda (every GPU), or GPUs by number: 0,1"


@dataclass(frozen=True)
class Devices:
    """Devices of one kind.

    Args:
        kind: "cpu" or "cuda".
        names: as torch knows them.
    """

    kind: Literal["cpu", "cuda"]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, elsewhere: bool = False) -> Devices:
        """Read ``auto``, ``cpu``, ``cuda`` or numbers of GPUs.

        Args:
            text: what was asked for; ``auto`` is every GPU of this machine, or its CPU if it has none.
            elsewhere: other machines compute, one GPU per worker; this one does not know whether they have any.

        Raises:
            InputError: there is no such device.

        >>> Devices.parse("cpu")
        Devices(kind='cpu', names=('cpu',))
        """
        if text == "cpu":
            return cls("cpu", ("cpu",))
        numbers = text.removeprefix("cuda").lstrip(":").split(",") if text != "auto" else [""]
        if text != "auto" and not (text == "cuda" or all(number.isdecimal() for number in numbers)):
            raise InputError(f"no device '{text}'", where="--devices", remedy=REMEDY)
        if elsewhere and text != "auto":
            if text != "cuda":
                raise InputError(
                    f"'{text}' numbers GPUs, which Ray deals out itself", where="--devices", remedy="Write cuda or cpu"
                )
            return cls("cuda", ("cuda",))
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not there:
            if text == "auto":
                return cls("cpu", ("cpu",))
            raise InputError(
                "this machine has no CUDA device that torch can use", where="--devices", remedy="Use --devices cpu"
            )
        chosen = range(there) if numbers == [""] else sorted({int(number) for number in numbers})
        if absent := [number for number in chosen if number >= there]:
            raise InputError(
                f"no GPU {absent[0]}; this machine has {there}",
                where="--devices",
                remedy=f"Count from 0 to {there - 1}",
            )
        return cls("cuda", tuple(f"cuda:{number}" for number in chosen))
