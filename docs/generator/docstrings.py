"""Docstrings as Griffe hands them to mkdocstrings: doctests and tables fenced, shared lines of ``Args`` split.

An extension of Griffe. Markdown would take ``>>>`` for a quotation in a quotation, and Griffe reads one name per line.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_TABLE = re.compile(r"^ *=+( +=+)+ *$")
_SHARED = re.compile(r"^( +)((?:\w+, )+\w+): (.*)$")


class ReadableDocstrings(griffe.Extension):
    """Prepare each docstring for its page."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of ``obj``, if it has one."""
        if obj.docstring:
            obj.docstring.value = fenced(one_name_per_line(obj.docstring.value))


def fenced(text: str) -> str:
    r"""``text`` with a fence around each doctest and each table of columns under ``====``.

    Either ends at an empty line.

    >>> fenced("Add.\n\n>>> 1 + 1\n2\n\nMore.").splitlines()
    ['Add.', '', '```pycon', '>>> 1 + 1', '2', '```', '', 'More.']
    >>> fenced("== ==\na  b\n== ==").splitlines()
    ['```text', '== ==', 'a  b', '== ==', '```']
    """
    lines: list[str] = []
    indent: str | None = None
    for line in text.splitlines():
        language = "pycon" if line.lstrip().startswith(">>> ") else "text" if _TABLE.match(line) else ""
        if indent is None and language:
            indent = line[: len(line) - len(line.lstrip())]
            if lines and lines[-1].strip():
                lines.append("")
            lines.append(f"{indent}```{language}")
        elif indent is not None and not line.strip():
            lines.append(f"{indent}```")
            indent = None
        lines.append(line)
    if indent is not None:
        lines.append(f"{indent}```")
    return "\n".join(lines)


def one_name_per_line(text: str) -> str:
    r"""``text`` with an entry of ``Args`` that several names share repeated for each of them.

    >>> one_name_per_line("Args:\n    low, high: limits,\n        in mV.\n    seed: of the draw.").splitlines()[1:]
    ['    low: limits,', '        in mV.', '    high: limits,', '        in mV.', '    seed: of the draw.']
    """
    before, heading, rest = text.partition("Args:\n")
    if not heading:
        return text
    # Names that go on in a second line are one entry.
    rest = re.sub(r"^((?: +)(?:\w+, )*\w+),\n +(?=(?:\w+, )*\w+: )", r"\1, ", rest, flags=re.MULTILINE)
    lines = rest.splitlines()
    done: list[str] = []
    while lines:
        line = lines.pop(0)
        shared = _SHARED.match(line)
        if not line.strip():
            return "\n".join([before + heading.rstrip("\n"), *done, line, *lines])
        if not shared:
            done.append(line)
            continue
        indent, names, words = shared.groups()
        more: list[str] = []
        while lines and lines[0].startswith(f"{indent} "):
            more.append(lines.pop(0))
        for name in names.split(", "):
            done += [f"{indent}{name}: {words}", *more]
    return "\n".join([before + heading.rstrip("\n"), *done])
