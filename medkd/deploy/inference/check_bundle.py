"""Checks of a bundle: complete, signed, can be opened, and the same logits by torch and by ONNX."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import yaml

from medkd.data.core.registry import Registry
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import SIGNATURE, SUMS, read_checked
from medkd.deploy.bundle.layout import RUNTIMES
from medkd.deploy.bundle.onnx.export import TOLERANCE, difference, difference_on_made
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.deploy.bundle.preprocessing import Prepared
from medkd.deploy.bundle.signature import check_signature
from medkd.deploy.inference.items import find_items, temporary_extract
from medkd.distill.learner import WEIGHTS
from medkd.errors import CheckFailed, InputError, MedkdError, RecordError
from medkd.extras import remedy_for

BATCH = 64
"""Records compared at a time."""


class _Skipped(Exception):
    """Nothing to check, or not with what is installed."""


class BundleCheck:
    """The checks of one bundle, one line each.

    Args:
        folder: the bundle.
        trust: packages beside medkd whose classes it may name.
        registry: the cohorts whose roots are recognised among records.
    """

    def __init__(self, folder: Path, trust: Sequence[str] = (), *, registry: Registry) -> None:
        self.folder, self.trust, self.registry = folder, trust, registry
        self.failed = 0
        self._files: dict[str, bytes] = {}
        self._opened: dict[str, Bundle] = {}

    def run(self, *, key: Path | None = None, source: Path | None = None) -> int:
        """Print one line per check: ``ok``, ``FAILED``, or ``skipped`` where there is nothing to check.

        Args:
            key: a public key (PEM) that it must be signed with.
            source: records, as ``medkd predict`` takes them, that both runtimes are compared on.

        Returns:
            1 if a check failed, else 0.

        Raises:
            InputError: there is no bundle, or it is not signed with the key.
        """
        if not (self.folder / SUMS).is_file():
            read_checked(self.folder)
        self._line("whole", self._whole)
        if self.failed:
            return 1
        if key is not None:
            print(f"ok       signature: by the key {check_signature(self._files, key, f'bundle {self.folder}')}")
        self._line("schema versions", self._versions)
        for runtime in RUNTIMES:
            self._line(f"opens by {runtime}", partial(self._open, runtime))
        self._line("onnx equals torch on made input", self._made)
        if source is not None:
            self._line(f"onnx equals torch on {source}", partial(self._records, source))
        return 1 if self.failed else 0

    def _line(self, name: str, act: Callable[[], str]) -> None:
        try:
            print(f"ok       {name}: {act()}")
        except _Skipped as reason:
            print(f"skipped  {name}: {reason}")
        except MedkdError as error:
            self.failed += 1
            print(f"FAILED   {name}: {error}")

    def _whole(self) -> str:
        self._files = read_checked(self.folder)
        return f"{len(self._files.keys() - {SUMS, SIGNATURE})} files are as they were written"

    def _versions(self) -> str:
        # Only the numbers that an auditor asks for: whether the files can be read shows when the bundle is opened.
        documents = {
            name: yaml.safe_load(content) for name, content in self._files.items() if name.endswith((".json", ".yaml"))
        }
        versions = {name: value.get("schema_version") for name, value in documents.items() if isinstance(value, dict)}
        return ", ".join(f"{name} {version}" for name, version in versions.items() if version is not None)

    def _open(self, runtime: str) -> str:
        needed = [OnnxNetwork.weights_file] if runtime == "onnx" else WEIGHTS
        if not self._files.keys() & set(needed):
            raise _Skipped(f"the bundle has no {' or '.join(needed)}")
        try:
            bundle = self._opened[runtime] = Bundle.load(self.folder, self.trust, runtime=runtime)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            raise _Skipped(f"package '{package}' is not installed. {remedy_for(package)}.") from error
        return f"{type(bundle.network).__name__} on {bundle.view}, sha256 {bundle.model_sha256}"

    def _both(self) -> tuple[Bundle, Bundle]:
        if len(self._opened) < len(RUNTIMES):
            raise _Skipped("needs both runtimes")
        return self._opened["torch"], self._opened["onnx"]

    def _made(self) -> str:
        torch_form, _ = self._both()
        return _within(
            difference_on_made(torch_form.network, self._files[OnnxNetwork.weights_file], torch_form.preprocessing)
        )

    def _records(self, source: Path) -> str:
        torch_form, onnx_form = self._both()
        listed = find_items(source, torch_form.modalities, torch_form.target.key, registry=self.registry)
        apart, compared = 0.0, 0
        with tempfile.TemporaryDirectory() as scratch, temporary_extract(listed, Path(scratch)) as items:
            for part in items.table.iter_slices(BATCH):
                rows = (_prepared(torch_form, row, items.root) for row in part.iter_rows(named=True))
                prepared = [sample for sample in rows if sample is not None]
                apart = max(apart, difference(torch_form.logits(prepared), onnx_form.logits(prepared)))
                compared += len(prepared)
        if not compared:
            raise InputError(
                f"none of {listed.table.height} records could be read",
                where=source,
                remedy="Give records that it can score",
            )
        return f"{_within(apart)} over {compared} of {listed.table.height} records"


def _prepared(bundle: Bundle, row: dict[str, object], root: Path) -> Prepared | None:
    try:
        return bundle.prepare(row, root)
    except RecordError:
        return None


def _within(apart: float) -> str:
    if not apart <= TOLERANCE:
        raise CheckFailed(f"logits lie {apart:.1e} apart, more than {TOLERANCE:g}", remedy="Write the bundle again")
    return f"logits lie at most {apart:.1e} apart"
