"""``medkd bundle check``.

Whether a bundle is whole, is whose it should be, opens, and gives the same by torch and by ONNX.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import yaml

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import SIGNATURE, SUMS, read_checked
from medkd.deploy.bundle.onnx_export import TOLERANCE, difference, difference_on_made
from medkd.deploy.bundle.onnx_network import OnnxNetwork
from medkd.deploy.bundle.preprocessing import Prepared
from medkd.deploy.bundle.runtime import RUNTIMES
from medkd.deploy.bundle.signature import check_signature
from medkd.deploy.inference.extracted import extracted
from medkd.deploy.inference.manifest import find_items
from medkd.distill.learner import WEIGHTS
from medkd.errors import CheckFailed, InputError, MedkdError, RecordError
from medkd.extras import remedy_for

BATCH = 64
"""Records that are compared at a time."""


class _Skipped(Exception):
    """There is nothing to check, or not with what is installed."""


class BundleCheck:
    """The checks of one bundle, each a line.

    Args:
        folder: the bundle.
        trust: packages beside medkd whose classes it may name.
    """

    def __init__(self, folder: Path, trust: Sequence[str] = ()) -> None:
        self.folder, self.trust = folder, trust
        self.failed = 0
        self._files: dict[str, bytes] = {}
        self._opened: dict[str, Bundle] = {}

    def run(self, *, key: Path | None = None, source: Path | None = None) -> int:
        """Print a line a check: ``ok``, ``FAILED``, or ``skipped`` where there is nothing to check.

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
        # Whether they can be read is for opening to say; here stands what an auditor asks for.
        documents = {
            name: yaml.safe_load(held) for name, held in self._files.items() if name.endswith((".json", ".yaml"))
        }
        found = {name: held.get("schema_version") for name, held in documents.items() if isinstance(held, dict)}
        return ", ".join(f"{name} {version}" for name, version in found.items() if version is not None)

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
            raise _Skipped("it takes both")
        return self._opened["torch"], self._opened["onnx"]

    def _made(self) -> str:
        torch_form, _ = self._both()
        return _within(
            difference_on_made(torch_form.network, self._files[OnnxNetwork.weights_file], torch_form.preprocessing)
        )

    def _records(self, source: Path) -> str:
        forms = self._both()
        items = find_items(source, forms[0].modalities, forms[0].target.key)
        apart, compared = 0.0, 0
        with tempfile.TemporaryDirectory() as place, extracted(items, Path(place)) as placed:
            for part in placed.table.iter_slices(BATCH):
                prepared = [
                    made
                    for row in part.iter_rows(named=True)
                    if (made := _prepared(forms[0], row, placed.root)) is not None
                ]
                expected, found = (form.logits(prepared) for form in forms)
                apart = max(apart, difference(expected, found))
                compared += len(prepared)
        if not compared:
            raise InputError(
                f"none of {items.table.height} records could be read",
                where=source,
                remedy="Give records that it can score",
            )
        return f"{_within(apart)} over {compared} of {items.table.height} records"


def _prepared(bundle: Bundle, row: dict[str, object], root: Path) -> Prepared | None:
    try:
        return bundle.prepare(row, root)
    except RecordError:
        return None


def _within(apart: float) -> str:
    if not apart <= TOLERANCE:
        raise CheckFailed(f"logits lie {apart:.1e} apart, more than {TOLERANCE:g}", remedy="Write the bundle again")
    return f"logits lie at most {apart:.1e} apart"
