"""Figures show the numbers that they were given, in the clinician's units.

And say in words what they mark by colour.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from medkd.app.figures.attribution import Attribution
from medkd.app.figures.figure import describe, figure_of
from medkd.app.figures.palette import AGAINST, CONFIG, FOR, INK, STUDENT
from medkd.app.figures.probability import describe_probability, probability_figure
from medkd.app.figures.sheet import sheet_of
from medkd.app.figures.strip import describe_strip, strip_figure
from medkd.app.figures.trend import describe_trend, trend_figure
from medkd.data.core.display import Passage, Plain, Strip, Trend
from medkd.data.core.target import Target
from medkd.data.core.view import Part
from medkd.modalities.ecg import ECG
from medkd.modalities.ecg.leads import STANDARD

CD = Target("cd", "binary", ("cd",), ("conduction disturbance",))
AT = {"conduction disturbance": 0.46}


def made_up(leads: tuple[str, ...], seconds: float, seen: tuple[str, ...] = ("I",), rate: float = 100.0) -> Strip:
    rng = np.random.default_rng(0)
    return Strip(
        "ecg", leads, 0.2 * rng.normal(size=(len(leads), round(seconds * rate))), rate, seen, ((0.0, seconds),)
    )


def words(figure: go.Figure) -> str:
    return " | ".join(str(annotation.text) for annotation in figure.layout.annotations)


def traces(figure: go.Figure, **held: Any) -> list[Any]:
    return [
        trace for trace in figure.data if all(getattr(trace.line, key, None) == value for key, value in held.items())
    ]


@pytest.fixture(scope="module")
def brugada(shared: Path) -> Strip:
    ecg, root = ECG(), shared / "data" / "ecg" / "brugada-huca"
    return ecg.display(ecg.read({"ecg": ecg.find(root)[3]}, root), Part("ecg", ("I",)))


class TestStrip:
    def test_paper_is_25_mm_a_second_and_10_mm_a_millivolt_at_any_zoom(self, brugada: Strip) -> None:
        layout = strip_figure(brugada, width=1340).layout
        # Lines a millimetre apart: 0.04 s and 0.1 mV; five of them a square, as high as wide.
        assert (layout.xaxis.minor.dtick, layout.xaxis.dtick) == (0.04, 0.2)
        assert (layout.yaxis.minor.dtick, layout.yaxis.dtick) == (0.1, 0.5)
        assert layout.yaxis.scaleanchor == "x"
        assert layout.yaxis.scaleratio * layout.yaxis.dtick == pytest.approx(layout.xaxis.dtick)
        # The plot is as high as its paper, so that nothing is left empty beside it.
        wide, high = (axis.range[1] - axis.range[0] for axis in (layout.xaxis, layout.yaxis))
        inside = layout.height - layout.margin.t - layout.margin.b
        assert inside == pytest.approx((1340 - 16) * high * layout.yaxis.scaleratio / wide, abs=1)
        assert "25 mm/s, 10 mm/mV" in words(strip_figure(brugada))
        assert len(layout.shapes) < 10, "lines of the paper are the axes' own, not shapes"

    def test_every_point_is_the_recordings_own(self, brugada: Strip) -> None:
        drawn = [trace for trace in strip_figure(brugada).data if trace.customdata is not None]
        assert [trace.name for trace in drawn[:12]] == [
            "I",
            "aVR",
            "V1",
            "V4",
            "II",
            "aVL",
            "V2",
            "V5",
            "III",
            "aVF",
            "V3",
            "V6",
        ]
        for trace in drawn:
            times, values = np.asarray(trace.customdata).T
            lead = brugada.leads.index(trace.name)
            np.testing.assert_allclose(
                values, brugada.values[lead, np.rint(times * brugada.rate).astype(int)], atol=1e-6
            )
            # One millivolt up is one unit up: only the baseline was moved.
            np.testing.assert_allclose(np.diff(trace.y), np.diff(values), atol=1e-4)
            np.testing.assert_allclose(trace.x, times, atol=1e-5)

    def test_twelve_leads_stand_in_three_rows_of_four_over_the_students_rhythm(self, brugada: Strip) -> None:
        sheet = sheet_of(brugada)
        assert len(sheet.baselines) == 4
        assert [(panel.start, panel.end) for panel in sheet.panels[:4]] == [
            (0.0, 3.0),
            (3.0, 6.0),
            (6.0, 9.0),
            (9.0, 12.0),
        ]
        assert (brugada.leads[sheet.panels[-1].lead], sheet.panels[-1].start, sheet.panels[-1].end) == ("I", 0.0, 12.0)
        everything = sheet_of(made_up(STANDARD, 10.0, STANDARD))
        assert STANDARD[everything.panels[-1].lead] == "II"
        # Edges lie on lines of the paper, so that squares are whole.
        for edge in (sheet.bottom, *(panel.floor for panel in sheet.panels)):
            assert edge / 0.5 == pytest.approx(round(edge / 0.5))

    @pytest.mark.parametrize(
        ("leads", "seconds", "rows", "shown"),
        [
            (STANDARD, 5.0, 7, 5.0),
            (STANDARD, 0.8, 3, 0.8),
            (STANDARD, 60.0, 4, 10.0),
            (("I",), 10.0, 1, 10.0),
            (("MLII", "V1"), 30.0, 6, 30.0),
            (("MLII",), 1800.0, 6, 60.0),
            ((*STANDARD, "X"), 10.0, 5, 10.0),
        ],
    )
    def test_other_recordings_get_a_layout_too(
        self, leads: tuple[str, ...], seconds: float, rows: int, shown: float
    ) -> None:
        strip = made_up(leads, seconds, leads[:1])
        sheet = sheet_of(strip)
        assert len(sheet.baselines) == rows
        assert sheet.end - sheet.start == pytest.approx(shown)
        assert {panel.lead for panel in sheet.panels} == set(range(len(leads)))
        told = f"of {seconds:g}" in words(strip_figure(strip))
        assert told == (shown < seconds)

    def test_a_long_recording_is_shown_from_where_it_is_asked_for(self) -> None:
        strip = made_up(("MLII",), 100.0, ())
        sheet = sheet_of(strip, start=95.0)
        assert [(panel.start, panel.end) for panel in sheet.panels] == [(95.0, 100.0)]
        assert sheet_of(strip, start=1e9).end == 100.0

    def test_seen_leads_are_marked_in_words_and_sign_not_by_colour_alone(self, brugada: Strip) -> None:
        figure = strip_figure(brugada)
        labels = [annotation.text for annotation in figure.layout.annotations]
        assert [label for label in labels if "●</b>" in label and "tint" not in label] == ["<b>I ●</b>", "<b>I ●</b>"]
        assert "● and tint: seen by the student (I, seconds 1 to 11)" in words(figure)
        tints = [shape for shape in figure.layout.shapes if shape.layer == "below"]
        assert {(shape.x0, shape.x1) for shape in tints} == {(1.0, 3.0), (1.0, 11.0)}

    def test_a_pulse_of_a_millivolt_and_a_fifth_of_a_second_stands_before_each_row(self, brugada: Strip) -> None:
        pulse = next(trace for trace in strip_figure(brugada).data if trace.x[0] is not None and trace.x[0] < 0)
        y = np.array(pulse.y[:6], float)
        x = np.array(pulse.x[:6], float)
        assert y.max() - y.min() == pytest.approx(1.0)
        assert x[3] - x[2] == pytest.approx(0.2)
        assert sum(value is None for value in pulse.x) == 4

    def test_attribution_lies_behind_the_seen_leads_with_its_name_and_both_signs(self, brugada: Strip) -> None:
        over = np.zeros((1, 1200))
        over[0, 200:250], over[0, 700:720] = 1.0, -0.2
        figure = strip_figure(brugada, over, title="attribution (a method)", speaks_for="Brugada")
        (strong,) = traces(figure, color=FOR[-1])
        xs = np.asarray(strong.x)[np.isfinite(strong.y)]
        assert xs.min() == pytest.approx(2.0)
        assert xs.max() == pytest.approx(2.5, abs=0.011)
        # Seconds 7.0 to 7.2 of lead I stand on the rhythm strip alone.
        (faint,) = traces(figure, color=AGAINST[0])
        assert np.nanmin(np.asarray(faint.x)[np.isfinite(faint.y)]) == pytest.approx(7.0)
        names = [trace.name for trace in figure.data]
        assert names.index("I") > figure.data.index(strong), "the trace is drawn over the colour"
        assert "attribution (a method)" in words(figure)
        assert "■ for" in words(figure)
        assert "■ against" in words(figure)
        assert not traces(strip_figure(brugada), color=FOR[-1])

    def test_names_in_a_file_are_shown_as_text(self) -> None:
        bad = "<img src=x onerror=alert(1)>"
        figure = strip_figure(made_up((bad, "II"), 10.0, (bad,)), np.ones((1, 1000)), title=bad, speaks_for=bad)
        shown = " ".join([words(figure), *(str(trace.name) + str(trace.hovertemplate) for trace in figure.data)])
        assert "<img" not in shown
        assert "&lt;img" in shown

    def test_missing_samples_leave_a_gap(self) -> None:
        strip = made_up(("I",), 10.0)
        strip.values[0, 300:400] = np.nan
        drawn = next(trace for trace in strip_figure(strip).data if trace.name == "I")
        assert np.isnan(drawn.y[300:400]).all()
        assert np.isfinite(drawn.y[:300]).all()
        strip.values[0] = np.nan
        assert strip_figure(strip).layout.height > 0

    def test_in_one_line(self, brugada: Strip) -> None:
        assert describe_strip(brugada).endswith("12 s at 100 Hz, in mV; the student saw I, seconds 1 to 11")
        beats = Strip("ecg", ("I",), np.zeros((1, 1000)), 100.0, ("I",), ((0, 0.8), (1, 1.8)), averaged=True)
        assert describe_strip(beats).endswith("the student saw the median of 2 beats of I")
        assert strip_figure(brugada).layout.meta["description"] == describe_strip(brugada)


def stay(**held: Any) -> Trend:
    fields: dict[str, Any] = {
        "modality": "vitals",
        "variables": ("heart_rate", "age", "spo2", "temperature"),
        "units": ("1/min", "years", "%", "Cel"),
        "hours": np.array([0.0, 0.5, 2.5, 5.5, 30.0]),
        "variable": np.array([1, 0, 0, 0, 3]),
        "values": np.array([71, 80, 90, 1234, 38], np.float32),
        "span": (0.0, 48.0),
        "window": (0.0, 24.0),
        "seen": ("heart_rate", "age", "spo2"),
        "silences": (((1.0, 2.0), (3.0, 5.0)), (), (), ()),
    }
    return Trend(**{**fields, **held})


class TestTrend:
    def test_every_measurement_and_the_last_value_with_its_unit(self) -> None:
        figure = trend_figure(stay())
        points = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data if trace.mode == "markers"}
        assert points["heart rate"] == ([0.5, 2.5, 5.5], [80, 90, 1234])
        assert points["temperature"] == ([30.0], [38])
        assert "<b>1234</b> /min" in words(figure)
        assert "<b>38</b> °C" in words(figure)

    def test_what_is_not_drawn_is_said(self) -> None:
        said = words(trend_figure(stay()))
        assert "at hour 0 only: age 71 years" in said
        assert "never measured: spo2" in said
        assert "temperature <i>(not seen by the student)</i>" in said
        assert "tint: hours 0 to 24, seen by the student" in said

    def test_hours_without_a_measurement_are_hatched_and_no_solid_line_crosses_them(self) -> None:
        figure = trend_figure(stay())
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
        figure = trend_figure(stay())
        axes = [figure.layout[name] for name in figure.layout.to_plotly_json() if re.fullmatch(r"xaxis\d*", name)]
        assert len(axes) == 2
        assert {tuple(axis.range) for axis in axes} == {(0.0, 48.0)}
        assert {axis.matches for axis in axes} <= {None, "x", "x2"}

    def test_the_window_is_tinted_for_seen_variables_alone(self) -> None:
        shapes = trend_figure(stay()).layout.shapes
        assert [(shape.x0, shape.x1, shape.yref) for shape in shapes] == [(0.0, 24.0, "y")]
        unseen = trend_figure(stay(seen=(), window=None))
        assert not unseen.layout.shapes
        assert "not seen by the student" in words(unseen)

    def test_doses_are_added_up_and_stand_alone(self) -> None:
        figure = trend_figure(stay(additive=True, silences=()))
        assert "<b>1404</b> /min in 48 h" in words(figure)
        assert any(list(trace.x[:3]) == [0.5, 0.5, None] for trace in figure.data if trace.mode == "lines")

    def test_attribution_is_a_row_of_its_own_over_the_window(self) -> None:
        over = np.zeros((3, 24))
        over[0, 2] = 0.5
        figure = trend_figure(stay(), over, title="attribution (a method)", speaks_for="death")
        (row,) = [trace for trace in figure.data if trace.type == "heatmap"]
        assert np.asarray(row.z)[0, 2] == 0.5
        assert (row.x0, row.dx) == (0.5, 1.0)
        assert figure.layout.coloraxis.cmax == -figure.layout.coloraxis.cmin == 0.5
        assert "attribution (a method)" in words(figure)

    def test_days_of_history_do_not_hide_the_students_hours(self) -> None:
        figure = trend_figure(
            stay(span=(-300.0, 0.0), window=(-3.0, 0.0), hours=np.linspace(-200, 0, 5), additive=True, silences=())
        )
        assert tuple(figure.layout.xaxis.range) == (-24.0, 0.0)
        assert (figure.layout.xaxis.minallowed, figure.layout.xaxis.maxallowed) == (-300.0, 0.0)
        assert "zoom out for the other hours" in words(figure)
        # What is added up is what is in sight.
        assert "<b>38</b> °C in 24 h" in words(figure)

    def test_nothing_measured_is_a_figure_too(self) -> None:
        empty = np.zeros(0)
        figure = trend_figure(
            stay(hours=empty, variable=empty.astype(int), values=empty.astype(np.float32), silences=())
        )
        assert "never measured: heart rate, age, spo2, temperature" in words(figure)
        assert describe_trend(stay()).startswith("vitals: 5 measurements of 3 variables over hours 0 to 48")


class TestProbability:
    def test_the_bar_the_threshold_and_the_words_agree(self) -> None:
        figure = probability_figure(CD, [0.63], AT, "abstains", teacher=[0.81], out_of_fold=[None])
        assert [list(trace.x) for trace in figure.data if trace.type == "bar"] == [[1.0], [0.63]]
        assert {shape.x0 for shape in figure.layout.shapes} == {0.46}
        assert tuple(figure.layout.xaxis.range) == (0, 1)
        assert "0.63, at or above the threshold (black line) 0.46: positive" in words(figure)
        assert "prediction set: abstains" in words(figure)
        marks = {trace.name: list(trace.x) for trace in figure.data if trace.type == "scatter"}
        assert marks == {"teacher": [0.81]}
        assert figure.layout.showlegend

    @pytest.mark.parametrize(("p", "said"), [(0.46, "positive"), (0.4599, "negative")])
    def test_at_the_threshold_it_is_positive(self, p: float, said: str) -> None:
        assert describe_probability(CD, [p], AT).endswith(said)

    def test_each_class_has_its_own_part_of_the_set(self) -> None:
        target = Target("d", "multilabel", ("MI", "CD"))
        figure = probability_figure(target, [0.1, 0.9], {"MI": 0.2, "CD": None}, "MI: not MI; CD: abstains")
        rows = [annotation.text for annotation in figure.layout.annotations]
        assert rows == [
            "<b>MI</b> 0.10, below the threshold (black line) 0.20: negative; <b>prediction set: not MI</b>",
            "<b>CD</b> 0.90; <b>prediction set: abstains</b>",
        ]
        assert {shape.x0 for shape in figure.layout.shapes} == {0.2}

    def test_a_quantity_has_an_interval_in_its_unit(self) -> None:
        figure = probability_figure(Target("los", "regression", ("days",), units="days"), [6.3], {}, "3.2 to 9.1")
        (point,) = figure.data
        assert point.x[0] - point.error_x.arrayminus[0] == pytest.approx(3.2)
        assert point.x[0] + point.error_x.array[0] == pytest.approx(9.1)
        assert figure.layout.xaxis.title.text == "days"
        assert "interval: 3.2 to 9.1" in words(figure)

    def test_class_names_are_shown_as_text(self) -> None:
        bad = Target("x", "binary", ("x",), ("<script>",))
        assert "<script>" not in words(probability_figure(bad, [0.5], {}, "not <script>"))


def test_each_display_finds_its_figure() -> None:
    strip = made_up(("I", "II"), 10.0)
    found = Attribution("a method", "cd", {"ecg": np.ones((1, 1, 1000))}, 1000.0, 0.0, "nothing")
    assert traces(figure_of(strip, found), color=FOR[-1])
    assert figure_of(Passage("notes", (1.0,), ("stable",))) is None
    plain = Plain("codes", np.array([[0.0, np.nan, 2.0]], np.float32))
    np.testing.assert_array_equal(figure_of(plain).data[0].z, plain.values)
    assert describe(plain) == "codes: the prepared array of 1 by 3 values, of which 2 were observed"
    # Of another modality there is nothing to lay over it.
    assert not any(trace.type == "heatmap" for trace in figure_of(stay(), found).data)


def test_nothing_asks_another_host_and_nothing_offers_to() -> None:
    assert (CONFIG["displaylogo"], CONFIG["showSendToCloud"], CONFIG["plotlyServerURL"]) == (False, False, "")
    for figure in (figure_of(made_up(("I",), 10.0)), figure_of(stay()), probability_figure(CD, [0.6], AT)):
        written = figure.to_json()
        assert "http" not in written.replace("http://www.w3.org", "")
        assert "system-ui" in json.loads(written)["layout"]["font"]["family"]


def test_words_are_dark_enough_to_read() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    # WCAG 2.1, 1.4.3: 4.5 to 1 against the ground.
    for colour in (INK, STUDENT, "#5b6570", FOR[-1], AGAINST[-1]):
        for ground in ("#ffffff", "#fff8f6"):
            assert (light(ground) + 0.05) / (light(colour) + 0.05) > 4.5
