"""One kind of signal: how it is found, read, prepared, augmented and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from medkd.data.core.display import Display
from medkd.data.core.view import Part
from medkd.data.io.digest import digest_of
from medkd.errors import InputError

Params = Mapping[str, NDArray[Any]]
AUGMENTATION = "augment_"
"""Prefix of the fields that only augmentation depends on: changing one prepares nothing again."""


@dataclass(frozen=True)
class Traits:
    """Facts about the prepared arrays of a modality, on which statistics, masks, audits and displays depend."""

    aligned: bool = False
    """A position means the same in every sample (a registered volume, a median beat), and gets a mean and a standard
    deviation of its own. Otherwise each channel (axis 0) gets one of each."""

    partial: bool = False
    """A value may be unobserved: ``prepare`` leaves NaN there, networks get a zero under a mask, and a sample without
    any value counts as absent. Otherwise every value is finite."""

    identifying: bool = True
    """Two samples with the same prepared values are copies of one recording, which the leak audit then reports. Not so
    where many samples look alike: indicators, short smooth curves, texts from a template."""

    measured: bool = True
    """Values are measurements, to be centred and scaled, to be described by channel in the drift reference, and to be
    differentiated for attributions. Not so token ids or indicators."""


@dataclass(frozen=True)
class LengthPolicy:
    """Treatment of a record whose length is not that of a prepared sample; None where records have no fixed length."""

    longer: str | None = None
    """Of a longer record: for example "crop" or "windows" (prediction averages over all of it)."""

    shorter: str | None = None
    """Of a shorter record: for example "pad" or "refuse"."""


class Modality(ABC):
    """One kind of signal: the complete contract of a class in ``medkd/modalities/NAME/``.

    A modality is a **frozen dataclass** whose fields are plain values (text, numbers, booleans, tuples of them), so
    that recipes and bundles can write them. Fields whose name begins with ``augment_`` concern augmentation alone;
    every other field is part of ``digest``, so that changing it prepares the arrays anew.

    The order is fixed: ``read`` a file → ``select`` what the view names → ``prepare``. Preparation comes after
    selection, so nothing of a channel that a model does not see can reach it. Arrays are stored as ``prepare`` leaves
    them; training then draws ``sample_augmentation`` and applies ``augment``.

    ============================ ==========================================================================
    must be defined              ``name``, ``read``, ``select``, ``prepare``, ``shape``
    where the defaults are wrong ``traits``; ``find`` (samples are files in a folder); ``length_policy`` and
                                 ``windows`` (records of any length); ``sample_augmentation`` and ``augment``;
                                 ``display`` (something better to look at than the prepared array)
    raised by one                ``revision``, whenever ``read`` or ``prepare`` gives other numbers than before
    inherited as they are        ``digest``, ``prepare_fields``, ``to_dict``
    ============================ ==========================================================================

    A mistake in the fields is an ``InputError`` from ``__post_init__``; a record that cannot be used is a
    ``RecordError`` from ``read``, ``select`` or ``prepare``, which sets that one record aside.

    >>> import tempfile
    >>> from medkd.errors import RecordError
    >>> @dataclass(frozen=True)
    ... class Pulse(Modality):
    ...     '''A pulse wave, one number per line, cut to its first ``seconds``.'''
    ...     seconds: float = 2.0
    ...     name: ClassVar[str] = "pulse"
    ...     def read(self, row, root):
    ...         return np.loadtxt(root / row["pulse"], ndmin=2).T
    ...     def select(self, raw, part):
    ...         return raw
    ...     def prepare(self, raw):
    ...         if raw.shape[1] < self.shape(Part("pulse"))[1]:
    ...             raise RecordError("pulse is too short", remedy="Leave the record out")
    ...         return raw[:, : self.shape(Part("pulse"))[1]].astype(np.float32)
    ...     def shape(self, part):
    ...         return (1, round(100 * self.seconds))
    ...     def find(self, folder):
    ...         return sorted(path.name for path in folder.glob("*.txt"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savetxt(Path(folder, "a.txt"), np.sin(np.arange(250)))
    ...     names = Pulse().find(Path(folder))
    ...     prepared = Pulse().prepare(Pulse().read({"pulse": names[0]}, Path(folder)))
    >>> names, prepared.shape, Pulse().traits.measured
    (['a.txt'], (1, 200), True)
    """

    name: ClassVar[str]
    """Key of the modality in views, recipes and the sample table."""

    revision: ClassVar[int] = 1
    """Raised by one whenever ``read`` or ``prepare`` gives other numbers for the same file and fields."""

    @property
    def traits(self) -> Traits:
        """Facts about the prepared arrays. A subclass may set a class attribute where they depend on no field."""
        return Traits()

    @property
    def length_policy(self) -> LengthPolicy:
        """Treatment of longer and shorter records; each answer that is not None is a field of the same name.

        A bundle may change those fields, so that a hospital's records of another length are used.
        """
        return LengthPolicy()

    @abstractmethod
    def read(self, row: Mapping[str, Any], root: Path) -> Any:
        """The raw signal of one sample in the modality's standard form, with units.

        Args:
            row: of the sample table; ``row[self.name]`` locates the signal, relative to ``root``.

        Raises:
            RecordError: the file is missing, truncated, or not what the modality expects.
        """

    @abstractmethod
    def select(self, raw: Any, part: Part) -> Any:
        """The channels and hours of ``raw`` that ``part`` names, in the order that it names them.

        Raises:
            InputError: the part names a channel or hours that this modality does not have.
            RecordError: the record lacks one of them.
        """

    @abstractmethod
    def prepare(self, raw: Any) -> NDArray[np.float32]:
        """Filtered, resampled, cut; deterministic, with nothing learnt from other samples.

        Finite values (or, if ``traits.partial``, NaN) of shape ``self.shape(part)``.

        Raises:
            RecordError: it cannot be prepared (flat, too short, not finite).
        """

    @abstractmethod
    def shape(self, part: Part) -> tuple[int, ...]:
        """Shape of one prepared sample of ``part``; axis 0 is the channel.

        Raises:
            InputError: the part names a channel that this modality does not have.
        """

    def windows(self, raw: Any) -> NDArray[np.float32]:
        """``raw``, prepared for prediction, as "window channel ..."; the prediction is the mean over windows.

        One window unless ``length_policy.longer`` asks for several.

        Raises:
            RecordError: as ``prepare``.
        """
        return np.asarray(self.prepare(raw), dtype=np.float32)[None]

    def display(self, raw: Any, part: Part) -> Display | None:
        """The figure of one sample: all that ``raw`` holds, with the student's ``part`` marked.

        None where this modality has no display of its own; the prepared array is shown then.

        Args:
            raw: what ``read`` returned, before ``select``.
            part: what the student sees of it.

        Raises:
            RecordError: it cannot be shown.
        """
        return None

    def find(self, folder: Path) -> list[str]:
        """Values of ``row[self.name]``, one for each sample below ``folder``: POSIX paths relative to it, sorted.

        Without suffix where ``read`` needs none.

        Raises:
            InputError: this modality cannot tell a sample from its files.
        """
        raise InputError(
            f"{self.name} cannot be found in a folder",
            where=folder,
            remedy="Give a manifest (CSV or Parquet) that names its files",
        )

    def files_of(self, records: Collection[str], files: Collection[str], folder: Path) -> set[str]:
        """Those of ``files`` that ``records`` are read from; all others are counted as not read.

        Args:
            records: what ``find`` returned.
            files: every file below ``folder``, as POSIX paths relative to it.
            folder: that was searched.
        """
        whole = set(records).intersection(files)
        bare = set(records) - whole
        return {file for file in files if file in whole or file.rpartition(".")[0] in bare}

    def sample_augmentation(self, rng: np.random.Generator, n: int) -> Params:
        """Parameters for ``n`` samples, each array "n ...". The same for every model that sees the sample."""
        return {}

    def augment(self, values: Tensor, params: Params) -> Tensor:
        """``values`` "batch channel ..." under ``params``; deterministic, shape kept."""
        return values

    @property
    def digest(self) -> str:
        """Changes with anything that changes what ``read`` and ``prepare`` return."""
        return digest_of(
            {
                "class": f"{type(self).__module__}.{type(self).__qualname__}",
                "revision": self.revision,
                "fields": self.prepare_fields(),
            }
        )

    def prepare_fields(self) -> dict[str, Any]:
        """Fields that ``prepare`` depends on: all but those of augmentation."""
        return {key: value for key, value in vars(self).items() if not key.startswith(AUGMENTATION)}

    def to_dict(self) -> dict[str, Any]:
        """As plain values for YAML: ``class_path`` and ``init_args``, from which ``instantiate`` makes an equal one."""
        fields = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        return {"class_path": f"{type(self).__module__}.{type(self).__qualname__}", "init_args": fields}
