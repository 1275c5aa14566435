"""One page says what a bundle is, whoever wrote the names in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import write_sums
from medkd.deploy.bundle.describe import describe
from medkd.errors import InputError


def test_it_says_what_the_bundle_is(full_bundle: Path) -> None:
    page = describe(full_bundle)
    bundle = Bundle.load(full_bundle)
    one_line = " ".join(page.split())
    for expected in (
        "Research use; not a medical device.",
        "cohort brugada_huca (CC BY-SA 4.0)",
        "reads ecg[I]",
        "AUROC, student 0.770 (0.670 to 0.870)",
        "Brier score 0.150 (0.050 to 0.250)",
        "verdict no evidence. There is no evidence that the teacher helps.",
        "threshold brugada: calibrated probability 0.310",
        "held the truth in 91% of test items (90% wanted)",
        "input drift reference of 40 training samples",
        "weak subgroup sex female: AUROC 0.700 (0.600 to 0.800), n = 120",
        "not measured 1 subgroups that were too small",
        bundle.bundle_sha256,
        bundle.model_sha256,
    ):
        assert expected in one_line
    assert max(map(len, page.splitlines())) <= 110


def test_a_bundle_of_the_version_before_is_described(bundle_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    card = json.loads((copy / "card.json").read_text())
    for key in ("flow", "participants", "coverage", "drift", "weakest", "not_done"):
        card.pop(key)
    (copy / "card.json").write_text(json.dumps(card | {"schema_version": 1}))
    write_sums(copy)
    page = describe(copy)
    assert "none in this bundle" in page
    assert "sex female" in page
    (copy / "card.json").unlink()
    write_sums(copy)
    with pytest.raises(InputError, match=r"card\.json"):
        describe(copy)


def test_no_name_in_it_reaches_the_terminal_as_a_command(bundle_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    card = json.loads((copy / "card.json").read_text())
    card |= {
        "task": "\x1b[2Jtask",
        "view": "a\x1b]0;title\x07b",
        "sentence": "one\rtwo\nthree\u202e",
        "metric_title": "\x1b[31m",
    }
    (copy / "card.json").write_text(json.dumps(card))
    write_sums(copy)
    page = describe(copy)
    assert all(sign.isprintable() or sign == "\n" for sign in page)
    assert "one two three?" in " ".join(page.split())
