"""The record, drawn large: one kind of signal at a time, with the attribution over it when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from medkd.app.figures.attribution import CAUTION
from medkd.app.figures.figure import describe, figure_of
from medkd.app.figures.palette import readable
from medkd.app.pages.context import Desk
from medkd.app.pages.event import Updates
from medkd.app.pages.markup import markup, pane
from medkd.app.pages.plot import plot_data
from medkd.data.core.display import Display, Passage, Strip
from medkd.errors import MedkdError

_WHOLE, _PAGE = 12.5, 10
"""Seconds of a recording that stand on one sheet (see ``medkd.app.figures.sheet``).

And from sheet to sheet of a longer one.
"""


class SignalView:
    """What the record holds, in the column that it is called in.

    Args:
        desk: whose cases.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        names = desk.bundle.target.names
        with gr.Row(elem_id="views"):
            self._kind = gr.Radio([], show_label=False, visible=False, elem_id="kind", container=False)
            self._explain = gr.Checkbox(
                label="Attribution", visible=False, elem_id="explain", container=False, scale=0, min_width=130
            )
            self._of = gr.Dropdown(
                list(names),
                value=names[0],
                visible=False,
                show_label=False,
                container=False,
                filterable=False,
                elem_id="of",
            )
            self._start = gr.Dropdown(
                [("from 0 s", 0)],
                value=0,
                visible=False,
                show_label=False,
                container=False,
                filterable=False,
                elem_id="start",
            )
            self._later = gr.Checkbox(
                label="What came after the prediction",
                visible=False,
                elem_id="later",
                container=False,
                scale=0,
                min_width=240,
            )
        self._caution = pane()
        self._figure = gr.Plot(show_label=False, container=False, visible=False, elem_id="figure")
        self._words = pane()
        self.controls: set[gr.blocks.Block] = {self._kind, self._explain, self._of, self._start, self._later}
        self.changes = [control.input for control in (self._kind, self._explain, self._of, self._start, self._later)]
        self.parts = [*self.controls, self._caution, self._figure, self._words]

    def opened(self, case: int, width: int, *, seen: bool) -> Updates:
        """A case's first kind of signal, without attribution.

        Args:
            case: its number.
            width: pixels there are.
            seen: whether the reader may see model output of this case.
        """
        displays = self._displays(case, later=False)
        kinds = [(readable(display.modality), display.modality) for display in displays]
        first = displays[0] if displays else None
        long = max((display.seconds for display in displays if isinstance(display, Strip)), default=0.0)
        starts = (
            [(f"from {second} s", second) for second in range(0, int(long), _PAGE)]
            if long > _WHOLE
            else [("from 0 s", 0)]
        )
        return {
            self._kind: gr.update(choices=kinds, value=first.modality if first else None, visible=len(kinds) > 1),
            self._start: gr.update(choices=starts, value=0, visible=len(starts) > 1),
            **self.allowed(seen),
            **self._shown(first, case, width, None, 0),
        }

    def allowed(self, seen: bool) -> Updates:
        """Controls for what waits for the reader's own reading.

        Attribution is model output, and what came later may tell the outcome.
        """
        return {
            self._explain: gr.update(visible=seen, value=False),
            self._of: gr.update(visible=seen and len(self._desk.bundle.target.names) > 1),
            self._later: gr.update(visible=seen and self._desk.bundle.target.prediction_hour is not None, value=False),
        }

    def drawn(self, case: int, inputs: Mapping[Any, Any], width: int, *, seen: bool) -> Updates:
        """After another kind, the attribution or another stretch was asked for.

        Args:
            case: its number.
            inputs: of the controls.
            width: pixels there are.
            seen: whether the reader may see model output of this case.
        """
        names = self._desk.bundle.target.names
        of = inputs[self._of] if inputs[self._of] in names else names[0]
        displays = self._displays(case, later=seen and bool(inputs[self._later]))
        display = next(
            (held for held in displays if held.modality == inputs[self._kind]), displays[0] if displays else None
        )
        return self._shown(
            display, case, width, of if seen and inputs[self._explain] else None, inputs[self._start] or 0
        )

    def _displays(self, case: int, *, later: bool) -> Sequence[Display]:
        try:
            return self._desk.cases.display(case, later=later)
        except MedkdError:
            # A record that was set aside says why in the panel.
            return []

    def _shown(self, display: Display | None, case: int, width: int, explained: str | None, start: float) -> Updates:
        caution, attribution = "", None
        if explained is not None and display is not None:
            try:
                attribution = self._desk.cases.attribution(case, explained)
                caution = markup("caution", text=CAUTION)
            except MedkdError as error:
                caution = markup("notice", tone="warn", text=str(error))
        figure = None if display is None else figure_of(display, attribution, start=float(start), width=max(width, 500))
        if isinstance(display, Passage):
            words = markup("passage", passage=display)
        elif display is None:
            words = markup("notice", tone="warn", text="This record cannot be drawn.")
        else:
            words = markup("unseen", text=describe(display))
        return {
            self._caution: caution,
            self._figure: gr.update(value=None if figure is None else plot_data(figure), visible=figure is not None),
            self._words: words,
        }
