from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import polars as pl
import pytest

from medkd.data.core.target import Target
from medkd.errors import InputError, MedkdError
from medkd.evidence.assess import assess
from medkd.evidence.figures.appearance import COLOURS
from medkd.evidence.leaks.checks import Check
from medkd.evidence.report import Report, render, write_report
from medkd.evidence.scoring import score_predictions
from medkd.evidence.settings import EvidenceSettings
from tests.evidence.simulated import BINARY, simulate

QUICK = EvidenceSettings(replicates=100)
PROVENANCE = {
    "split_sha256": "a",
    "config_sha256": "b",
    "data_sha256": "c",
    "versions": {"medkd": "0"},
    "command": "medkd distill x",
}
HISTORY = pl.DataFrame(
    {
        "arm": ["baseline", "student"] * 3,
        "seed": 0,
        "fold": 0,
        "step": [0, 0, 1, 1, 2, 2],
        "name": "val_loss",
        "value": [3.0, 3, 2, 1.5, 1, 0.5],
    }
)


def made(target: Target = BINARY, **options: Any) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    predictions, samples = simulate(n=200, seeds=2, folds=3, target=target, **options)
    scored = score_predictions(predictions, target, QUICK, samples)
    audit = [Check("subjects", True, "none shared")]
    return (
        scored,
        samples,
        assess(scored, samples, target, QUICK, audit, PROVENANCE, task="ecg_lead", cohort="ptbxl", protocol="kfold:3"),
    )


def test_three_files_are_written_and_the_report_follows_from_the_parquet(tmp_path: Path) -> None:
    scored, samples, report = made(fractions=(0.3, 1.0))
    write_report(tmp_path / "out", report, scored, [HISTORY], [("records found", 210), ("in the study", 200)])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "report.json",
        "test_predictions.parquet",
    ]
    table = pl.read_parquet(tmp_path / "out" / "test_predictions.parquet")
    assert {
        "sample",
        "subject",
        "fold",
        "seed",
        "arm",
        "score",
        "label_fraction",
        "class",
        "calibrated",
        "threshold",
        "y",
    } <= set(table.columns)
    again = assess(
        table, samples.select("sample_id"), BINARY, QUICK, [Check("subjects", True, "none shared")], PROVENANCE
    )
    on_disk = json.loads((tmp_path / "out" / "report.json").read_text())
    for key in (
        "arms",
        "gain",
        "privileged_gain",
        "gap_closed",
        "controls",
        "label_efficiency",
        "calibration",
        "curves",
        "subgroups",
        "verdict",
    ):
        assert again[key] == on_disk[key], key


def test_the_page_stands_alone_and_shows_what_it_must() -> None:
    _, _, report = made(fractions=(0.3, 1.0))
    page = render(
        report,
        [HISTORY],
        [("records found", 210)],
        [("labs: outside plausible limits", 17), ("notes: its table is not there", 0)],
    )
    assert not re.search(r"(src|href)\s*=\s*\"(?!#)|@import|url\((?!#)|<script|<link|<iframe", page)
    assert set(re.findall(r"https?://[^\"\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", page)) <= set(identifiers)
    assert len(page) < 1_500_000
    assert page.index(report["sentence"].replace("'", "&#39;")) < page.index("<svg")
    for words in (
        "research use; not a medical device",
        "ROC",
        "Calibration",
        "Decision curve",
        "val_loss",
        "How many labels it takes",
    ):
        assert words in page
    for words in ("Gain: student over baseline", "not shown: ", "records found", "medkd distill x", "none shared"):
        assert words in page
    for words, count in (("labs: outside plausible limits", "17"), ("notes: its table is not there", "\N{EN DASH}")):
        assert f'<td>{words}</td><td class="n">{count}</td>' in page
    assert "Values set aside" not in render(report, [HISTORY], [("records found", 210)])


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
def test_every_word_from_outside_is_escaped(kind: str) -> None:
    # Neither a tag, nor a formula, nor the end of an attribute, nor a glyph of the measuring font.
    bad = '<script>$x$</script>"心'
    target = (
        Target(bad, "binary", ("x",), (bad,), rule=bad)
        if kind == "binary"
        else Target(bad, "multilabel", ("x", "y"), (bad, "b"))
    )
    predictions, samples = simulate(n=200, seeds=1, folds=2, target=target)
    samples = samples.with_columns(site=pl.lit(bad))
    scored = score_predictions(predictions, target, QUICK, samples)
    provenance = {**PROVENANCE, "command": bad, bad: bad, "versions": {bad: bad}}
    options = {"task": bad, "cohort": bad, "protocol": bad, "student_view": bad, "teacher_view": bad}
    report = assess(scored, samples, target, QUICK, [Check(bad, False, bad)], provenance, **options)
    page = render(report, [HISTORY.with_columns(name=pl.lit(bad))], [(bad, 1)], [(bad, 1)])
    assert "<script" not in page
    assert page.count("&lt;script&gt;$x$") > 10
    pictures = re.findall(r'<figure role="img" aria-label="([^"]+)"><svg.*?</svg></figure>', page, re.DOTALL)
    assert len(pictures) == page.count("<svg") == (7 if kind == "binary" else 10)
    assert sum("&lt;script&gt;$x$" in label for label in pictures) >= 3
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    assert any(words.startswith("&lt;script&gt;$x$") for words in drawn)


