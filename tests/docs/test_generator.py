"""The hook that makes pages from the code, and what it does to docstrings and HTML."""

from __future__ import annotations

import doctest
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
pytest.importorskip("griffe", reason="the extra docs is not installed")


def module(checkout: Path, name: str) -> ModuleType:
    path = checkout / "docs" / "generator" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"generator_{name}", path)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_docstrings_examples_hold(checkout: Path):
    results = doctest.testmod(module(checkout, "docstrings"))
    assert results.attempted > 1
    assert not results.failed


def test_names_over_two_lines_are_one_entry(checkout: Path):
    text = "Args:\n    low, high,\n        seed: numbers.\n\nRaises:\n    InputError: a, b: no entry."
    assert module(checkout, "docstrings").one_name_per_line(text).splitlines() == [
        "Args:",
        "    low: numbers.",
        "    high: numbers.",
        "    seed: numbers.",
        "",
        "Raises:",
        "    InputError: a, b: no entry.",
    ]


def test_every_package_has_a_page_that_names_all_its_modules(checkout: Path):
    pages = module(checkout, "pages")
    for package in pages._packages(checkout / "medkd"):
        text = pages._api_page(package)
        for path in package.glob("*.py"):
            if path.stem not in ("__init__", "__main__"):
                assert f"\n::: {pages._dotted(path)}\n" in text


def test_a_page_that_loads_from_outside_is_refused(checkout: Path):
    pages = module(checkout, "pages")
    for html in ('<script src="https://example.org/x.js">', "<img alt=x src=//example.org/x.png>"):
        with pytest.raises(Exception, match="loads from outside"):
            pages._self_contained(html, "a/b.html")
    allowed = '<a href="https://example.org/">x</a><link rel="canonical" href="https://example.org/">'
    assert pages._self_contained(allowed, "a/b.html") == allowed


def test_links_out_of_docs_lead_to_the_pages_made_of_their_targets(checkout: Path):
    page = type("Page", (), {"file": type("File", (), {"src_uri": "how-to/x.md"})})
    shown = module(checkout, "pages").on_page_markdown("[a](../../CONTRIBUTING.md#an-objective)", page, None, None)
    assert shown == "[a](../contributing.md#an-objective)"
