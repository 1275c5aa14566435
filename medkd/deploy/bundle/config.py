"""``config.yaml`` of a bundle: the network and the target; and ``learner.yaml``, which a bundle is made from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from medkd.data.core.target import Target
from medkd.deploy.bundle.preprocessing import PreprocessingDocument
from medkd.deploy.bundle.schema_version import Versioned
from medkd.errors import InputError

LEARNER = "learner.yaml"


class BundleConfig(Versioned):
    """What ``config.yaml`` holds."""

    schema_version: Literal[1] = 1
    network: dict[str, Any]
    """``class_path`` and ``init_args``; checked against the allow list before anything is imported."""
    target: Target
    outputs: list[str] = Field(min_length=1)
    """Names of the network's outputs, which are the target's."""

    def check_outputs(self, where: str) -> None:
        """Refuse outputs that are not the target's.

        Raises:
            InputError: they differ, or the target names no column.
        """
        if not self.target.columns or self.outputs != list(self.target.names):
            raise InputError(f"outputs {self.outputs} are not the target's {list(self.target.names)}", where=where)


class LearnerDocument(PreprocessingDocument):
    """What ``learner.yaml`` holds, which a fit stage leaves beside its weights."""

    network: dict[str, Any]
    target: Target
    name: str = ""
    kind: str = ""
