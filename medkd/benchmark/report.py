"""The benchmark's page, in the look of a run's report: no script, no request to any server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medkd.benchmark.candidates import Excluded
from medkd.benchmark.condition import CENTRE, LABELS, SAMPLES
from medkd.benchmark.results import Effect, ObjectiveResult
from medkd.evidence.figures.appearance import COLOURS, FAINT, INK, OTHER
from medkd.evidence.figures.forest import Group, Panel, Row, forest
from medkd.evidence.figures.picture import picture
from medkd.evidence.report import page_environment
from medkd.evidence.verdict import Verdict

ACROSS = 6
"""Small multiples in a row."""
_TITLES = {SAMPLES: "training pairs", LABELS: "share of labels"}


@dataclass(frozen=True)
class Page:
    """Text of the page beside its results.

    Args:
        title: the heading.
        facts: name → value, shown as tiles.
        conclusions: a sentence each.
        method: a paragraph each.
        command: repeats the benchmark.
        excluded: objectives that did not take part.
    """

    title: str
    facts: Mapping[str, str]
    conclusions: Sequence[str]
    method: Sequence[str]
    command: str
    excluded: Sequence[Excluded]


def render(page: Page, results: Sequence[ObjectiveResult]) -> str:
    """The HTML."""
    environment = page_environment("medkd.benchmark")
    environment.filters["interval"] = _written
    centre = ordered(results)
    multiples = {title: _multiples(results, factor, title) for factor, title in _TITLES.items()}
    factors = dict.fromkeys((result.factor, result.level) for result in results)
    return environment.get_template("page.html.j2").render(
        page=page,
        centre=_forest(centre),
        multiples=[(title, figure) for title, figure in multiples.items() if figure is not None],
        rows=centre,
        columns=[key for key in factors if key[0] != CENTRE],
        results={(result.factor, result.level, result.objective): result for result in results},
        privileged=any(result.privileged_gain for result in centre),
    )


def ordered(results: Sequence[ObjectiveResult]) -> list[ObjectiveResult]:
    """The results at the centre, the largest gain first."""
    return sorted((result for result in results if result.factor == CENTRE), key=lambda result: -result.gain.value)


def _forest(centre: Sequence[ObjectiveResult]) -> Markup:
    known = all(result.gap_closed is not None for result in centre)
    colours = {"earns": COLOURS["student"], "harms": Verdict.HARMS.accent, "no evidence": OTHER}
    rows = []
    for result in centre:
        effect = result.gap_closed if known and result.gap_closed else result.gain
        rows.append(Row(result.objective, [effect.interval], colours[result.verdict]))
    label = "share of the gap closed" if known else "gain in AUROC"
    return forest("Objectives at the centre", [Group("", rows)], [Panel(label)], width=640)


def _multiples(results: Sequence[ObjectiveResult], factor: str, title: str) -> Markup | None:
    """The gain of each objective over a factor's levels, with the centre; None where the factor was not varied."""
    varied = [result for result in results if result.factor == factor]
    if not varied:
        return None
    names = [result.objective for result in ordered(results)]
    centre_level = _centre_level(results, factor)
    levels = sorted({result.level for result in varied} | {centre_level}, key=_size)
    gains = {
        (result.level if result.factor == factor else centre_level, result.objective): result.gain
        for result in results
        if result.factor in (factor, CENTRE)
    }
    down = -(-len(names) // ACROSS)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(down, ACROSS, sharex=True, sharey=True, squeeze=False)
        for index, axes in enumerate(grid.flat):
            if index < len(names):
                _curve(axes, names[index], levels, [gains[level, names[index]] for level in levels])
            else:
                axes.set_axis_off()
        figure.supxlabel(title, color=FAINT, fontsize=11)
        figure.supylabel("gain in AUROC", color=FAINT, fontsize=11)

    described = "; ".join(
        f"{name} " + ", ".join(f"{level}: {gains[level, name].value:+.3f}" for level in levels) for name in names
    )
    return picture(f"Gain of each objective over the {title}. {described}", 1060, 40 + 115 * down, draw)


def _curve(axes: Axes, name: str, levels: Sequence[str], gains: Sequence[Effect]) -> None:
    x = range(len(levels))
    low, high = [gain.low for gain in gains], [gain.high for gain in gains]
    axes.axhline(0, color=INK, linewidth=1, alpha=0.7)
    axes.fill_between(x, low, high, color=COLOURS["student"], alpha=0.2, linewidth=0)
    axes.plot(x, [gain.value for gain in gains], color=COLOURS["student"], marker="o", markersize=3.5, linewidth=1.6)
    axes.set_title(name, fontsize=8.5, pad=3)
    axes.set_xticks(x, levels, fontsize=7.5)
    axes.tick_params(axis="y", labelsize=8)


def _centre_level(results: Sequence[ObjectiveResult], factor: str) -> str:
    """The centre's level of a factor, from the centre's text "1,000 pairs, 10 % labelled, ..."."""
    text = next(result.level for result in results if result.factor == CENTRE)
    return text.partition(" pairs")[0] if factor == SAMPLES else text.partition(" labelled")[0].rpartition(", ")[2]


def _size(level: str) -> float:
    return float(level.replace(",", "").replace(" %", ""))


def _written(effect: Effect | None, form: str) -> str:
    if effect is None:
        return "\N{EN DASH}"
    return f"{effect.value:{form}} [{effect.low:{form}}, {effect.high:{form}}]".replace("-", "\N{MINUS SIGN}")
