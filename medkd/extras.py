"""Extras: the optional part of medkd that a package belongs to, read from medkd's own metadata."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_DISTRIBUTION = {"open_clip": "open-clip-torch", "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Import names that differ from their distribution's."""


def requirements() -> dict[str, list[Requirement]]:
    """Requirements of medkd by extra; the core's under "". The extra that gathers all others is left out.

    >>> "torch" in [requirement.name for requirement in requirements()[""]]
    True
    """
    every = [Requirement(line) for line in metadata.requires("medkd") or ()]
    by_extra = {
        "": [
            requirement
            for requirement in every
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    }
    for extra in metadata.metadata("medkd").get_all("Provides-Extra") or ():
        if extra != "all":
            by_extra[extra] = [
                requirement
                for requirement in every
                if requirement.marker and requirement.marker.evaluate({"extra": extra})
            ]
    return by_extra


def extra_of(module: str) -> str | None:
    """The extra that brings the package imported as ``module``; "" for the core, None if medkd does not require it.

    >>> extra_of("wfdb")
    'ecg'
    """
    wanted = canonicalize_name(_DISTRIBUTION.get(module, module))
    for extra, brought in requirements().items():
        if wanted in {canonicalize_name(requirement.name) for requirement in brought}:
            return extra
    return None


def remedy_for(module: str) -> str:
    """The command that installs the package imported as ``module``, as a sentence.

    >>> remedy_for("wfdb")
    "Install it with: pip install 'medkd[ecg]'"
    """
    extra = extra_of(module)
    if extra is None:
        return f"Install it with: pip install {_DISTRIBUTION.get(module, module)}"
    return (
        f"Install it with: pip install 'medkd[{extra}]'"
        if extra
        else "Install medkd again: pip install --force-reinstall medkd"
    )
