"""A picture is the same bytes each time, and touches nothing of the user's matplotlib."""

from __future__ import annotations

import matplotlib
import pytest
from jinja2 import Environment
from matplotlib.figure import Figure

from medkd.evidence.figures.picture import Picture, picture, title_of


def line(figure: Figure) -> None:
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label="a line")
    axes.set_title("<b>&")


def test_svg_is_repeatable_and_escapes_its_label() -> None:
    drawn = Picture('a "line"', 100, 50, line)
    assert drawn.svg() == drawn.svg() == picture('a "line"', 100, 50, line)
    assert 'aria-label="a &#34;line&#34;"' in drawn.svg()
    assert "&lt;b&gt;&amp;" in drawn.svg()
    assert "<b>" not in drawn.svg()
    assert drawn.svg() != Picture("another salt", 100, 50, line).svg()


def test_a_template_shows_the_picture_and_not_its_escaped_text() -> None:
    drawn = Picture("a line", 100, 50, line)
    assert Environment(autoescape=True).from_string("{{ drawn }}").render(drawn=drawn) == drawn.svg()


def test_a_figure_is_drawn_anew_and_the_users_settings_stay() -> None:
    before = dict(matplotlib.rcParams)
    first, second = (Picture("a line", 144, 72, line).figure() for _ in range(2))
    assert first is not second
    assert tuple(first.get_size_inches()) == (2.0, 1.0)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("name", "classes", "title"), [("x", 1, "ROC"), ("x", 2, "ROC: x"), ("x" * 50, 2, "ROC: xxxx")]
)
def test_titles_name_the_class_where_there_are_several(name: str, classes: int, title: str) -> None:
    assert title_of("ROC", name, classes).startswith(title)
    assert len(title_of("ROC", name, classes)) <= 40
