"""Ontologies: trees of codes, from each code up to the root."""

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
"""Index of a code that is not in the tree: it is like no other code, not even another unknown one."""


def normalised(code: str) -> str:
    """A code in the spelling of the trees: capitals, without point and blanks.

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
    """Paths to the root, "node node": 1 where the column is the row's node itself or above it, without the root.

    Args:
        parents: index of each node's parent, "node"; -1 where it has none.
        root: index of the root; its row is empty. A path that ends elsewhere includes all its nodes.

    Raises:
        InputError: some nodes are above themselves.

    >>> ancestry(np.array([-1, 0, 1]), root=0).toarray().astype(int).tolist()
    [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
    """
    count = len(parents)
    rows, here = np.arange(count), np.arange(count)
    steps: list[tuple[Indices, Indices]] = []
    while True:
        going = (here >= 0) & (here != root)
        rows, here = rows[going], here[going]
        if not len(rows):
            break
        if len(steps) == count:
            raise InputError("a node of the tree is above itself", where=f"node {rows[0]}", remedy="Remove the circle")
        steps.append((rows, here))
        here = parents[here]
    row, column = (np.concatenate([step[side] for step in steps] or [np.zeros(0, np.int64)]) for side in (0, 1))
    return csr_array((np.ones(len(row)), (row, column)), shape=(count, count))


@dataclass(frozen=True, eq=False)
class Ontology:
    """A tree of codes, chapters and blocks among them.

    Args:
        codes: name of each node, unique; codes of records in the spelling of ``normalised``.
        parents: index of each node's parent, "node"; -1 at the root.
        titles: meaning of each node, "" where the source has none.
    """

    codes: tuple[str, ...]
    parents: Indices
    titles: tuple[str, ...]

    @classmethod
    def grow(cls, nodes: Iterable[tuple[str, str | None, str]], where: object = "") -> Ontology:
        """A tree from (code, parent's code, title) in any order; the root's parent is None.

        Args:
            nodes: code, parent's code, title.
            where: the file that they were read from, for messages.

        Raises:
            InputError: a code is repeated, a parent is missing, there is not one root, or some nodes are above
                themselves.

        >>> Ontology.grow([("root", None, ""), ("001", "root", "Cholera"), ("0010", "001", "Classical")]).path("001.0")
        ('0010', '001')
        """
        rows = list(nodes)
        index_of = {code: index for index, (code, _, _) in enumerate(rows)}
        remedy = "Fetch the file again"
        if len(index_of) != len(rows):
            twice = next(code for index, (code, _, _) in enumerate(rows) if index_of[code] != index)
            raise InputError(f"code '{twice}' stands twice in the tree", where=where, remedy=remedy)
        orphan = next(
            ((code, parent) for code, parent, _ in rows if parent is not None and parent not in index_of), None
        )
        if orphan:
            raise InputError(
                f"code '{orphan[0]}' belongs to '{orphan[1]}', which the tree lacks", where=where, remedy=remedy
            )
        parents = np.array([UNKNOWN if parent is None else index_of[parent] for _, parent, _ in rows], dtype=np.int64)
        if (roots := int((parents < 0).sum())) != 1:
            raise InputError(f"the tree has {roots} roots, one expected", where=where, remedy=remedy)
        tree = cls(tuple(code for code, _, _ in rows), parents, tuple(title for _, _, title in rows))
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
    def _index_of(self) -> dict[str, int]:
        return {code: index for index, code in enumerate(self.codes)}

    def lookup(self, codes: Iterable[str]) -> Indices:
        """Index of each code, with or without punctuation; ``UNKNOWN`` (-1) where it is not in the tree.

        >>> Ontology.grow([("root", None, ""), ("E8120", "root", "")]).lookup(["e812.0", "E8129"]).tolist()
        [1, -1]
        """
        return np.array([self._index_of.get(normalised(code), UNKNOWN) for code in codes], dtype=np.int64)

    def path(self, code: str) -> tuple[str, ...]:
        """The code and the nodes above it, nearest first, without the root; () for an unknown code."""
        (here,) = self.lookup([code]).tolist()
        path = []
        while here not in (UNKNOWN, self.root):
            path.append(self.codes[here])
            here = int(self.parents[here])
        return tuple(path)
