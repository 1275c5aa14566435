"""The input of one model: its view, and how its modalities are prepared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from medkd.data.core.modality import Modality
from medkd.data.core.view import Part, View
from medkd.data.io.digest import digest_of
from medkd.errors import InputError, nearest


@dataclass(frozen=True)
class ModelInput:
    """A view, and the modalities that it names with their settings.

    Args:
        view: for example ``ecg[I]``.
        modalities: by name; the view may name only these.
    """

    view: str
    modalities: dict[str, Modality]

    def parts(self) -> Iterator[tuple[Part, Modality]]:
        """Each part of the view with its modality, in the view's order.

        Raises:
            InputError: the view names a modality that is not there, or a channel that the modality does not have.
        """
        for part in View.parse(self.view).parts:
            if part.modality not in self.modalities:
                raise InputError(
                    f"view names modality '{part.modality}'",
                    where=self.view,
                    remedy=nearest(part.modality, self.modalities),
                )
            self.modalities[part.modality].shape(part)
            yield part, self.modalities[part.modality]

    @property
    def digest(self) -> str:
        """Changes when the prepared arrays of this model would change."""
        return digest_of([[str(part), modality.digest] for part, modality in self.parts()])

    def to_dict(self) -> dict[str, Any]:
        """As plain values for YAML: ``view``, and each modality's ``class_path`` and ``init_args``."""
        return {
            "view": self.view,
            "modalities": {name: modality.to_dict() for name, modality in self.modalities.items()},
        }
