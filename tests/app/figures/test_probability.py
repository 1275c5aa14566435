"""Probability figure: bar, threshold and words agree."""

from __future__ import annotations

import pytest

from medkd.app.figures.probability import describe_probability, probability_figure
from medkd.data.core.target import Target
from tests.app.figures.examples import words

CD = Target("cd", "binary", ("cd",), ("conduction disturbance",))


AT = {"conduction disturbance": 0.46}


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

    @pytest.mark.parametrize(("p", "decision"), [(0.46, "positive"), (0.4599, "negative")])
    def test_at_the_threshold_it_is_positive(self, p: float, decision: str) -> None:
        assert describe_probability(CD, [p], AT).endswith(decision)

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
