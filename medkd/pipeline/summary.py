"""What a finished run says in the terminal."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def summary(report: Mapping[str, Any], run: Path, stages: int, seconds: float, program: str = "medkd") -> str:
    """Arms and differences with their intervals at each label fraction, the sentence, and where to look."""
    lines = []
    for entry in report["label_efficiency"]:
        lines.append(
            f"\n{report['metric']} at {100 * entry['label_fraction']:g} % of the labels (95 % interval over test subjects)"
        )
        lines += [f"  {name:<28}{_interval(held)}" for name, held in entry["arms"].items()]
        lines.append(f"  {'gain (student - baseline)':<28}{_interval(entry['gain'], signed=True)}")
        if entry.get("privileged_gain"):
            lines.append(f"  {'privileged gain':<28}{_interval(entry['privileged_gain'], signed=True)}")
        for name, held in entry.get("controls", {}).items():
            lines.append(f"  {'control ' + name:<28}{_interval(held['gain'], signed=True)}")
        lines.append(f"  verdict: {entry['verdict']}")
    lines.append(f"\n{report['sentence']}")
    lines.append(f"\n{stages} stages in {seconds:.0f} s. Report: {run / 'report.html'}  Bundle: {run / 'bundle'}")
    lines.append(f"See its cases: {shlex.join([program, 'app', str(run / 'bundle'), '--cases', str(run)])}")
    lines.append("Research use; not a medical device.")
    return "\n".join(lines)


def program_typed() -> str:
    """How medkd can be typed here: by its name where a shell finds that, else as it was typed."""
    return "medkd" if shutil.which("medkd") else sys.argv[0]


def _interval(held: Mapping[str, Any], *, signed: bool = False) -> str:
    if held.get("value") is None:
        return "not defined"
    form = "{:+.3f}" if signed else "{:.3f}"
    low, high = (form.format(held[key]) if held.get(key) is not None else "?" for key in ("low", "high"))
    return f"{form.format(held['value'])} [{low}, {high}]"
