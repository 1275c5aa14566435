"""Every example runs as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS, NOTEBOOKS = sorted(EXAMPLES.glob("*.py")), sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs(script: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "95% interval of the difference" in done.stdout


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    assert not any(cell.get("outputs") for cell in content.cells), "commit notebooks without outputs"
    NotebookClient(content, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    shown = [output for cell in content.cells for output in cell.get("outputs", [])]
    assert [output for output in shown if "image/png" in output.get("data", {})], "no figure was shown"
    assert not [output for output in shown if output["output_type"] == "error"]


def test_the_examples_are_listed() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (*SCRIPTS, *NOTEBOOKS) if f"({path.name})" not in text] == []
    assert SCRIPTS
    assert NOTEBOOKS
