"""View: the modalities, channels and hours that one model sees."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medkd.errors import InputError

_PART = re.compile(r"^(?P<modality>[a-z][a-z0-9_]*)(\[(?P<inside>[^\[\]]+)\])?$")
_WINDOW = re.compile(r"^(?P<start>-?\d+(\.\d+)?):(?P<end>-?\d+(\.\d+)?)h$")


@dataclass(frozen=True)
class Part:
    """One modality of a view: its channels and its hours.

    Args:
        modality: its name in the cohort.
        selector: channel names (leads, electrodes, sequences, variables); empty means all.
        window: first and last hour relative to the sample's time zero; None means all.
    """

    modality: str
    selector: tuple[str, ...] = ()
    window: tuple[float, float] | None = None

    def __str__(self) -> str:
        inside = ",".join(self.selector)
        if self.window is not None:
            hours = f"{self.window[0]:g}:{self.window[1]:g}h"
            inside = f"{inside},{hours}" if inside else hours
        return f"{self.modality}[{inside}]" if inside else self.modality


@dataclass(frozen=True)
class View:
    """The view of one model.

    >>> str(View.parse("vitals[0:24h] + labs"))
    'vitals[0:24h] + labs'
    >>> View.parse("ecg[I,II]").parts[0].selector
    ('I', 'II')
    """

    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, text: str) -> View:
        """Read ``modality[channel,channel,start:endh] + ...``.

        Raises:
            InputError: the text is not a view, or names a modality twice.
        """
        parts = [_parse_part(piece.strip(), text) for piece in text.split("+")]
        names = [part.modality for part in parts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                f"view names {', '.join(twice)} twice",
                where=text,
                remedy="Put all its channels in one pair of brackets",
            )
        return cls(tuple(parts))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities seen, in the view's order."""
        return tuple(part.modality for part in self.parts)

    def __str__(self) -> str:
        return " + ".join(str(part) for part in self.parts)


def _parse_part(piece: str, whole: str) -> Part:
    match = _PART.match(piece)
    if not match:
        raise InputError(
            f"'{piece}' is not a view", where=whole, remedy="Write for example ecg[I,II] or vitals[0:24h] + labs"
        )
    selector: list[str] = []
    window: tuple[float, float] | None = None
    for word in filter(None, (word.strip() for word in (match["inside"] or "").split(","))):
        hours = _WINDOW.match(word)
        if hours:
            if window is not None:
                raise InputError(f"'{piece}' names two windows", where=whole, remedy="Name one, e.g. 0:24h")
            window = (float(hours["start"]), float(hours["end"]))
            if window[0] >= window[1]:
                raise InputError(
                    f"window {word} ends before it starts", where=whole, remedy="Write start:end in hours, e.g. 0:24h"
                )
        else:
            selector.append(word)
    if match["inside"] is not None and not selector and window is None:
        # Not "all": brackets that were emptied by mistake would give a student everything.
        raise InputError(
            f"'{piece}' names nothing",
            where=whole,
            remedy=f"Name channels in the brackets, or leave them out: {match['modality']}",
        )
    return Part(match["modality"], tuple(selector), window)
