"""Readers at work on the real command while it is killed: a short form of benchmarks/viewer_load.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_what_was_acknowledged_survives_a_killed_server(fast_run: Path, checkout: Path):
    script = checkout / "benchmarks" / "viewer_load.py"
    if not script.exists():
        pytest.skip("benchmarks are not part of this distribution")
    words = [
        "--run",
        str(fast_run),
        "--readers",
        "5",
        "--seconds",
        "4",
        "--kill-seconds",
        "3",
        "--think",
        "0.05",
        "0.2",
        "--once",
    ]
    done = subprocess.run(
        [sys.executable, str(script), *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["errors"], result["lost verdicts"]) == (0, [])
    # Verdicts were stored before and while it was killed, and readers noticed that it was.
    assert 0 < result["verdicts"] < result["killed"]["verdicts"]
    assert result["killed"]["cut off"] > 0
    assert result["audit"].startswith("The audit log is whole: ")
