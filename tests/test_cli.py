"""Command line: what a user types, and what comes back."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medkd.cli import main
from medkd.commands import COMMANDS
from medkd.errors import CheckFailed, InputError
from medkd.parser import take_overrides

Stand = Callable[[str, Callable[[Any], int]], None]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Put a function in the place of a command's ``main``."""

    def put(command: str, function: Callable[[Any], int]) -> None:
        monkeypatch.setattr(COMMANDS[command].load(), "main", function)

    return put


def raising(error: BaseException) -> Callable[[Any], int]:
    def function(namespace: Any) -> int:
        raise error

    return function


def line_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("medkd: ")
    return said.err.removeprefix("medkd: ").rstrip("\n")


def test_help_and_version(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0
    overview = capsys.readouterr().out
    assert all(f"\n  {name} " in overview for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("medkd 0.")
    assert main([]) == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_parses(
    name: str, capsys: pytest.CaptureFixture[str], stand_in: Stand
):
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    example = COMMANDS[name].example
    assert example.startswith(f"medkd {name}")
    assert f"example:\n  {example}\n" in shown
    called: list[Any] = []

    def keep(namespace: Any) -> int:
        called.append(namespace)
        return 0

    stand_in(name, keep)
    assert main(example.split()[1:]) == 0
    assert [namespace.command for namespace in called] == [name]


def test_distill_gets_its_options_and_the_dotted_ones(stand_in: Stand):
    got: dict[str, Any] = {}

    def distill(namespace: Any) -> int:
        got.update(vars(namespace))
        return 0

    stand_in("distill", distill)
    words = "distill --student.rate 1e-3 ecg_lead --labels 0.3,1 --cohort ptbxl --protocol kfold:5 --seeds 3 --fast"
    assert main([*words.split(), "--teacher.a.b=[1,2]"]) == 0
    assert got["task"] == "ecg_lead"
    assert got["label_fractions"] == (0.3, 1.0)
    assert (got["seeds"], got["fast"], got["root"], got["out"]) == (3, True, None, None)
    assert got["overrides"] == ["student.rate=1e-3", "teacher.a.b=[1,2]"]


def test_an_override_may_be_negative_but_not_missing():
    assert take_overrides(["--a.b", "-0.5"]) == ([], ["a.b=-0.5"])
    with pytest.raises(InputError, match="has no value"):
        take_overrides(["--a.b", "--out"])


def test_lightning_commands_pass_every_word_on(stand_in: Stand):
    got: list[str] = []

    def keep(namespace: Any) -> int:
        got.extend([namespace.command, *namespace.words])
        return 0

    stand_in("validate", keep)
    assert main(["validate", "--config", "x.yaml", "--trainer.max_epochs", "3", "--debug"]) == 0
    assert got == ["validate", "--config", "x.yaml", "--trainer.max_epochs", "3"]


def test_verify_gets_its_arguments(stand_in: Stand):
    got: dict[str, Any] = {}

    def keep(namespace: Any) -> int:
        got.update(vars(namespace))
        return 0

    stand_in("verify", keep)
    assert main(["verify", "golden", "--strict", "--allow-skip", "a/b", "--allow-skip", "c/*"]) == 0
    assert (got["folder"], got["strict"], got["allow_skip"]) == (Path("golden"), True, ["a/b", "c/*"])


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("distil ecg_lead", "unknown command 'distil' (medkd). Did you mean 'distill'?"),
        ("--hlep", "Did you mean '--help'?"),
        ("distill --cohrt x ecg_lead", "unknown option '--cohrt' (medkd distill). Did you mean '--cohort'?"),
        ("distill --coh x ecg_lead", "unknown option '--coh'"),
        ("distill", "required: TASK"),
        ("distill a b", "'b' is one argument too many"),
        ("distill a --out", "--out"),
        ("distill a --seeds 0", "'0' is not a whole number of 1 or more"),
        ("distill a --seeds three", "'three' is not a whole number"),
        ("distill a --labels 30", "fractions above 0 and up to 1"),
        ("distill a --labels nan", "fractions above 0 and up to 1"),
        ("distill a --protocol kfold:1", "kfold:K"),
        ("cohort discribe ptbxl", "Did you mean 'describe'?"),
        ("list cohort", "Did you mean 'cohorts'?"),
        ("predict a b --out c --shard 5/4", "1 <= i <= n"),
        ("predict a b", "required: --out"),
    ],
)
def test_a_slip_ends_in_one_line_and_exit_2(typed: str, part: str, capsys: pytest.CaptureFixture[str]):
    assert main(typed.split()) == 2
    assert part in line_of(capsys)


def test_failures_and_their_exit_codes(stand_in: Stand, capsys: pytest.CaptureFixture[str]):
    typed = ["predict", "b", "i", "--out", "o dir"]
    stand_in("predict", raising(InputError("no such bundle", where="b", remedy="Give the folder")))
    assert main(typed) == 2
    assert line_of(capsys) == "no such bundle (b). Give the folder."
    stand_in("predict", raising(CheckFailed("sum differs", where="model.safetensors")))
    assert main(typed) == 1
    assert line_of(capsys) == "sum differs (model.safetensors)."
    stand_in("predict", raising(KeyboardInterrupt()))
    assert main(typed) == 130
    assert line_of(capsys) == "interrupted. To go on, type: medkd predict b i --out 'o dir'"
    stand_in("predict", raising(ValueError("first\nsecond")))
    assert main(typed) == 1
    said = line_of(capsys)
    assert said.startswith("something failed that was not foreseen (cli.py, line ")
    assert said.endswith("the whole of it is shown by: medkd predict b i --out 'o dir' --debug.")
    assert "first" not in said
    assert "ValueError" not in said
    stand_in("predict", raising(ModuleNotFoundError("No module named 'wfdb'", name="wfdb.io")))
    assert main(typed) == 2
    assert line_of(capsys) == "package 'wfdb' is not installed. Install it with: pip install 'medkd[ecg]'."
    stand_in("predict", lambda namespace: 1)
    assert main(typed) == 1


def test_debug_shows_the_traceback(stand_in: Stand, capsys: pytest.CaptureFixture[str]):
    stand_in("doctor", raising(ValueError("deep")))
    assert main(["doctor", "--debug"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "in function" in said


HEAVY = {"torch", "numpy", "polars", "lightning", "jsonargparse", "yaml", "pydantic", "optuna", "gradio"}


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]):
    script = f"import json, sys; from medkd.cli import main; main({words}); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert not loaded & HEAVY


@pytest.mark.parametrize(("words", "limit"), [(["--help"], 0.3), (["distill", "--help"], 0.3), (["list"], 2.0)])
def test_help_and_list_are_quick(words: list[str], limit: float):
    # In CPU time: what the same command takes on an idle core, however busy this machine is.
    best = float("inf")
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "medkd.cli", *words], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert best < limit


def test_a_reader_that_leaves_early_is_no_failure(tmp_path: Path):
    script = f"(sleep 0.2; exec {sys.executable} -m medkd.cli --help) | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
