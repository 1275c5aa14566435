"""Training curves: the median over fits, per arm and quantity."""

from __future__ import annotations

import polars as pl
import pytest

from medkd.evidence.figures.training import training_figure


def history(seed: int, offset: float, name: str = "loss/val", arm: str = "student") -> pl.DataFrame:
    values = [value + offset for value in (3.0, 2.0, 1.0)]
    return pl.DataFrame({"arm": arm, "seed": seed, "fold": 0, "step": [0, 50, 100], "name": name, "value": values})


def test_the_median_over_fits_is_drawn() -> None:
    picture = training_figure([history(seed, offset) for seed, offset in enumerate((0.0, 0.5, 7.0))])
    assert picture is not None
    (axes,) = picture.figure().axes
    (line,) = axes.get_lines()
    assert list(line.get_ydata()) == pytest.approx([3.5, 2.5, 1.5])
    assert list(line.get_xdata()) == pytest.approx([0, 50, 100])


def test_validation_comes_first_and_other_arms_are_left_out() -> None:
    names = ("loss/train", "loss/val", "a", "b", "c")
    picture = training_figure(
        [history(0, 0.0, name) for name in names] + [history(0, 0.0, "x", "self_teacher")], most=2
    )
    assert picture is not None
    assert [axes.get_title(loc="left") for axes in picture.figure().axes] == ["loss/val", "a"]


def test_nothing_logged_has_no_figure() -> None:
    assert training_figure([]) is None
    assert training_figure([history(0, float("nan"))]) is None
