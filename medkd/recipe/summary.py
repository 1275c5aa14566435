"""What a finished run says in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def summary(report: Mapping[str, Any], run: Path, stages: int, seconds: float) -> str:
    """Arms and differences with their intervals at each label fraction, the sentence, and where to look."""
    lines = []
    for entry in report["label_efficiency"]:
        lines.append(f"\n{report['metric']} at {100 * entry['label_fraction']:g} % of the labels (95 % interval over test subjects)")
        lines += [f"  {name:<28}{_interval(held)}" for name, held in entry["arms"].items()]
        lines.append(f"  {'gain (student - solo)':<28}{_interval(entry['gain'], signed=True)}")
        if entry.get("privileged_gain"):
            lines.append(f"  {'privileged gain':<28}{_interval(entry['privileged_gain'], signed=True)}")
        for name, held in entry.get("controls", {}).items():
            lines.append(f"  {'control ' + name:<28}{_interval(held['gain'], signed=True)}")
        lines.append(f"  verdict: {entry['verdict']}")
    lines.append(f"\n{report['sentence']}")
    lines.append(f"\n{stages} stages in {seconds:.0f} s. Report: {run / 'report.html'}  Bundle: {run / 'bundle'}")
    lines.append("Research use; not a medical device.")
    return "\n".join(lines)


def _interval(held: Mapping[str, Any], *, signed: bool = False) -> str:
    if held.get("value") is None:
        return "not defined"
    form = "{:+.3f}" if signed else "{:.3f}"
    low, high = (form.format(held[key]) if held.get(key) is not None else "?" for key in ("low", "high"))
    return f"{form.format(held['value'])} [{low}, {high}]"
