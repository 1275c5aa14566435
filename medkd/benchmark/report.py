"""The benchmark on a page of its own, in the look of a run's report: no script, no request to any server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medkd.benchmark.candidates import Absent
from medkd.benchmark.condition import CENTRE, LABELS, SAMPLES
from medkd.benchmark.results import Estimate, Finding
from medkd.evidence.figures.appearance import COLOURS, FAINT, INK, OTHER
from medkd.evidence.figures.forest import Group, Panel, Row, forest
from medkd.evidence.figures.picture import picture
from medkd.evidence.page import page_environment

ACROSS = 6
"""Small multiples in a row."""
_TITLES = {SAMPLES: "training pairs", LABELS: "share of labels"}


@dataclass(frozen=True)
class Page:
    """What the page says beside its findings.

    Args:
        title: the heading.
        facts: name → value, shown as tiles.
        reading: the conclusions, a sentence each.
        method: how it was done, a paragraph each.
        command: what repeats it.
        absent: who did not take part.
    """

    title: str
    facts: Mapping[str, str]
    reading: Sequence[str]
    method: Sequence[str]
    command: str
    absent: Sequence[Absent]


def render(page: Page, findings: Sequence[Finding]) -> str:
    """The HTML."""
    environment = page_environment("medkd.benchmark")
    environment.filters["interval"] = _written
    centre = ordered(findings)
    return environment.get_template("page.html.j2").render(
        page=page,
        centre=_forest(centre),
        multiples=[
            (title, found)
            for factor, title in _TITLES.items()
            if (found := _multiples(findings, factor, title)) is not None
        ],
        rows=centre,
        columns=[key for key in dict.fromkeys((one.factor, one.level) for one in findings) if key[0] != CENTRE],
        held={(one.factor, one.level, one.objective): one for one in findings},
        privileged=any(one.privileged for one in centre),
    )


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """The findings of the centre, the largest gain first."""
    return sorted((one for one in findings if one.factor == CENTRE), key=lambda one: -one.gain.value)


def _forest(centre: Sequence[Finding]) -> Markup:
    known = all(one.closed is not None for one in centre)
    colours = {"earns": COLOURS["student"], "harms": "#b91c1c", "no evidence": OTHER}
    rows = [
        Row(one.objective, [(one.closed or one.gain if known else one.gain).interval], colours[one.verdict])
        for one in centre
    ]
    label = "share of the gap closed" if known else "gain in AUROC"
    return forest("Objectives at the centre", [Group("", rows)], [Panel(label)], width=640)


def _multiples(findings: Sequence[Finding], factor: str, title: str) -> Markup | None:
    """The gain of each objective over a factor's levels, the centre among them.

    None where the factor was not varied.
    """
    varied = [one for one in findings if one.factor == factor]
    if not varied:
        return None
    names = [one.objective for one in ordered(findings)]
    levels = sorted({one.level for one in varied} | {_own_level(findings, factor)}, key=_size)
    held = {
        (one.level if one.factor == factor else _own_level(findings, factor), one.objective): one
        for one in findings
        if one.factor in (factor, CENTRE)
    }
    down = -(-len(names) // ACROSS)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(down, ACROSS, sharex=True, sharey=True, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place < len(names):
                _curve(axes, names[place], levels, held)
            else:
                axes.set_axis_off()
        figure.supxlabel(title, color=FAINT, fontsize=11)
        figure.supylabel("gain in AUROC", color=FAINT, fontsize=11)

    said = "; ".join(
        f"{name} " + ", ".join(f"{level}: {held[level, name].gain.value:+.3f}" for level in levels) for name in names
    )
    return picture(f"Gain of each objective over the {title}. {said}", 1060, 40 + 115 * down, draw)


def _curve(axes: Axes, name: str, levels: Sequence[str], held: Mapping[tuple[str, str], Finding]) -> None:
    gains = [held[level, name].gain for level in levels]
    places = range(len(levels))
    axes.axhline(0, color=INK, linewidth=1, alpha=0.7)
    axes.fill_between(
        places,
        [gain.low for gain in gains],
        [gain.high for gain in gains],
        color=COLOURS["student"],
        alpha=0.2,
        linewidth=0,
    )
    axes.plot(
        places, [gain.value for gain in gains], color=COLOURS["student"], marker="o", markersize=3.5, linewidth=1.6
    )
    axes.set_title(name, fontsize=8.5, pad=3)
    axes.set_xticks(places, levels, fontsize=7.5)
    axes.tick_params(axis="y", labelsize=8)


def _own_level(findings: Sequence[Finding], factor: str) -> str:
    """The centre's level of a factor, from the centre's words "1,000 pairs, 10 % labelled, ..."."""
    words = next(one.level for one in findings if one.factor == CENTRE)
    return words.partition(" pairs")[0] if factor == SAMPLES else words.partition(" labelled")[0].rpartition(", ")[2]


def _size(level: str) -> float:
    return float(level.replace(",", "").replace(" %", ""))


def _written(found: Estimate | None, form: str) -> str:
    if found is None:
        return "\N{EN DASH}"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]".replace("-", "\N{MINUS SIGN}")
