"""Waveform figure: every point is the recording's own, at the scale of ECG paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medkd.app.figures.paper_layout import paper_layout
from medkd.app.figures.strip import describe_strip, strip_figure
from medkd.app.figures.style import NEGATIVE, POSITIVE
from medkd.data.core.display import Strip
from medkd.data.core.view import Part
from medkd.modalities.ecg import ECG
from medkd.modalities.ecg.recording import STANDARD
from tests.app.figures.examples import synthetic_strip, traces, words


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
        sheet = paper_layout(brugada)
        assert len(sheet.baselines) == 4
        assert [(panel.start, panel.end) for panel in sheet.panels[:4]] == [
            (0.0, 3.0),
            (3.0, 6.0),
            (6.0, 9.0),
            (9.0, 12.0),
        ]
        assert (brugada.leads[sheet.panels[-1].lead], sheet.panels[-1].start, sheet.panels[-1].end) == ("I", 0.0, 12.0)
        everything = paper_layout(synthetic_strip(STANDARD, 10.0, STANDARD))
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
        strip = synthetic_strip(leads, seconds, leads[:1])
        sheet = paper_layout(strip)
        assert len(sheet.baselines) == rows
        assert sheet.end - sheet.start == pytest.approx(shown)
        assert {panel.lead for panel in sheet.panels} == set(range(len(leads)))
        names_the_part = f"of {seconds:g}" in words(strip_figure(strip))
        assert names_the_part == (shown < seconds)

    def test_a_long_recording_is_shown_from_where_it_is_asked_for(self) -> None:
        strip = synthetic_strip(("MLII",), 100.0, ())
        sheet = paper_layout(strip, start=95.0)
        assert [(panel.start, panel.end) for panel in sheet.panels] == [(95.0, 100.0)]
        assert paper_layout(strip, start=1e9).end == 100.0

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
        figure = strip_figure(brugada, over, title="attribution (a method)", class_name="Brugada")
        (strong,) = traces(figure, color=POSITIVE[-1])
        xs = np.asarray(strong.x)[np.isfinite(strong.y)]
        assert xs.min() == pytest.approx(2.0)
        assert xs.max() == pytest.approx(2.5, abs=0.011)
        # Seconds 7.0 to 7.2 of lead I stand on the rhythm strip alone.
        (faint,) = traces(figure, color=NEGATIVE[0])
        assert np.nanmin(np.asarray(faint.x)[np.isfinite(faint.y)]) == pytest.approx(7.0)
        names = [trace.name for trace in figure.data]
        assert names.index("I") > figure.data.index(strong), "the trace is drawn over the colour"
        assert "attribution (a method)" in words(figure)
        assert "■ for" in words(figure)
        assert "■ against" in words(figure)
        assert not traces(strip_figure(brugada), color=POSITIVE[-1])

    def test_names_in_a_file_are_shown_as_text(self) -> None:
        bad = "<img src=x onerror=alert(1)>"
        figure = strip_figure(synthetic_strip((bad, "II"), 10.0, (bad,)), np.ones((1, 1000)), title=bad, class_name=bad)
        shown = " ".join([words(figure), *(str(trace.name) + str(trace.hovertemplate) for trace in figure.data)])
        assert "<img" not in shown
        assert "&lt;img" in shown

    def test_missing_samples_leave_a_gap(self) -> None:
        strip = synthetic_strip(("I",), 10.0)
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
