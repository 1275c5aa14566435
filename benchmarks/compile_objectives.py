"""Every objective under torch.compile with inductor: the same value as without, and how long compiling takes.

    python benchmarks/compile_objectives.py

It runs the contract test of ``tests/objectives/test_contract.py`` with inductor instead of ``aot_eager``, one objective
after the other in an empty cache, and prints the seconds of each. Inductor needs a C++ compiler: without one
``aot_eager`` is tried, which traces forward and backward but generates no code, and the output says so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEST = "tests/objectives/test_contract.py"


def main() -> int:
    """0 if every objective gives the same value."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--only", default="", help="part of the names of those to try")
    only = parser.parse_args().only
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++")), "")
    backend = "inductor" if compiler else "aot_eager"
    print(
        f"backend {backend}, "
        + (f"compiler {compiler}" if compiler else "since there is no C++ compiler: no code is generated"),
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        environment = {"MEDKD_COMPILE_BACKEND": backend, "TORCHINDUCTOR_CACHE_DIR": folder, "OMP_NUM_THREADS": "1"}
        pick = f"compiles_to_the_same_value and {only}" if only else "compiles_to_the_same_value"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            TEST,
            "-k",
            pick,
            f"--junitxml={report}",
        ]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        if not report.exists():
            print(done.stdout + done.stderr, file=sys.stderr)
            return 1
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 (the report that pytest has just written)
    failed = 0
    for case in cases:
        trouble = case.find("failure") if case.find("error") is None else case.find("error")
        failed += trouble is not None
        says = "same value" if trouble is None else f"FAILED: {trouble.get('message', '').splitlines()[0]}"
        print(f"{case.get('name', '').partition('[')[2].rstrip(']'):28} {float(case.get('time', 0)):6.1f} s  {says}")
    total = sum(float(case.get("time", 0)) for case in cases)
    print(
        f"{len(cases)} objectives in {total:.0f} s, {failed} not the same: "
        f"{'FAILED' if failed or not cases else 'passed'}"
    )
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    raise SystemExit(main())
