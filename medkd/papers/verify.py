"""Golden vectors, numbers computed once from the published systems' own code, and the check of ours against them."""

from __future__ import annotations

import fnmatch
import importlib
import json
import pkgutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medkd.errors import InputError, MedkdError, nearest

PACKAGE = "medkd.papers"
"""The package whose modules offer implementations, each in a table ``GOLDEN``."""
Function = Callable[..., Mapping[str, Tensor]]
Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Case:
    """One case of a golden function: its inputs, the outputs expected, and the tolerances."""

    name: str
    params: Mapping[str, Any]
    rtol: float
    atol: float
    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class Outcome:
    """Result of one case: the largest absolute error, and the reason of a failure ("" if it passed)."""

    error: float
    failure: str = ""


def verify(folder: Path, strict: bool = False, allow_skip: Sequence[str] = ()) -> int:
    """Check every golden function below a folder, print a line for each and return the exit code.

    Args:
        folder: holds ``<function>.json`` and ``<function>.npz``, at any depth.
        strict: a function without an implementation is a failure.
        allow_skip: names ("system/function", ``*`` allowed) that may be skipped even so.

    Returns:
        0, or 1 if any case failed.

    Raises:
        InputError: the folder is missing, empty or corrupt, or a name to skip is not in it.
    """
    golden = read_golden(Path(folder))
    _check_names(allow_skip, golden)
    functions = implementations()
    counts: Counter[str] = Counter()
    for name, cases in golden.items():
        if name in functions:
            outcomes = {case.name: check(functions[name], case) for case in cases}
            failures = {case: outcome.failure for case, outcome in outcomes.items() if outcome.failure}
            counts["passed"] += len(cases) - len(failures)
            counts["failed"] += len(failures)
            largest = max(outcome.error for outcome in outcomes.values())
            print(f"{name:40} {len(cases):3} cases  largest error {largest:.1e}  {'FAILED' if failures else 'passed'}")
            for case, failure in failures.items():
                print(f"    {case}: {failure}")
        else:
            refused = strict and not any(fnmatch.fnmatchcase(name, pattern) for pattern in allow_skip)
            counts["failed" if refused else "skipped"] += len(cases)
            print(f"{name:40} {len(cases):3} cases  no implementation  {'FAILED' if refused else 'skipped'}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


def read_golden(folder: Path) -> dict[str, list[Case]]:
    """Every golden function below a folder, by name.

    Raises:
        InputError: the folder is missing, holds none, or a file in it cannot be read.
    """
    if not folder.is_dir():
        raise InputError(
            f"no such folder: {folder}", where="medkd verify", remedy="Give the folder that holds the golden vectors"
        )
    golden: dict[str, list[Case]] = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            description = json.loads(path.read_text(encoding="utf-8"))
            name = f"{description['system']}/{description['function']}"
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            golden[name] = [_case(entry, arrays) for entry in description["cases"]]
            if not golden[name] or not all(case.outputs for case in golden[name]):
                raise KeyError("no case, or a case without outputs")
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            what = f"{type(error).__name__}: {error}"
            raise InputError(
                f"golden vectors cannot be read, {what}", where=path, remedy="Fetch the file and its .npz again"
            ) from error
    if not golden:
        raise InputError(
            f"{folder} holds no golden vectors", where="medkd verify", remedy="They are pairs of .json and .npz"
        )
    return golden


def _case(entry: Mapping[str, Any], arrays: Arrays) -> Case:
    name = str(entry["name"])

    def part(side: str) -> Arrays:
        start = f"{name}/{side}/"
        return {key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)}

    return Case(name, entry["params"], float(entry["rtol"]), float(entry["atol"]), part("in"), part("out"))


def implementations() -> dict[str, Function]:
    """Every function that a module offers in its ``GOLDEN``, by name.

    Raises:
        MedkdError: two modules offer the same name.
    """
    functions: dict[str, Function] = {}
    origin: dict[str, str] = {}
    for module in _modules():
        for name, function in getattr(module, "GOLDEN", {}).items():
            # A module may import another's table; only two different functions are a contradiction.
            if name in functions and functions[name] is not function:
                raise MedkdError(
                    f"{name} is implemented twice",
                    where=f"{origin[name]}, {module.__name__}",
                    remedy="Keep one of them",
                )
            functions[name], origin[name] = function, module.__name__
    return functions


def _modules() -> Iterator[Any]:
    root = importlib.import_module(PACKAGE)
    for info in pkgutil.walk_packages(root.__path__, prefix=f"{PACKAGE}.", onerror=lambda _: None):
        try:
            yield importlib.import_module(info.name)
        except ImportError as error:
            if (error.name or "").startswith("medkd"):
                raise
            # A package of an extra that this user does not need: its functions are then skipped, with the reason.
            print(f"{info.name} is left out: {error}")


def check(function: Function, case: Case) -> Outcome:
    """Run one case in float64 and compare everything that it should give.

    ``grad.x`` is the gradient of ``loss`` to ``x``.
    """
    inputs = {name: _tensor(array) for name, array in case.inputs.items()}
    wanted = [name.removeprefix("grad.") for name in case.outputs if name.startswith("grad.")]
    try:
        for name in wanted:
            inputs[name].requires_grad_()
        got = dict(function(inputs, **case.params))
        if wanted:
            gradients = torch.autograd.grad(got["loss"].sum(), [inputs[name] for name in wanted], allow_unused=True)
            for name, gradient in zip(wanted, gradients, strict=True):
                got[f"grad.{name}"] = torch.zeros_like(inputs[name]) if gradient is None else gradient
    except Exception as error:  # any mistake of an implementation is that case's failure, not the run's
        return Outcome(float("inf"), f"{type(error).__name__}: {error}")
    outcomes = [_compare(name, got.get(name), array, case) for name, array in case.outputs.items()]
    return Outcome(
        max(outcome.error for outcome in outcomes), "; ".join(filter(None, (outcome.failure for outcome in outcomes)))
    )


def _compare(name: str, got: Tensor | None, expected: np.ndarray[Any, Any], case: Case) -> Outcome:
    if not isinstance(got, Tensor):
        return Outcome(float("inf"), f"{name} is not returned as a tensor")
    value = got.detach().cpu().numpy()
    if value.shape != expected.shape:
        return Outcome(float("inf"), f"{name} has shape {value.shape}, expected {expected.shape}")
    value, wanted = value.astype(np.float64), expected.astype(np.float64)
    same = (value == wanted) | (np.isnan(value) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0.0, np.nan_to_num(np.abs(value - wanted), nan=np.inf))
    largest = float(np.max(error, initial=0.0))
    if np.allclose(value, wanted, rtol=case.rtol, atol=case.atol, equal_nan=True):
        return Outcome(largest)
    return Outcome(largest, f"{name} is off by up to {largest:.1e} (rtol {case.rtol:g}, atol {case.atol:g})")


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    tensor = torch.from_numpy(array.copy())
    return tensor.double() if tensor.is_floating_point() else tensor


def _check_names(patterns: Sequence[str], golden: Mapping[str, object]) -> None:
    for pattern in patterns:
        if not fnmatch.filter(golden, pattern):
            raise InputError(f"no golden function '{pattern}'", where="--allow-skip", remedy=nearest(pattern, golden))
