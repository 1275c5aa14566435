"""House of docs/architecture.md: which room may import which, how folders are divided, what no file may hold."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from medkd.commands import COMMANDS

CHECKOUT = Path(__file__).resolve().parents[1]
HOUSE = CHECKOUT / "medkd"
FLOORS = (
    "data",
    "networks",
    "objectives",
    "distill",
    "evidence",
    "deploy",
    "pipeline",
    "benchmark",
    "modalities",
    "cohorts",
    "tasks",
    "papers",
)
ENGINE = FLOORS[: FLOORS.index("benchmark") + 1]
FLAT = ("objectives", "networks", "modalities", "cohorts")
"""Rooms whose modules are alike, one concept per file under the field's name, so that a path can be guessed."""
MODULES_PER_FOLDER = 18
FILES = sorted(HOUSE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in HOUSE.rglob("__init__.py"))
RIDDLES = ("What", "How", "Who", "Where", "Whether", "From", "TODO")
"""First words of a docstring that does not name its module's subject."""


def below(room: str) -> set[str]:
    """Rooms that ``room`` may import, itself among them."""
    if room == "app":
        return {*ENGINE, "modalities", "cohorts", "app"}
    return set(FLOORS[: FLOORS.index(room) + 1])


def imports(path: Path, nodes: Iterator[ast.AST] | None = None) -> set[str]:
    """Dotted names that a file imports, wherever in it they stand."""
    found: set[str] = set()
    for node in nodes or ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def rooms_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in imports(path)]
    return {part[1] for part in parts if part[0] == "medkd" and len(part) > 1 and (HOUSE / part[1]).is_dir()}


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def modules(package: Path) -> list[Path]:
    return [path for path in package.glob("*.py") if path.name != "__init__.py"]


def arrows(package: Path) -> dict[str, set[str]]:
    """Which child of a package (a module, or a folder as a whole) imports which other child."""
    prefix = ("medkd", *package.relative_to(HOUSE).parts)
    children = {path.stem for path in modules(package)} | {path.name for path in package.iterdir() if path.is_dir()}
    found: dict[str, set[str]] = {}
    for child in sorted(children):
        files = [package / f"{child}.py"] if (package / f"{child}.py").exists() else (package / child).rglob("*.py")
        names = [name.split(".") for file in files for name in imports(file)]
        inside = {
            parts[len(prefix)] for parts in names if tuple(parts[: len(prefix)]) == prefix and parts[len(prefix) :]
        }
        found[child] = (inside & children) - {child}
    return found


def test_every_room_is_known():
    rooms = {path.name for path in HOUSE.iterdir() if (path / "__init__.py").exists()}
    assert rooms == {*FLOORS, "app"}


@pytest.mark.parametrize("room", [*FLOORS, "app"])
def test_a_room_imports_only_from_floors_below(room: str):
    wrong = {named(path): rooms_imported(path) - below(room) for path in sorted((HOUSE / room).rglob("*.py"))}
    assert not {name: rooms for name, rooms in wrong.items() if rooms}


def test_the_front_desk_reaches_rooms_above_the_engine_by_name_only():
    for path in HOUSE.glob("*.py"):
        assert rooms_imported(path) <= set(ENGINE), named(path)


def test_the_engine_names_no_modality_cohort_or_task():
    for room in ENGINE:
        for path in sorted((HOUSE / room).rglob("*.py")):
            strings = {
                node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
            }
            reached = {
                text
                for text in strings
                if isinstance(text, str) and text.startswith(("medkd.modalities.", "medkd.cohorts.", "medkd.tasks."))
            }
            assert not reached, named(path)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(CHECKOUT)))
def test_the_rooms_of_a_folder_import_one_way(package: Path):
    if package == HOUSE:
        pytest.skip("the floors are held by the test above")
    try:
        TopologicalSorter(arrows(package)).prepare()
    except CycleError as error:
        pytest.fail(f"{named(package)}: a circle of {' -> '.join(error.args[1])}")


def test_circles_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(globals(), "HOUSE", tmp_path)
    for name, text in (("a/x", "from medkd.room.b.y import Y"), ("b/y", "def f():\n    from medkd.room import z")):
        (tmp_path / "room" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "room" / f"{name}.py").write_text(text)
    (tmp_path / "room" / "z.py").write_text("import sys")
    assert arrows(tmp_path / "room") == {"a": {"b"}, "b": {"z"}, "z": set()}
    (tmp_path / "room" / "z.py").write_text("import medkd.room.a.x")
    with pytest.raises(CycleError):
        TopologicalSorter(arrows(tmp_path / "room")).prepare()


