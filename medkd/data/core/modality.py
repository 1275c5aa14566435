"""One kind of signal: how it is read, prepared and augmented."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
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


class Modality(ABC):
    """One kind of signal. Subclasses are frozen dataclasses whose fields are plain values, so that YAML can write them.

    The order is fixed: ``read`` a file → ``select`` what the view names → ``prepare``. Preparation comes after
    selection, so nothing of a channel that a model does not see can reach it. Arrays are stored as ``prepare`` leaves
    them; training then draws ``sample_augmentation`` and applies ``augment``.
    """

    name: ClassVar[str]
    revision: ClassVar[int] = 1
    """Raised by one whenever ``read`` or ``prepare`` gives other numbers for the same file and fields."""

    @abstractmethod
    def read(self, row: Mapping[str, Any], root: Path) -> Any:
        """The raw signal of one sample in the modality's standard form, with units.

        Args:
            row: of the sample table; ``row[self.name]`` says where the signal lies, relative to ``root``.

        Raises:
            RecordError: the file is missing, truncated, or not what the modality expects.
        """

    @abstractmethod
    def select(self, raw: Any, part: Part) -> Any:
        """What ``part`` of a view lets through, in the order that it names."""

    @abstractmethod
    def prepare(self, raw: Any) -> NDArray[np.float32]:
        """Deterministic: filtered, resampled, cut.

        Finite values (or, if ``partial``, NaN) of shape ``self.shape(part)``.

        Raises:
            RecordError: it cannot be prepared (flat, too short, not finite).
        """

    @abstractmethod
    def shape(self, part: Part) -> tuple[int, ...]:
        """Shape of one prepared sample of ``part``; axis 0 is the channel.

        Raises:
            InputError: the part names a channel that this modality does not have.
        """

    def display(self, raw: Any, part: Part) -> Display | None:
        """What a person is shown of one sample: all that ``raw`` holds, with the student's ``part`` marked.

        None where this modality has no display of its own; the prepared array is shown then.

        Args:
            raw: what ``read`` gave, before ``select``.
            part: what the student sees of it.

        Raises:
            RecordError: it cannot be shown.
        """
        return None

    def find(self, folder: Path) -> list[str]:
        """What ``row[self.name]`` may be for each file of this kind below ``folder``: POSIX paths relative to it.

        Without suffix where ``read`` needs none.

        Raises:
            InputError: this modality cannot tell a sample from its files.
        """
        raise InputError(
            f"{self.name} cannot be found in a folder",
            where=folder,
            remedy="Give a manifest (CSV or Parquet) that names its files",
        )

    @property
    def aligned(self) -> bool:
        """Whether a position means the same in every prepared sample (a registered volume, a median beat).

        Each has its own statistics.
        """
        return False

    @property
    def partial(self) -> bool:
        """Whether a cell may be unobserved: ``prepare`` leaves NaN there, and networks get a mask."""
        return False

    @property
    def identifying(self) -> bool:
        """Whether two prepared samples that agree are one recording.

        Not so where most samples look like many others.
        """
        return True

    @property
    def measured(self) -> bool:
        """Whether values are measurements, to be centred and scaled; not so token ids or indicators."""
        return True

    def sample_augmentation(self, rng: np.random.Generator, n: int) -> Params:
        """Parameters for ``n`` samples, each array "n ...". The same for every model that sees the sample."""
        return {}

    def augment(self, values: Tensor, params: Params) -> Tensor:
        """``values`` "batch channel ..." under ``params``; deterministic, shape kept."""
        return values

    @property
    def digest(self) -> str:
        """Changes with anything that changes what ``read`` and ``prepare`` give."""
        return digest_of(
            {
                "class": f"{type(self).__module__}.{type(self).__qualname__}",
                "revision": self.revision,
                "fields": self.prepare_fields(),
            }
        )

    def prepare_fields(self) -> dict[str, Any]:
        """Fields that ``prepare`` depends on: all whose name does not start with ``augment_``."""
        return {key: value for key, value in vars(self).items() if not key.startswith("augment_")}

    def to_dict(self) -> dict[str, Any]:
        """As plain values for YAML: ``class_path`` and ``init_args``, from which ``instantiate`` makes an equal one."""
        fields = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        return {"class_path": f"{type(self).__module__}.{type(self).__qualname__}", "init_args": fields}
