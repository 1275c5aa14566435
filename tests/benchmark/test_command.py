"""``medkd benchmark`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkd.cli import main


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("privilege", "Did you mean 'privileged'?"),
        ("privileged --objectives soft_label", "Did you mean 'soft_labels'?"),
        ("privileged --objectives attention_transfer", "needs feature maps"),
        ("privileged --objectives ,", "is not a list of names"),
        ("privileged --root x", "Name it with --cohort"),
        ("privileged --cohort ptbxll --root x", "no task has a recipe for cohort 'ptbxll'"),
        ("privileged --cohort ptbxl", "--root"),
        ("privileged --seeds 1", "one seed has no interval"),
    ],
)
def test_a_slip_ends_in_one_line(words: str, part: str, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["benchmark", *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert part in error
    assert not list(tmp_path.iterdir())