def test_the_engine_is_handed_the_registry():
    commands = {command.module for command in COMMANDS.values()}
    for room in ENGINE:
        for path in sorted((HOUSE / room).rglob("*.py")):
            module = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
            if module not in commands:
                assert not {name for name in imports(path) if name.startswith("medkd.registry")}, named(path)


def test_the_engine_imports_nothing_of_ours_behind_the_walls_back():
    for room in ENGINE:
        for path in sorted((HOUSE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                    text = ast.unparse(node.args[0])
                    assert not text.removeprefix("f").strip("'\"").startswith("medkd"), f"{named(path)}: {text}"


def test_golden_vectors_are_the_papers_own():
    for path in FILES:
        if path.relative_to(HOUSE).parts[0] != "papers":
            names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
            assert "GOLDEN" not in names, named(path)


def test_folders_are_divided_before_they_are_full():
    full = {named(package): len(modules(package)) for package in PACKAGES if len(modules(package)) > MODULES_PER_FOLDER}
    assert not {name: count for name, count in full.items() if name not in {f"medkd/{room}" for room in FLAT}}


def test_every_task_is_a_recipe_with_a_page():
    for folder in sorted(path.parent for path in (HOUSE / "tasks").glob("*/__init__.py")):
        assert (folder / "recipe.yaml").is_file(), named(folder)
        assert (folder / "README.md").is_file(), named(folder)


def test_every_module_names_its_subject_first():
    wrong = {}
    for path in FILES:
        words = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "TODO").split()
        if words[0].rstrip(":,") in RIDDLES:
            wrong[named(path)] = " ".join(words[:6])
    assert not wrong


def test_imports_are_absolute():
    relative = [
        named(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_the_front_desk_imports_the_standard_library_only():
    desk = ("cli", "commands", "parser", "errors")
    for start in desk:
        path = HOUSE / f"{start}.py"
        for name in imports(path, iter(ast.parse(path.read_text(encoding="utf-8")).body)):
            root, _, rest = name.partition(".")
            assert root in sys.stdlib_module_names or rest.split(".")[0] in ("__version__", *desk), (
                f"{named(path)} imports {name}"
            )


def test_files_are_short_and_named_after_their_content():
    long = {named(path): count for path in FILES if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long
    empty_names = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "base"}
    assert not [named(path) for path in (*FILES, *(CHECKOUT / "tests").rglob("*.py")) if path.stem in empty_names]


def unsafe(call: ast.Call) -> str:
    """What is unsafe about a call, "" if nothing is."""
    name = ast.unparse(call.func)
    said = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if name.split(".")[0] in ("pickle", "dill", "joblib", "cloudpickle") and name.endswith(("load", "loads")):
        return "unpickles"
    if name in ("eval", "exec", "os.system"):
        return "executes text"
    if said.get("allow_pickle") == "True" or said.get("weights_only") == "False":
        return "loads pickles"
    if name == "torch.load" and said.get("weights_only") != "True":
        return "torch.load without weights_only=True"
    if name in ("yaml.load", "yaml.unsafe_load", "yaml.full_load") and "SafeLoader" not in ast.unparse(call):
        return "loads YAML unsafely"
    return "runs a shell" if said.get("shell") == "True" else ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pickle.load(f)", "unpickles"),
        ("np.load(p, allow_pickle=True)", "loads pickles"),
        ("torch.load(p)", "torch.load without weights_only=True"),
        ("torch.load(p, weights_only=True)", ""),
        ("yaml.load(f)", "loads YAML unsafely"),
        ("yaml.load(f, Loader=yaml.SafeLoader)", ""),
        ("subprocess.run(c, shell=True)", "runs a shell"),
        ("model.eval()", ""),
    ],
)
def test_unsafe_calls_are_recognised(text: str, found: str):
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert unsafe(call) == found


def test_nothing_executes_what_it_reads():
    calls = [
        (path, node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert not [f"{named(path)}:{call.lineno}: {unsafe(call)}" for path, call in calls if unsafe(call)]


@pytest.mark.parametrize("door", ["modalities", "cohorts", "tasks", "app"])
def test_front_doors_lead_into_the_house(door: str):
    link = CHECKOUT / door
    if not link.is_symlink():
        pytest.skip(f"{door} is no symlink: this checkout was made without them, and nothing depends on them")
    assert link.readlink() == Path("medkd", door)


def test_the_house_has_no_symlinks_of_its_own():
    assert not [named(path) for path in HOUSE.rglob("*") if path.is_symlink()]
