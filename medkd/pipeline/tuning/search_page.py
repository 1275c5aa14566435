"""Page of a search: scores in the order of trials, and against each searched value."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from optuna.trial import TrialState

from medkd.evidence.figures.appearance import REFERENCE, arm_colour, arm_name
from medkd.evidence.figures.picture import legend_below, picture
from medkd.evidence.statistics.metrics import METRICS
from medkd.pipeline.tuning.study import ArmStudy

ACROSS = 3
"""Charts side by side."""
PAGE = Markup("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>body {{ font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1e293b; max-width: 1080px; }}
body {{ margin: 0 auto; padding: 24px; }}
h1 {{ font-size: 22px; }}
h2 {{ font-size: 19px; margin-top: 36px; }} p {{ color: #64748b; max-width: 80ch; }}
figure {{ margin: 0; }} svg {{ width: 100%; height: auto; }}</style>
</head><body><h1>{title}</h1><p>{lead}</p>{body}</body></html>
""")


def search_page(studies: Sequence[ArmStudy], lead: str) -> str:
    """One self-contained page: for each searched arm its trials in order, and each value against the score."""
    shown = [study for study in studies if any(trial.state is TrialState.COMPLETE for trial in study.finished)]
    parts = [Markup("<h2>{}</h2>{}").format(arm_name(study.arm), _figure(study)) for study in shown]
    recipe = studies[0].recipe
    return str(
        PAGE.format(title=f"The search for {recipe.task} on {recipe.cohort}", lead=lead, body=Markup("").join(parts))
    )


def _figure(study: ArmStudy) -> Markup:
    down = ceil((1 + len(study.space)) / ACROSS)
    title = METRICS[study.recipe.evidence_settings.metric].title

    def draw(figure: Figure) -> None:
        grid = figure.subplots(down, ACROSS, squeeze=False, sharey=True).ravel()
        whole = [trial for trial in study.finished if trial.state is TrialState.COMPLETE]
        scores = [trial.value or 0.0 for trial in whole]
        best = study.best
        pruned = [trial for trial in study.finished if trial.state is TrialState.PRUNED]
        grid[0].scatter([trial.number for trial in whole], scores, s=22, color=arm_colour(study.arm), label="trial")
        if pruned:
            values = [trial.value or 0.0 for trial in pruned]
            grid[0].scatter(
                [trial.number for trial in pruned], values, s=22, marker="x", color=REFERENCE, label="pruned"
            )
        grid[0].set(title="trials in order", xlabel="trial", ylabel=title)
        grid[0].xaxis.set_major_locator(MaxNLocator(6, integer=True))
        for axes, (key, range_) in zip(grid[1:], study.space.items(), strict=False):
            values = [trial.params[key] for trial in whole]
            axes.scatter(
                [str(value) for value in values] if range_.choices else values,
                scores,
                s=22,
                color=arm_colour(study.arm),
            )
            axes.set_title(_title(key))
            if range_.log:
                axes.set(xscale="log", xlim=(range_.low / 1.1, range_.high * 1.1))
                # Matplotlib's own labels would be formulas, which an SVG with text as text cannot show.
                ticks = [range_.low, (range_.low * range_.high) ** 0.5, range_.high]
                axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
                axes.xaxis.set_minor_locator(NullLocator())
        for axes in grid[: 1 + len(study.space)]:
            if study.initial_score is not None:
                axes.axhline(
                    study.initial_score, color=REFERENCE, linewidth=1.2, linestyle=(0, (4, 4)), label="as it stands"
                )
        if best is not None:
            points = [best.number, *(best.params[key] for key in study.space)]
            for axes, point, choices in zip(
                grid, points, [(), *(range_.choices for range_ in study.space.values())], strict=False
            ):
                axes.scatter(
                    [str(point) if choices else point],
                    [best.value],
                    s=120,
                    facecolors="none",
                    edgecolors=arm_colour(study.arm),
                    label="best",
                )
        for axes in grid[1 + len(study.space) :]:
            axes.remove()
        legend_below(figure, grid[0], columns=4)

    return picture(
        f"Trials of the {study.arm}: {title} against {', '.join(map(_title, study.space))}", 1000, 60 + 240 * down, draw
    )


def _title(key: str) -> str:
    """The last words of a dotted key."""
    words = [word for word in key.split(".") if word not in ("model", "init_args", "objectives", "network")]
    return ".".join(words[1:])
