"""One stage: what it is made from, and how to tell that it is finished."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from medkd import __version__
from medkd.data.io.atomic import write_json
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_json


@dataclass(frozen=True)
class Stage(ABC):
    """A step of a recipe.

    Args:
        name: where it lies below the run's folder.
        needs: the stages whose outputs it reads, by what it calls them.
        config: plain values that decide its result; paths do not belong here.
    """

    kind: ClassVar[str]
    revision: ClassVar[int] = 1
    """Raised by one whenever it writes something else for the same needs and configuration."""
    name: str
    needs: dict[str, Stage] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes when the stage's result would."""
        held = self.__dict__.get("_digest")
        if held is None:
            needed = {name: stage.digest for name, stage in self.needs.items()}
            made = {
                "kind": self.kind,
                "version": __version__,
                "name": self.name,
                "needs": needed,
                "config": self.config,
            }
            held = digest_of(made | ({"revision": self.revision} if self.revision > 1 else {}))
            self.__dict__["_digest"] = held
        return str(held)

    def folder(self, run: Path) -> Path:
        """Where its outputs lie."""
        return run / self.name

    def is_done(self, run: Path) -> bool:
        """Whether it finished with the same inputs and configuration."""
        return self._held(run, "done") == self.digest

    def execute(self, run: Path) -> None:
        """Run it and mark it finished. What a killed attempt at the same thing left is kept for it to go on from."""
        if self._held(run, "begun") != self.digest and self.folder(run).exists():
            shutil.rmtree(self.folder(run))
        self._marker(run, "done").unlink(missing_ok=True)
        write_json(self._marker(run, "begun"), {"digest": self.digest})
        self.run(run)
        write_json(
            self._marker(run, "done"),
            {"kind": self.kind, "name": self.name, "digest": self.digest, "command": self.command(run)},
        )
        self._marker(run, "begun").unlink()

    def _marker(self, run: Path, state: str) -> Path:
        """Markers lie apart from the outputs, so that a bundle's folder holds a bundle and nothing else."""
        return run / "stages" / f"{self.name}.{state}.json"

    def _held(self, run: Path, state: str) -> str | None:
        marker = self._marker(run, state)
        return (
            str(read_json(marker, "Remove it: the stage is then run again").get("digest")) if marker.is_file() else None
        )

    @abstractmethod
    def run(self, run: Path) -> None:
        """Do the work, below ``self.folder(run)``."""

    def remedy(self, run: Path) -> str:
        """What mends an output of it that was damaged."""
        return f"Remove {self._marker(run, 'done')}: the stage is then run again"

    def command(self, run: Path) -> str:
        """What a user types to repeat it by hand."""
        return f"medkd stage {run / 'recipe.yaml'} {self.name} --out {run}"
