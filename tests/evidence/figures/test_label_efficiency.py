"""Label efficiency: one line per arm over the label fractions."""

from __future__ import annotations

from typing import Any

from medkd.evidence.figures.label_efficiency import label_figure


def entry(fraction: float, **values: float | None) -> dict[str, Any]:
    arms = {name: {"value": value, "low": value, "high": value} for name, value in values.items()}
    return {"label_fraction": fraction, "arms": arms}


def test_lines_of_the_arms_that_every_fraction_has() -> None:
    entries = [entry(0.1, student=0.6, baseline=None, teacher=0.9), entry(1.0, student=0.8, baseline=0.7)]
    picture = label_figure({"label_efficiency": entries, "metric_title": "AUROC"})
    assert picture is not None
    (axes,) = picture.figure().axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert drawn == {"student": [0.6, 0.8], "baseline": [0.7]}
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10%", "100%"]


def test_one_fraction_has_no_figure() -> None:
    assert label_figure({"label_efficiency": [entry(1.0, student=0.8)], "metric_title": "AUROC"}) is None
