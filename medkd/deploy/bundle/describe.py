"""Description of a bundle on one page of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.card.card_schema import INTENDED_USE, Card, read_card
from medkd.deploy.bundle.card.formatting import metric_name, percent, with_interval
from medkd.deploy.bundle.card.methods import gives
from medkd.deploy.bundle.card.results import coverage_lines
from medkd.deploy.bundle.checksums import SIGNATURE, SUMS, read_checked
from medkd.deploy.bundle.layout import CARD
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.distill.learner import WEIGHTS
from medkd.errors import InputError
from medkd.evidence.calibration.conformal import VALUES

_INDENT = 24
_WIDTH = 110


def describe(bundle_folder: Path, trust: Sequence[str] = (), *, key: Path | None = None) -> str:
    """Task, cohort, input, output, headline figures, operating point, sets, weak subgroups, limits and digests.

    Args:
        bundle_folder: the bundle; it is checked and loaded as for scoring.
        trust: packages beside medkd whose classes it may name.
        key: a public key (PEM) that it must be signed with.

    Raises:
        InputError: it cannot be loaded, is not signed with the key, or holds no card.
    """
    folder = Path(bundle_folder)
    files = read_checked(folder)
    bundle = Bundle.load(folder, trust, runtime="torch" if files.keys() & set(WEIGHTS) else "onnx", key=key)
    if CARD not in files:
        raise InputError(
            f"file '{CARD}' is missing", where=f"bundle {folder}", remedy="Copy the bundle again from its source"
        )
    card = read_card(files[CARD], f"bundle {folder}, {CARD}")
    lines = [
        f"{plain(card.task)}: a bundle of {len(files.keys() - {SUMS, SIGNATURE})} files that equal their {SUMS}. "
        f"{INTENDED_USE}",
        "",
    ]
    before = ""
    for label, text in (
        *_what(card),
        *_figures(card),
        *_deciding(card, bundle),
        *_reach(card),
        *_digests(card, bundle),
    ):
        shown = "" if label == before else plain(label)
        lines += textwrap.wrap(
            f"{shown:<{_INDENT}}{plain(text)}", _WIDTH, subsequent_indent=" " * _INDENT, break_on_hyphens=False
        )
        before = label
    return "\n".join(lines)


def plain(text: Any) -> str:
    r"""One line without control characters: a name in a bundle cannot move a terminal's cursor or colour it.

    >>> plain("a\x1b[31mb\nc")
    'a?[31mb c'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(text).split()))


Rows = Iterator[tuple[str, str]]


def _what(card: Card) -> Rows:
    licence = card.cohort.licence
    yield "cohort", card.cohort.name + (f" ({licence})" if licence else "")
    yield "reads", card.view
    yield "gives", f"{gives(card)}; rule: {card.target.rule or 'not stated'}"
    if card.teacher_view:
        yield "taught by", f"a model that reads {card.teacher_view}"
    if card.purpose:
        yield "purpose", card.purpose


def _figures(card: Card) -> Rows:
    n = card.n
    yield (
        "tested",
        f"{card.protocol}; {n.get('test_subjects', 'unknown')} subjects; seeds: {n.get('seeds', 'unknown')}",
    )
    for name, row in card.figures.items():
        if name in ("student", "baseline", "teacher", "gain", "privileged gain"):
            yield f"{card.metric_title}, {name}" if not name.endswith("gain") else name, with_interval(row)
    for name, row in card.student_metrics.items():
        if name != card.metric:
            yield metric_name(name), with_interval(row)
    yield "verdict", f"{card.verdict}. {card.sentence}"


def _deciding(card: Card, bundle: Bundle) -> Rows:
    if bundle.target.kind not in VALUES:
        yield "temperature", f"{bundle.temperature:.3f}"
    rule = card.calibration["operating_point"].get("chosen_for", "")
    for name, threshold in bundle.threshold.items():
        if threshold is not None:
            yield (
                "threshold",
                f"{name}: calibrated probability {threshold:.3f}" + (f", chosen for {rule}" if rule else ""),
            )
    if bundle.conformal is None:
        yield "conformal sets", "none in this bundle"
    else:
        untested = f"{percent(bundle.conformal.coverage)} wanted; the coverage was not measured"
        yield "conformal sets", " ".join(coverage_lines(card)) or untested
    reference = (
        "none in this bundle" if bundle.drift is None else f"reference of {bundle.drift.samples} training samples"
    )
    yield "input drift", reference


def _reach(card: Card) -> Rows:
    for row in card.weakest:
        yield (
            "weak subgroup",
            f"{row.by} {row.group}: {card.metric_title} {with_interval(row)}, n = {row.n}",
        )
    hidden = sum(1 for row in card.subgroups if row.suppressed)
    if hidden:
        yield "not measured", f"{hidden} subgroups that were too small"
    failed = [check.check for check in card.leak_audit if not check.passed]
    if failed:
        audit = f"FAILED: {'; '.join(failed)}"
    else:
        audit = f"{len(card.leak_audit)} checks passed" if card.leak_audit else "none was made"
    yield "leak audit", audit
    for limit in card.limits:
        yield "limit", limit
    for line in card.not_done:
        yield "not done", line


def _digests(card: Card, bundle: Bundle) -> Rows:
    yield "bundle sha256", bundle.bundle_sha256
    yield "model sha256", f"{bundle.model_sha256} ({bundle.network.weights_file})"
    if "onnx" in card.provenance:
        yield OnnxNetwork.weights_file, str(card.provenance["onnx"])
    for key, value in card.provenance.items():
        if value and (key.endswith("sha256") or key.startswith("versions.")):
            yield (
                ("made with", f"{key.removeprefix('versions.')} {value}")
                if key.startswith("versions.")
                else (key.replace("_", " "), str(value))
            )