def test_the_same_report_gives_the_same_bytes_and_leaves_no_trace(tmp_path: Path) -> None:
    scored, _, report = made(fractions=(0.3, 1.0))
    before = dict(matplotlib.rcParams)
    first = render(report, [HISTORY])
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert render(report, [HISTORY]) == first
    assert dict(matplotlib.rcParams) == before
    program = "import sys, medkd.evidence.report; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == 0
    write_report(tmp_path / "out", report, scored, [HISTORY])
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == first


def test_an_arm_has_one_colour_in_every_picture() -> None:
    _, _, report = made(fractions=(0.3, 1.0))
    page = render(report, [HISTORY])
    pictures = dict(re.findall(r'<figure role="img" aria-label="([^"]+)">(.*?)</figure>', page, re.DOTALL))
    for words in ("AUROC of each model", "AUROC of teacher", "ROC curves", "Calibration", "Decision curves"):
        (picture,) = (found for label, found in pictures.items() if label.startswith(words))
        assert all(colour in picture for colour in COLOURS.values()), words


def test_a_report_that_breaks_the_contract_is_refused_and_nothing_written(tmp_path: Path) -> None:
    scored, _, report = made()
    with pytest.raises(MedkdError, match="schema"):
        write_report(tmp_path, report | {"verdict": "splendid"}, scored)
    with pytest.raises(MedkdError, match="schema"):
        write_report(tmp_path, {key: value for key, value in report.items() if key != "gain"}, scored)
    assert list(tmp_path.iterdir()) == []


def test_a_page_of_two_arms_of_one_seed_without_audit_renders() -> None:
    target = BINARY
    predictions, samples = simulate(n=80, seeds=1, folds=2, strength={"student": 0.6, "baseline": 0.5})
    report = assess(
        predictions, samples.select("sample_id"), target, QUICK, [], {**PROVENANCE, "command": ""}, fast=True
    )
    page = render(report)
    assert "No leak audit was made" in page
    assert "Not a valid comparison" in page
    regression = Target("age", "regression", ("age",))
    predictions = predictions.with_columns(pl.lit("age").alias("class"))
    report = assess(predictions, samples, regression, EvidenceSettings(metric="rmse", replicates=50), [], PROVENANCE)
    assert "RMSE" in render(report)


def test_a_report_is_read_in_python(tmp_path: Path) -> None:
    scored, _, content = made(fractions=(0.3, 1.0))
    write_report(tmp_path / "out", content, scored)
    report = Report.load(tmp_path / "out")
    assert report.verdict == content["verdict"]
    assert str(report) == report.sentence == content["sentence"]
    assert report.gain._asdict() == content["gain"]
    assert report.privileged_gain is not None
    assert report.privileged_gain._asdict() == content["privileged_gain"]
    assert dict(report.arms.select("arm", "value").iter_rows()) == {
        arm: values["value"] for arm, values in content["arms"].items()
    }
    assert report.predictions.equals(scored)
    assert repr(report) == f"Report(task='ecg_lead', cohort='ptbxl', verdict={content['verdict']!r})"
    table = report.table()
    for entry in content["label_efficiency"]:
        rows = table.filter(label_fraction=entry["label_fraction"])
        values = {(kind, name): value for _, kind, name, value, _, _ in rows.iter_rows()}
        assert values["difference", "gain"] == entry["gain"]["value"]
        assert values["arm", "baseline"] == entry["arms"]["baseline"]["value"]
        assert values["control", "shuffled_teacher"] == entry["controls"]["shuffled_teacher"]["gain"]["value"]


def test_its_figures_are_those_of_the_page() -> None:
    _, _, content = made(fractions=(0.3, 1.0))
    report = Report(content)
    assert set(report.figures) == {"differences", "arms", "labels", "subgroups", "roc", "reliability", "decision"}
    lines = {line.get_label(): line.get_ydata() for line in report.figure("roc").axes[0].get_lines()}
    assert lines["student"].tolist() == content["curves"]["roc"]["classes"]["conduction disturbance"]["student"]
    assert str(report._pictures["roc"].svg()) in report.html()
    with pytest.raises(InputError, match=r"no figure 'rok'.*Did you mean 'roc'"):
        report.figure("rok")
    with pytest.raises(InputError, match="without predictions"):
        _ = report.predictions
    both = Target("super", "multilabel", ("norm", "mi"), ("NORM", "MI"))
    assert {"roc: NORM", "roc: MI", "decision: MI"} <= set(Report(made(both)[2]).figures)


def test_a_notebook_shows_the_sentence_and_no_foreign_markup() -> None:
    _, _, content = made()
    shown = Report(content | {"sentence": "<script>x</script>"})._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<svg" in shown
