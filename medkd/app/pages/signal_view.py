"""Signal view: the record as a large figure, one modality at a time, with the attribution on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from medkd.app.cases.attribution import CAUTION
from medkd.app.figures.display_figure import describe_display, display_figure
from medkd.app.figures.style import readable
from medkd.app.pages.components import Updates, pane, plot_data
from medkd.app.pages.markup import markup
from medkd.app.pages.viewer_context import ViewerContext
from medkd.data.core.display import Display, Passage, Strip
from medkd.errors import MedkdError

_LONGEST_SHEET, _STEP = 12.5, 10
"""Seconds of a recording up to which it is one sheet, and between the starts of the sheets of a longer one."""


class SignalView:
    """Controls and figure, in the Gradio column that is open when it is made."""

    def __init__(self, context: ViewerContext) -> None:
        self._context = context
        names = context.bundle.target.names
        with gr.Row(elem_id="views"):
            self._modality = gr.Radio([], show_label=False, visible=False, elem_id="kind", container=False)
            self._explain = gr.Checkbox(
                label="Attribution", visible=False, elem_id="explain", container=False, scale=0, min_width=130
            )
            self._class = gr.Dropdown(
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
        self._description = pane()
        self.controls: set[gr.blocks.Block] = {self._modality, self._explain, self._class, self._start, self._later}
        self.changes = [
            control.input for control in (self._modality, self._explain, self._class, self._start, self._later)
        ]
        self.parts = [*self.controls, self._caution, self._figure, self._description]

    def show(self, case: int, width: int, *, seen: bool) -> Updates:
        """A case's first modality, without attribution.

        Args:
            width: pixels.
            seen: whether the reader may see the model's output for this case.
        """
        displays = self._displays(case, later=False)
        modalities = [(readable(display.modality), display.modality) for display in displays]
        first = displays[0] if displays else None
        longest = max((display.seconds for display in displays if isinstance(display, Strip)), default=0.0)
        starts = (
            [(f"from {second} s", second) for second in range(0, int(longest), _STEP)]
            if longest > _LONGEST_SHEET
            else [("from 0 s", 0)]
        )
        return {
            self._modality: gr.update(
                choices=modalities, value=first.modality if first else None, visible=len(modalities) > 1
            ),
            self._start: gr.update(choices=starts, value=0, visible=len(starts) > 1),
            **self.model_controls(seen),
            **self._shown(first, case, width, None, 0),
        }

    def model_controls(self, seen: bool) -> Updates:
        """Show or hide what a blinded reader must not see before their reading.

        Attribution is model output, and what was measured after the prediction may reveal the outcome.
        """
        return {
            self._explain: gr.update(visible=seen, value=False),
            self._class: gr.update(visible=seen and len(self._context.bundle.target.names) > 1),
            self._later: gr.update(
                visible=seen and self._context.bundle.target.prediction_hour is not None, value=False
            ),
        }

    def redraw(self, case: int, inputs: Mapping[Any, Any], width: int, *, seen: bool) -> Updates:
        """The figure for the values of the controls.

        Args:
            inputs: values of the controls.
            width: pixels.
            seen: whether the reader may see the model's output for this case.
        """
        names = self._context.bundle.target.names
        class_name = inputs[self._class] if inputs[self._class] in names else names[0]
        displays = self._displays(case, later=seen and bool(inputs[self._later]))
        display = next(
            (shown for shown in displays if shown.modality == inputs[self._modality]), displays[0] if displays else None
        )
        return self._shown(
            display, case, width, class_name if seen and inputs[self._explain] else None, inputs[self._start] or 0
        )

    def _displays(self, case: int, *, later: bool) -> Sequence[Display]:
        try:
            return self._context.cases.display(case, later=later)
        except MedkdError:
            # The panel gives the reason for a record that was set aside.
            return []

    def _shown(self, display: Display | None, case: int, width: int, class_name: str | None, start: float) -> Updates:
        caution, attribution = "", None
        if class_name is not None and display is not None:
            try:
                attribution = self._context.cases.attribution(case, class_name)
                caution = markup("caution", text=CAUTION)
            except MedkdError as error:
                caution = markup("notice", tone="warn", text=str(error))
        figure = (
            None if display is None else display_figure(display, attribution, start=float(start), width=max(width, 500))
        )
        if isinstance(display, Passage):
            description = markup("passage", passage=display)
        elif display is None:
            description = markup("notice", tone="warn", text="This record cannot be drawn.")
        else:
            description = markup("unseen", text=describe_display(display))
        return {
            self._caution: caution,
            self._figure: gr.update(value=None if figure is None else plot_data(figure), visible=figure is not None),
            self._description: description,
        }
