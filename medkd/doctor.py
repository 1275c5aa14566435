"""Doctor: what this machine has and lacks for medkd, with the remedy of each fault."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medkd.parser import Parser

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OLDEST, NEWEST = (3, 11), (3, 13)
ROOM = 5 * 2**30
"""Bytes that prepared arrays and checkpoints of a small cohort may take."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table.

    Args:
        name: of the package, the extra or the resource.
        well: whether it is as it should be.
        detail: versions, names or the fault.
        remedy: shown where it is not well.
        needed: whether medkd cannot work without it.
    """

    name: str
    well: bool
    detail: str
    remedy: str = ""
    needed: bool = True

    def __str__(self) -> str:
        sign = "✓" if self.well else "✗" if self.needed else "-"
        return f"{sign} {self.name:<12}{self.detail}" + (f". {self.remedy}" if self.remedy and not self.well else "")


def add_arguments(parser: Parser) -> None:
    """The command takes no arguments of its own."""


def main(namespace: argparse.Namespace) -> int:
    """Print the table of ``medkd doctor``.

    Returns:
        1 if something that medkd needs is missing or broken, else 0.
    """
    findings = list(examine())
    print("\n".join(str(finding) for finding in findings))
    broken = [finding.name for finding in findings if finding.needed and not finding.well]
    print(
        f"\nmissing or broken: {', '.join(broken)}" if broken else "\nmedkd can work here; what is marked - is optional"
    )
    return 1 if broken else 0


def examine() -> Iterable[Finding]:
    """Look at this machine, the interpreter first."""
    from medkd.extras import requirements

    yield python(sys.version_info[:2])
    needs = requirements()
    yield packages("core", needs.pop(""), installed)
    failure = failure_of("torch")
    yield torch(installed("torch"), failure)
    if not failure:
        yield accelerator()
        if vision := installed("torchvision"):
            yield torchvision(installed("torch") or "", vision, wanted_torch(), failure_of("torchvision"))
    for extra, brought in needs.items():
        yield packages(extra, brought, installed)
    yield shared(Path(os.environ.get("MEDKD_SHARED", "../shared")))
    yield disk(Path.cwd(), shutil.disk_usage(Path.cwd()).free)
    yield Finding(
        "cores", True, f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}"
    )


def python(version: tuple[int, ...]) -> Finding:
    """Whether the interpreter is one that medkd is tested with."""
    remedy = f"Make an environment with Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    return Finding("python", OLDEST <= version[:2] <= NEWEST, f"{version[0]}.{version[1]} at {sys.executable}", remedy)


def torch(version: str | None, failure: str) -> Finding:
    """Whether torch can be imported."""
    if version is None:
        return Finding("torch", False, "not installed", "Type: pip install torch")
    remedy = "Type: pip install --force-reinstall torch"
    return Finding("torch", not failure, f"{version} cannot be imported: {failure}" if failure else version, remedy)


def accelerator() -> Finding:
    """The accelerator that torch sees; none is well enough."""
    module = importlib.import_module("torch")
    if module.cuda.is_available():
        names = [module.cuda.get_device_name(index) for index in range(module.cuda.device_count())]
        return Finding("accelerator", True, f"CUDA {module.version.cuda}: {', '.join(names)}", needed=False)
    if module.backends.mps.is_available():
        return Finding("accelerator", True, "MPS", needed=False)
    return Finding("accelerator", False, "none seen by torch", "medkd runs on the CPU", needed=False)


def torchvision(torch_version: str, version: str, wants: str, failure: str) -> Finding:
    """Whether torchvision was built for the torch beside it.

    Args:
        torch_version: of the installed torch, with its build ("2.15.0+cpu").
        version: of the installed torchvision.
        wants: the torch that torchvision requires, without build; "" if unknown.
        failure: message of its import; "" if it succeeded.
    """
    builds = _build(torch_version), _build(version)
    detail = f"{version} beside torch {torch_version}"
    target = wants or torch_version.partition("+")[0]
    remedy = (
        "Install the ordinary builds of both, from one place: "
        f"pip install --force-reinstall torch=={target} torchvision=={version.partition('+')[0]}"
    )
    if "torchvision::nms" in failure or (failure and builds[0] != builds[1]):
        return Finding("torchvision", False, f"{detail}: built for another torch ({failure})", remedy)
    if failure:
        return Finding("torchvision", False, f"{detail} cannot be imported: {failure}", remedy)
    if wants and wants != torch_version.partition("+")[0]:
        return Finding("torchvision", False, f"{detail}: it was built for torch {wants}", remedy)
    return Finding("torchvision", True, detail)


def packages(extra: str, brought: Iterable[Requirement], version_of: Callable[[str], str | None]) -> Finding:
    """Whether the packages of one extra, or of the core, are there and new enough."""
    present: list[str] = []
    wrong: list[str] = []
    for requirement in brought:
        version = version_of(requirement.name)
        if version is None:
            wrong.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
        else:
            present.append(f"{requirement.name} {version}")
    core = extra == "core"
    remedy = "Type: pip install --upgrade " + ("medkd" if core else f"'medkd[{extra}]'")
    detail = "; ".join(wrong) or (f"{len(present)} packages" if core else ", ".join(present))
    return Finding(extra, not wrong, detail, remedy, needed=core)


def shared(folder: Path) -> Finding:
    """Whether the real data that tests read is in the folder of MEDKD_SHARED."""
    there = (folder / "data").is_dir()
    detail = f"real data for tests in {folder.resolve()}" if there else f"no real data in {folder.resolve()}"
    return Finding(
        "data", there, detail, "Set MEDKD_SHARED to its folder; without it those tests are skipped", needed=False
    )


def disk(folder: Path, free: int) -> Finding:
    """Whether there is room for prepared arrays and checkpoints."""
    remedy = f"Free {ROOM / 2**30:.0f} GiB, or choose another place with --out"
    return Finding("disk", free >= ROOM, f"{free / 2**30:.1f} GiB free at {folder}", remedy, needed=False)


def installed(name: str) -> str | None:
    """Version of an installed distribution, None if there is none."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def failure_of(module: str) -> str:
    """First line of the error of importing ``module``; "" if there is none."""
    try:
        importlib.import_module(module)
    except Exception as error:
        return next(iter(str(error).strip().splitlines()), type(error).__name__)
    return ""


def wanted_torch() -> str:
    """The one torch that the installed torchvision requires; "" if it names none."""
    from importlib import metadata

    from packaging.requirements import Requirement

    required = [Requirement(line) for line in metadata.requires("torchvision") or ()]
    match = re.search(r"==\s*([\d.]+)", next((str(one.specifier) for one in required if one.name == "torch"), ""))
    return match[1] if match else ""


def _build(version: str) -> str:
    return version.partition("+")[2]
