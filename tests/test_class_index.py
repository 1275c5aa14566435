"""Class index: classes, bases and needed packages as their source shows them, nothing imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import medkd
from medkd.class_index import ClassIndex, folders, submodules

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """``write("room/module", text)`` below a folder that counts as part of medkd."""
    monkeypatch.setattr(medkd, "__path__", [*medkd.__path__, str(tmp_path)])
    (tmp_path / "attic").mkdir()

    def put(name: str, text: str) -> None:
        file = tmp_path / "attic" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))

    put("__init__", "")
    return put


def names(module: str, base: str = "medkd.attic.base:Base") -> list[str]:
    return [source.name for source in ClassIndex().classes("medkd.attic", module, base)]


def test_bases_are_followed_through_modules_packages_and_aliases(write: Write):
    write("base", "class Base: ...\nclass Unrelated: ...")
    write("middle", "from medkd.attic.base import Base as Root\nclass Middle(Root[int]): ...")
    write("pack/__init__", "from medkd.attic.middle import Middle")
    write("pack/leaf", "import medkd.attic.pack\nfrom medkd.attic.pack import Middle\nclass Leaf(Middle): ...")
    write("other", "from medkd.attic.base import Unrelated\nclass Other(Unrelated): ...\nclass Loop(Loop): ...")
    assert names("base") == []
    assert names("middle") == ["Middle"]
    assert names("pack") == ["Leaf"]
    assert names("other") == []
    assert list(submodules("medkd.attic")) == ["base", "middle", "other", "pack"]


def test_a_class_is_described(write: Write):
    write("base", "class Base: ...")
    write(
        "one",
        '''
        from abc import ABC, abstractmethod
        from typing import ClassVar
        from medkd.attic.base import Base

        class One(Base):
            """Reads ``files``.

            More.
            """
            name: ClassVar[str] = "one"
            kind = "x"
            number = 3

        class Two(Base, ABC):
            pass

        class Three(Base):
            @abstractmethod
            def act(self): ...
        ''',
    )
    one, three, two = ClassIndex().classes("medkd.attic", "one", "medkd.attic.base:Base")
    assert (one.summary, one.constants, one.abstract) == ("Reads files.", {"name": "one", "kind": "x"}, False)
    assert two.abstract
    assert three.abstract


def test_a_missing_package_is_found_through_our_own_modules(write: Write):
    write("needy", "import sys, packaging.version\nimport absent_one.part")
    write("outer", "from medkd.attic import needy\nfrom absent_two import x")
    write(
        "lazy",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import absent_one\ndef f():\n    import absent_two",
    )
    index = ClassIndex()
    assert index.missing("medkd.attic.outer") == "absent_one"
    assert index.missing("medkd.attic.lazy") is None
    assert "medkd.attic.outer" not in sys.modules


def test_a_plain_module_has_no_folders():
    assert folders("medkd.errors") == []
