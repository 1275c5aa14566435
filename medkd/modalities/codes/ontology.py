"""A tree of codes: what each belongs to, up to the root."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from medkd.errors import InputError

Indices = NDArray[np.int64]
UNKNOWN = -1
"""What stands for a code that the tree does not hold: unknown, and like no other, not even another unknown one."""


def normalised(code: str) -> str:
    """A code as the trees spell it: capitals, without point and blanks.

    >>> normalised(" e812.0 ")
    'E8120'
    """
    return code.replace(".", "").strip().upper()


def normalised_column(name: str) -> pl.Expr:
    """The same for a column of text.

    >>> pl.DataFrame({"code": [" e812.0 "]}).select(normalised_column("code")).item()
    'E8120'
    """
    return pl.col(name).str.replace_all(".", "", literal=True).str.strip_chars().str.to_uppercase()


def ancestry(parents: Indices, root: int) -> csr_array:
    """Which nodes lie on each one's path to the root.

    "node node", one where column is the row itself or above it, the root left out.

    Args:
        parents: index of each node's parent, "node"; -1 where it has none.
        root: index of the root; its own row is empty. A path that ends elsewhere keeps all its nodes.

    Raises:
        InputError: some nodes are above themselves.

    >>> ancestry(np.array([-1, 0, 1]), root=0).toarray().astype(int).tolist()
    [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
    """
    count = len(parents)
    rows, here = np.arange(count), np.arange(count)
    found: list[tuple[Indices, Indices]] = []
    while True:
        going = (here >= 0) & (here != root)
        rows, here = rows[going], here[going]
        if not len(rows):
            break
        if len(found) == count:
            raise InputError("a node of the tree is above itself", where=f"node {rows[0]}", remedy="Remove the circle")
        found.append((rows, here))
        here = parents[here]
    row, column = (np.concatenate([step[side] for step in found] or [np.zeros(0, np.int64)]) for side in (0, 1))
    return csr_array((np.ones(len(row)), (row, column)), shape=(count, count))


@dataclass(frozen=True, eq=False)
class Ontology:
    """A tree of codes, chapters and blocks among them.

    Args:
        codes: name of each node, unique; those that a record may hold are spelt as ``normalised`` gives them.
        parents: index of each one's parent, "node"; -1 at the root.
        titles: what each means, "" where the source does not say.
    """

    codes: tuple[str, ...]
    parents: Indices
    titles: tuple[str, ...]

    @classmethod
    def grow(cls, nodes: Iterable[tuple[str, str | None, str]], where: object = "") -> Ontology:
        """A tree from (code, parent's code, title) in any order; the root's parent is None.

        Args:
            nodes: one each.
            where: what they were read from, for messages.

        Raises:
            InputError: a code stands twice, a parent is missing, there is not one root, or some nodes are above
                themselves.

        >>> Ontology.grow([("root", None, ""), ("001", "root", "Cholera"), ("0010", "001", "Classical")]).path("001.0")
        ('0010', '001')
        """
        held = list(nodes)
        place = {code: index for index, (code, _, _) in enumerate(held)}
        remedy = "Fetch the file again"
        if len(place) != len(held):
            twice = next(code for index, (code, _, _) in enumerate(held) if place[code] != index)
            raise InputError(f"code '{twice}' stands twice in the tree", where=where, remedy=remedy)
        orphan = next(((code, parent) for code, parent, _ in held if parent is not None and parent not in place), None)
        if orphan:
            raise InputError(
                f"code '{orphan[0]}' belongs to '{orphan[1]}', which the tree lacks", where=where, remedy=remedy
            )
        parents = np.array([UNKNOWN if parent is None else place[parent] for _, parent, _ in held], dtype=np.int64)
        if (roots := int((parents < 0).sum())) != 1:
            raise InputError(f"the tree has {roots} roots, one expected", where=where, remedy=remedy)
        tree = cls(tuple(code for code, _, _ in held), parents, tuple(title for _, _, title in held))
        _ = tree.paths
        return tree

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def root(self) -> int:
        """Index of the root."""
        return int(np.flatnonzero(self.parents < 0)[0])

    @cached_property
    def paths(self) -> csr_array:
        """Each node's path without the root, "node node": see ``ancestry``."""
        return ancestry(self.parents, self.root)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {code: index for index, code in enumerate(self.codes)}

    def lookup(self, codes: Iterable[str]) -> Indices:
        """Index of each code, however it is punctuated; ``UNKNOWN`` (-1) where the tree does not hold it.

        >>> Ontology.grow([("root", None, ""), ("E8120", "root", "")]).lookup(["e812.0", "E8129"]).tolist()
        [1, -1]
        """
        return np.array([self._place.get(normalised(code), UNKNOWN) for code in codes], dtype=np.int64)

    def path(self, code: str) -> tuple[str, ...]:
        """The code, and what it belongs to from near to far, without the root; nothing for an unknown code."""
        (here,) = self.lookup([code]).tolist()
        found = []
        while here not in (UNKNOWN, self.root):
            found.append(self.codes[here])
            here = int(self.parents[here])
        return tuple(found)
