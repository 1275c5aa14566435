"""Trend figure: every measurement, the last value, and what was not measured or not drawn."""

from __future__ import annotations

import re

import numpy as np

from medkd.app.figures.style import INK
from medkd.app.figures.trend import describe_trend, trend_figure
from tests.app.figures.examples import icu_trend, words


class TestTrend:
    def test_every_measurement_and_the_last_value_with_its_unit(self) -> None:
        figure = trend_figure(icu_trend())
        points = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data if trace.mode == "markers"}
        assert points["heart rate"] == ([0.5, 2.5, 5.5], [80, 90, 1234])
        assert points["temperature"] == ([30.0], [38])
        assert "<b>1234</b> /min" in words(figure)
        assert "<b>38</b> °C" in words(figure)

    def test_what_is_not_drawn_is_said(self) -> None:
        text = words(trend_figure(icu_trend()))
        assert "at hour 0 only: age 71 years" in text
        assert "never measured: spo2" in text
        assert "temperature <i>(not seen by the student)</i>" in text
        assert "tint: hours 0 to 24, seen by the student" in text

    def test_hours_without_a_measurement_are_hatched_and_no_solid_line_crosses_them(self) -> None:
        figure = trend_figure(icu_trend())
        hatches = [trace for trace in figure.data if trace.fill == "toself"]
        assert [{x for x in trace.x if x is not None} for trace in hatches] == [{1.0, 2.0, 3.0, 5.0}]
        assert hatches[0].fillpattern.shape == "/"
        solid = next(
            trace
            for trace in figure.data
            if trace.mode == "lines" and trace.line.color == INK and trace.line.dash is None
        )
        assert list(solid.x) == [0.5, None, 2.5, None, 5.5]

    def test_all_panels_share_one_axis_of_hours(self) -> None:
        figure = trend_figure(icu_trend())
        axes = [figure.layout[name] for name in figure.layout.to_plotly_json() if re.fullmatch(r"xaxis\d*", name)]
        assert len(axes) == 2
        assert {tuple(axis.range) for axis in axes} == {(0.0, 48.0)}
        assert {axis.matches for axis in axes} <= {None, "x", "x2"}

    def test_the_window_is_tinted_for_seen_variables_alone(self) -> None:
        shapes = trend_figure(icu_trend()).layout.shapes
        assert [(shape.x0, shape.x1, shape.yref) for shape in shapes] == [(0.0, 24.0, "y")]
        unseen = trend_figure(icu_trend(seen=(), window=None))
        assert not unseen.layout.shapes
        assert "not seen by the student" in words(unseen)

    def test_doses_are_added_up_and_stand_alone(self) -> None:
        figure = trend_figure(icu_trend(additive=True, silences=()))
        assert "<b>1404</b> /min in 48 h" in words(figure)
        assert any(list(trace.x[:3]) == [0.5, 0.5, None] for trace in figure.data if trace.mode == "lines")

    def test_attribution_is_a_row_of_its_own_over_the_window(self) -> None:
        over = np.zeros((3, 24))
        over[0, 2] = 0.5
        figure = trend_figure(icu_trend(), over, title="attribution (a method)", class_name="death")
        (row,) = [trace for trace in figure.data if trace.type == "heatmap"]
        assert np.asarray(row.z)[0, 2] == 0.5
        assert (row.x0, row.dx) == (0.5, 1.0)
        assert figure.layout.coloraxis.cmax == -figure.layout.coloraxis.cmin == 0.5
        assert "attribution (a method)" in words(figure)

    def test_days_of_history_do_not_hide_the_students_hours(self) -> None:
        figure = trend_figure(
            icu_trend(span=(-300.0, 0.0), window=(-3.0, 0.0), hours=np.linspace(-200, 0, 5), additive=True, silences=())
        )
        assert tuple(figure.layout.xaxis.range) == (-24.0, 0.0)
        assert (figure.layout.xaxis.minallowed, figure.layout.xaxis.maxallowed) == (-300.0, 0.0)
        assert "zoom out for the other hours" in words(figure)
        # What is added up is what is in sight.
        assert "<b>38</b> °C in 24 h" in words(figure)

    def test_nothing_measured_is_a_figure_too(self) -> None:
        empty = np.zeros(0)
        figure = trend_figure(
            icu_trend(hours=empty, variable=empty.astype(int), values=empty.astype(np.float32), silences=())
        )
        assert "never measured: heart rate, age, spo2, temperature" in words(figure)
        assert describe_trend(icu_trend()).startswith("vitals: 5 measurements of 3 variables over hours 0 to 48")
