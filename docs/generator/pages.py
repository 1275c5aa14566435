"""Pages that the site makes from the code: the commands, the Python reference, and the files of the repository's root.

A hook of MkDocs. It imports nothing of medkd but the table of its commands, so that no page needs torch.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "medkd"
ROOT_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Files outside ``docs/`` that the site shows, and their addresses in it."""
SCHEMA = PACKAGE / "evidence" / "report.schema.json"
THEME_SHIM = "https://unpkg.com/iframe-worker/shim"
"""What the theme's plugin ``offline`` names for search from disk; ours is ``docs/assets/search_from_disk.js``."""
EXTERNAL = re.compile(
    r"""<(?:script|img|iframe|source|link(?![^>]*rel=["']?canonical))\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"'\s>]+"""
)
SKIPPED = {"migrations"}
"""Folders without an interface of their own."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put one entry per package below the entry "Python API" of the navigation."""
    for section in config.nav or []:
        if isinstance(section, dict) and "Reference" in section:
            section["Reference"].append({"Python API": _api_nav(PACKAGE)})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for package in _packages(PACKAGE):
        files.append(File.generated(config, _address(package), content=_api_page(package)))
    files.append(File.generated(config, "reference/commands.md", content=_commands_page()))
    for name, address in ROOT_PAGES.items():
        files.append(File.generated(config, address, content=_root_page(name)))
    files.append(File.generated(config, "reference/report.schema.json", content=SCHEMA.read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links out of ``docs/`` at the generated pages, and compare ``reference/report.md`` with the schema."""
    if page.file.src_uri == "reference/report.md":
        schema = json.loads(SCHEMA.read_text("utf-8"))
        missing = [key for key in schema["properties"] if f"`{key}`" not in markdown]
        if missing:
            raise PluginError(f"docs/reference/report.md does not describe {', '.join(missing)}")
    for name, address in ROOT_PAGES.items():
        # A page at depth n reaches the repository's root by n + 1 steps up, and the site's by n.
        markdown = re.sub(rf"\]\(\.\./((?:\.\./)*){re.escape(name)}", rf"](\1{address}", markdown)
    return markdown


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Let no page load anything from outside."""
    return _self_contained(output, page.file.dest_uri)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Let no page that is not made from Markdown load anything from outside."""
    return _self_contained(output_content, template_name) if template_name.endswith(".html") else output_content


def _self_contained(html: str, address: str) -> str:
    """Replace the one script that the theme would load from outside; refuse anything else that is."""
    html = html.replace(THEME_SHIM, f"{'../' * address.count('/')}assets/search_from_disk.js")
    outside = EXTERNAL.search(html)
    if outside:
        raise PluginError(f"{address} loads from outside: {outside[0]}")
    return html


def _packages(folder: Path) -> Iterator[Path]:
    """Folders of Python modules, ``folder`` first, each before those inside it."""
    if folder.name in SKIPPED or not (folder / "__init__.py").exists():
        return
    yield folder
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.is_symlink():
            yield from _packages(inner)


def _address(package: Path) -> str:
    parts = package.relative_to(ROOT).parts
    return "/".join(("reference", "api", *parts[1:], "index.md"))


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _api_nav(package: Path) -> list[Any]:
    """The page of ``package``, then one section per package inside it."""
    entries: list[Any] = [_address(package)]
    for inner in sorted(package.iterdir()):
        if inner.is_dir() and next(_packages(inner), None):
            nested = _api_nav(inner)
            entries.append({inner.name: nested if len(nested) > 1 else nested[0]})
    return entries


def _api_page(package: Path) -> str:
    """One page per package: its docstring, what it exports, then each of its modules.

    A new module therefore needs no new page.
    """
    name = _dotted(package)
    modules = [path for path in sorted(package.glob("*.py")) if path.stem not in ("__init__", "__main__")]
    lines = ["---", f"title: {name}", "---", f"# `{name}`", "", f"::: {name}", "    options:", "      heading_level: 1"]
    lines += ["      show_root_heading: false", "      show_root_toc_entry: false", ""]
    exports = _exports(package)
    if exports:
        # Optional: an alias without a docstring has no place to link to.
        links = [
            f'<autoref optional identifier="{full}"><code>{short}</code></autoref>'
            for short, full in sorted(exports.items())
        ]
        lines += [f"`from {name} import` {', '.join(links)}", ""]
    inner = [path for path in _packages(package) if path.parent == package]
    if inner:
        links = [f"[`{path.name}`]({path.name}/index.md)" for path in inner]
        lines += [f"Packages inside: {', '.join(links)}.", ""]
    for module in modules:
        lines += [f"::: {_dotted(module)}", "    options:", "      heading_level: 2", ""]
    return "\n".join(lines)


def _exports(package: Path) -> dict[str, str]:
    """What the package offers by a short name: name → dotted path of its definition."""
    source = next((package / name for name in ("__init__.pyi", "__init__.py") if (package / name).exists()), None)
    exports: dict[str, str] = {}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if source else ():
        # Stubs of lazy packages import relatively, all else absolutely.
        if isinstance(node, ast.ImportFrom) and (node.level == 1 or (node.module or "").startswith("medkd.")):
            module = ".".join(filter(None, (_dotted(package) if node.level else "", node.module)))
            folder = ROOT.joinpath(*module.split("."))
            inner = _exports(folder) if folder.is_dir() and folder != package else {}
            for alias in node.names:
                exports[alias.asname or alias.name] = inner.get(alias.name, f"{module}.{alias.name}")
    return {name: path for name, path in exports.items() if not name.startswith("_")}


def _commands_page() -> str:
    """A table of the commands, and the text of ``medkd COMMAND --help`` for each."""
    sys.path.insert(0, str(ROOT))
    from medkd.commands import COMMANDS

    lines = ["# Commands", "", "| command | does |", "|---|---|"]
    lines += [f"| [`medkd {name}`](#medkd-{name}) | {command.summary} |" for name, command in COMMANDS.items()]
    options = "options:" + _help().partition("\noptions:")[2]
    lines += ["", "Of every command:", "", "```text", options, "```", ""]
    for name in COMMANDS:
        lines += [f"## medkd {name}", "", "```text", _help(name), "```", ""]
    return "\n".join(lines)


def _help(*words: str) -> str:
    environment = {**os.environ, "COLUMNS": "92", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "medkd.cli", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode:
        raise PluginError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout.rstrip()


def _root_page(name: str) -> str:
    """A file outside ``docs/``, its links turned into links of the site."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for other, address in ROOT_PAGES.items():
        text = text.replace(f"]({other}", f"]({address}")
    return re.sub(r"\]\((?:\.\./)?docs/", "](", text)
