"""Names of a bundle's files are these alone, and commands can take them without anything heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

from medkd.deploy.bundle import layout
from medkd.deploy.bundle.checksums import SUMS
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.distill.learner import WEIGHTS

HEAVY = ("numpy", "torch", "polars", "pydantic")


def test_a_bundle_holds_no_file_of_another_name(bundle_folder: Path, full_bundle: Path) -> None:
    named = {layout.CONFIG, layout.PREPROCESS, layout.CALIBRATION, layout.REPORT, layout.CARD, layout.CARD_PAGE}
    for folder, optional in ((bundle_folder, set()), (full_bundle, {layout.DRIFT})):
        others = {path.name for path in folder.iterdir()} - named - optional
        assert others <= {SUMS, OnnxNetwork.weights_file, *WEIGHTS}
        assert named | optional <= {path.name for path in folder.iterdir()}


def test_options_of_a_command_import_nothing_heavy() -> None:
    """``medkd predict --help`` must not wait for torch: what names choices for options is imported before it."""
    code = (
        "import sys, medkd.deploy.bundle.layout, medkd.deploy.bundle.trust_options, medkd.deploy.inference.command, "
        f"medkd.deploy.evaluation.command; print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_choice_is_listed_once() -> None:
    assert get_args(layout.Runtime) == layout.RUNTIMES
    assert len(set(layout.RUNTIMES)) == len(layout.RUNTIMES)
    assert len(set(layout.FORMS)) == len(layout.FORMS)
