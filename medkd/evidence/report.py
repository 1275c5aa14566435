"""The report: an object for Python, files on disk, and a page that a clinician can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from medkd.data.io.atomic import write_json, write_text
from medkd.data.io.load import read_table
from medkd.errors import InputError, nearest
from medkd.evidence.figures.appearance import COLOURS, arm_colour, arm_name
from medkd.evidence.figures.comparisons import arms_figure, difference_figure, subgroup_figure
from medkd.evidence.figures.curves import decision_figures, roc_figures
from medkd.evidence.figures.label_efficiency import label_figure
from medkd.evidence.figures.picture import Picture
from medkd.evidence.figures.reliability import reliability_figures
from medkd.evidence.figures.training import training_figure
from medkd.evidence.report_reader import read_report, upgraded
from medkd.evidence.report_schema import check_report
from medkd.evidence.scoring import write_predictions
from medkd.evidence.statistics.metrics import METRICS
from medkd.evidence.verdict import Verdict

JSON, PAGE, PREDICTIONS = "report.json", "report.html", "test_predictions.parquet"
DIFFERENCES = ("gain", "privileged_gain", "gap", "gap_closed")


class Estimate(NamedTuple):
    """A value with its interval; all three are None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class Report:
    """A comparison of student, baseline and teacher, for reading in Python: verdict, gains, tables and figures.

    Args:
        content: from ``assess``, or of a ``report.json`` of any version.
        predictions: ``test_predictions.parquet``, if it is at hand.

    Raises:
        MedkdError: the content does not fit the schema.
    """

    def __init__(self, content: Mapping[str, Any], predictions: Path | None = None) -> None:
        self._content = upgraded(content)
        check_report(self._content)
        self._predictions = predictions

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The report of a run's or a bundle's folder, or a ``report.json`` itself.

        Raises:
            InputError: there is no report, or it is damaged.
        """
        path = Path(folder)
        file = path / JSON if path.is_dir() else path
        table = file.with_name(PREDICTIONS)
        return cls(read_report(file), table if table.is_file() else None)

    @property
    def verdict(self) -> Verdict:
        """Equal to its text, such as "helps"."""
        return Verdict(self._content["verdict"])

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        return str(self._content["sentence"])

    @property
    def gain(self) -> Estimate:
        """Student - baseline, at the largest label fraction; more is better whatever the metric."""
        return _estimate(self._content["gain"])

    @property
    def privileged_gain(self) -> Estimate | None:
        """Student - the student of a self-teacher; None where that control was not run."""
        interval = self._content["privileged_gain"]
        return None if interval is None else _estimate(interval)

    @property
    def arms(self) -> pl.DataFrame:
        """One row per arm at the largest label fraction: arm, value, low, high, seed_sd; ``to_pandas()`` for pandas."""
        keys = ("value", "low", "high", "seed_sd")
        rows = [{"arm": arm} | {key: values[key] for key in keys} for arm, values in self._content["arms"].items()]
        return pl.DataFrame(rows, schema={"arm": pl.String} | dict.fromkeys(keys, pl.Float64))

    def table(self) -> pl.DataFrame:
        """Every arm and difference at every label fraction: label_fraction, kind, name, value, low, high.

        ``kind`` is "arm", "difference" or "control" (a control student's gain).
        """
        rows: list[dict[str, Any]] = []
        for entry in self._content["label_efficiency"]:
            named = [("arm", arm, values) for arm, values in entry["arms"].items()]
            named += [("difference", name, entry[name]) for name in DIFFERENCES if entry[name] is not None]
            named += [("control", name, control["gain"]) for name, control in entry["controls"].items()]
            rows += [
                {"label_fraction": entry["label_fraction"], "kind": kind, "name": name} | _estimate(interval)._asdict()
                for kind, name, interval in named
            ]
        numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
        return pl.DataFrame(
            rows, schema={"label_fraction": pl.Float64, "kind": pl.String, "name": pl.String, **numbers}
        )

    @property
    def predictions(self) -> pl.DataFrame:
        """The scored test predictions, from which every figure can be recomputed.

        Raises:
            InputError: they are not beside the report, as in a bundle, which holds no patients.
        """
        if self._predictions is None:
            raise InputError(
                "report without predictions", where=PREDICTIONS, remedy="Load the run's folder, not the bundle's"
            )
        return read_table(self._predictions)

    @property
    def figures(self) -> dict[str, Figure]:
        """All figures, newly drawn, by name: see ``figure``."""
        return {name: picture.figure() for name, picture in self._pictures.items()}

    def figure(self, name: str) -> Figure:
        """One figure, newly drawn: differences, arms, labels, subgroups, roc, reliability or decision.

        Where the target has several classes the last three are named with the class: "roc: atrial fibrillation".

        Raises:
            InputError: the report has no such figure.
        """
        if name not in self._pictures:
            raise InputError(f"no figure '{name}'", where="report", remedy=nearest(name, self._pictures))
        return self._pictures[name].figure()

    def html(self) -> str:
        """The page, as ``report.html`` holds it, without training curves and the cohort's flow."""
        return render(self._content)

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        return self._content

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        task, cohort = self._content["task"], self._content["cohort"]
        return f"Report(task={task!r}, cohort={cohort!r}, verdict={self.verdict.value!r})"

    def _repr_html_(self) -> str:
        picture = self._pictures["differences"]
        return Markup('<div style="max-width: 640px"><b style="color: {}">{}</b><p>{}</p>{}</div>').format(
            self.verdict.accent, self.verdict.label, self.sentence, picture
        )

    @cached_property
    def _pictures(self) -> dict[str, Picture]:
        content = self._content
        pictures = {
            "differences": difference_figure(content),
            "arms": arms_figure(content),
            "labels": label_figure(content),
            "subgroups": subgroup_figure(content),
        }
        named = {name: picture for name, picture in pictures.items() if picture is not None}
        classes = content["classes"]
        by_class = {"roc": roc_figures, "reliability": reliability_figures, "decision": decision_figures}
        for name, draw in by_class.items():
            for label, picture in zip(classes, draw(content), strict=False):
                named[name if len(classes) == 1 else f"{name}: {label}"] = picture
        return named


def write_report(
    out: Path,
    report: Mapping[str, Any],
    predictions: pl.DataFrame,
    histories: Sequence[pl.DataFrame] = (),
    flow: Sequence[tuple[str, int]] = (),
    aside: Sequence[tuple[str, int]] = (),
) -> None:
    """Write ``report.json``, ``test_predictions.parquet`` and ``report.html`` into a folder, each whole or not at all.

    Args:
        out: the folder; created if it is missing.
        report: from ``assess``; checked against the schema first.
        predictions: from ``score_predictions``.
        histories: training curves: arm, seed, fold, step, name, value.
        flow: how the cohort was selected: (reason, samples), the first being all samples before any exclusion.
        aside: values of shared tables that were left out: (reason, values); 0 means that a whole table is missing.

    Raises:
        MedkdError: the report does not fit its schema.
    """
    check_report(report)
    page = render(report, histories, flow, aside)
    write_predictions(out / PREDICTIONS, predictions)
    write_json(out / JSON, report)
    write_text(out / PAGE, page)


def render(
    report: Mapping[str, Any],
    histories: Sequence[pl.DataFrame] = (),
    flow: Sequence[tuple[str, int]] = (),
    aside: Sequence[tuple[str, int]] = (),
) -> str:
    """The page: no script, no request to any server, all text from outside escaped.

    Args:
        report: from ``assess``.
        histories: see ``write_report``.
        flow: see ``write_report``.
        aside: see ``write_report``.
    """
    page = page_environment()
    page.filters |= {"arm": arm_name, "colour": arm_colour}
    roc = roc_figures(report)
    names = list(next(iter(report["arms"].values())).get("metrics", {}))
    return page.get_template("report.html.j2").render(
        report=report,
        verdict=Verdict(report["verdict"]),
        difference=difference_figure(report),
        arms=arms_figure(report),
        labels=label_figure(report),
        roc=roc,
        calibration=reliability_figures(report),
        decision=decision_figures(report),
        training=training_figure(histories, across=2 if len(roc) == 1 else 4),
        subgroups=subgroup_figure(report),
        metrics={name: METRICS[name].title for name in names},
        shown=list(COLOURS),
        failed=[check for check in report["leak_audit"] if not check["passed"]],
        flow=flow,
        aside=aside,
    )


def page_environment(package: str = "medkd.evidence") -> Environment:
    """A package's templates, and beside them ``look.css.j2``, which all pages share.

    Args:
        package: dotted name of the package that holds the page's own template.
    """
    loaders = [PackageLoader(name, ".") for name in dict.fromkeys((package, "medkd.evidence"))]
    environment = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals["verdicts"] = list(Verdict)
    return environment


def _estimate(interval: Mapping[str, float | None]) -> Estimate:
    return Estimate(interval["value"], interval["low"], interval["high"])
