"""A forest plot shows every interval at its place, and says the same in words."""

from __future__ import annotations

from medkd.evidence.figures.forest import Group, Panel, Row, forest, forest_picture, written

GAIN = {"value": 0.1, "low": -0.05, "high": 0.25}
UNDEFINED = {"value": None, "low": None, "high": None}


def test_marks_are_at_the_values_and_lines_span_the_intervals() -> None:
    rows = [Row("gain", [GAIN]), Row("nothing", [UNDEFINED]), Row("hidden", [None], note="too few")]
    figure = forest_picture("Title", [Group("heading", rows)], [Panel("difference")]).figure()
    (axes,) = figure.axes
    marks = [line for line in axes.get_lines() if line.get_marker() == "s"]
    assert [tuple(mark.get_xydata()[0]) for mark in marks] == [(0.1, 0.0)]
    (segments,) = [collection.get_segments() for collection in axes.collections]
    assert segments[0][:, 0].tolist() == [-0.05, 0.25]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["gain", "nothing", "hidden"]
    shown = [text.get_text() for text in axes.texts]
    assert "too few" in shown
    assert "not defined" in shown


def test_the_label_holds_every_row() -> None:
    label = forest_picture("Title", [Group("", [Row("gain", [GAIN])])], [Panel("difference")]).label
    assert label == f"Title. gain {written(GAIN, signed=True)}."
    assert label in forest("Title", [Group("", [Row("gain", [GAIN])])], [Panel("difference")])


def test_a_zero_line_is_drawn_for_differences_alone() -> None:
    def lines(panel: Panel) -> int:
        (axes,) = forest_picture("Title", [Group("", [Row("gain", [GAIN])])], [panel]).figure().axes
        return sum(line.get_xdata()[0] == 0 == line.get_xdata()[-1] for line in axes.get_lines())

    assert lines(Panel("difference")) == 1
    assert lines(Panel("value", difference=False)) == 0
