"""Each package offers the names of its stub, imports none of them before it is asked, and the root can be called."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import medkd

ROOT = Path(medkd.__file__).parent
STUBS = sorted(ROOT.rglob("__init__.pyi"))


def package_of(stub: Path) -> str:
    return ".".join(("medkd", *stub.parent.relative_to(ROOT).parts))


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_every_exported_name_is_that_of_its_module(stub: Path) -> None:
    package = importlib.import_module(package_of(stub))
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(f"{package.__name__}.{node.module}")
            for alias in node.names:
                # The room of this name takes the function's place once it was imported, and calls it.
                if (package.__name__, alias.name) != ("medkd", "distill"):
                    assert getattr(package, alias.name) is getattr(module, alias.name)
    assert set(package.__all__) <= set(dir(package))


def test_importing_the_root_imports_nothing_heavy() -> None:
    script = (
        "import sys, medkd; print([name for name in ('torch', 'polars', 'pydantic', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_distill_is_a_room_and_a_function() -> None:
    from medkd.distill.bank import TeacherBank

    assert medkd.TeacherBank is TeacherBank
    with pytest.raises(medkd.errors.InputError, match="no task 'no_such_task'"):
        medkd.distill("no_such_task")
