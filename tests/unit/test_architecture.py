"""The house keeps its order: imports run downwards only, each outside library has its one place, files stay small."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("grammar", "schemas", "services", "tickbus")

# What each room may import of the others, from the ground up. Nothing runs back up.
BELOW: dict[str, set[str]] = {
    "grammar": set(),
    "schemas": {"grammar"},
    "process": {"schemas"},
    "bus": {"grammar", "process"},
    "store": {"process", "schemas", "bus"},
    "tickbus": {"bus"},
    "pipeline": {"grammar", "process"},
    "kernels": set(),
    "columns": {"grammar", "bus", "store", "pipeline", "kernels"},
    "lineprotocol": {"grammar", "kernels", "columns"},
    "expressions": {"grammar", "kernels", "columns"},
    "connectors": {"grammar", "schemas", "process", "store", "columns", "expressions"},
    "runtime": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "kernels",
        "columns",
        "lineprotocol",
        "expressions",
        "connectors",
    },
    "alertlog": {"grammar", "process", "bus", "columns", "runtime"},
    "nodes": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "pipeline",
        "kernels",
        "columns",
        "lineprotocol",
        "expressions",
        "connectors",
        "runtime",
        "alertlog",
        "tickbus",
    },
    "alerting": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "columns",
        "expressions",
        "connectors",
        "alertlog",
    },
    "compaction": {"schemas", "process", "bus", "store"},
    "engine": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "kernels",
        "columns",
        "connectors",
        "runtime",
        "alertlog",
        "nodes",
    },
    "dryrun": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "kernels",
        "columns",
        "lineprotocol",
        "expressions",
        "connectors",
        "runtime",
        "alertlog",
        "nodes",
        "engine",
    },
    "gateway": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "kernels",
        "lineprotocol",
        "expressions",
        "connectors",
        "runtime",
        "alertlog",
        "nodes",
        "linting",
    },
    "recorder": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "kernels",
        "columns",
        "lineprotocol",
        "connectors",
        "runtime",
        "alertlog",
        "nodes",
        "compaction",
        "engine",
        "dryrun",
    },
    "testing": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "kernels",
        "columns",
        "lineprotocol",
        "connectors",
        "runtime",
        "alertlog",
        "nodes",
        "engine",
        "dryrun",
        "recorder",
    },
    "linting": {
        "grammar",
        "schemas",
        "process",
        "pipeline",
        "columns",
        "lineprotocol",
        "expressions",
        "runtime",
        "nodes",
    },
    "language_server": {"grammar", "pipeline", "expressions", "linting"},
    "launcher": {"grammar", "schemas", "process", "bus", "store", "gateway"},
    "moving": {"grammar", "schemas", "pipeline", "tickbus"},
    "cli": {
        "grammar",
        "schemas",
        "process",
        "bus",
        "store",
        "pipeline",
        "connectors",
        "nodes",
        "alerting",
        "engine",
        "dryrun",
        "gateway",
        "recorder",
        "testing",
        "linting",
        "language_server",
        "launcher",
        "moving",
        "tickbus",
    },
}

# The same for the rooms of the gateway. What stands at its root puts them together.
BELOW_IN_GATEWAY: dict[str, set[str]] = {
    "operations": set(),
    "access": {"operations"},
    "clients": {"operations"},
    "readmodels": {"operations", "access"},
    "subscriptions": {"operations", "access", "commands", "http", "listeners"},
    "queries": {"operations", "access", "clients", "readmodels", "subscriptions"},
    "commands": {"operations", "access", "clients", "readmodels"},
    "load": {"operations", "access", "clients", "readmodels", "commands"},
    "inspections": {"operations", "clients", "readmodels", "queries", "commands"},
    "live": {"operations", "access", "clients", "readmodels", "queries"},
    "http": {"operations", "access", "clients"},
    "listeners": {"http"},
    "scraping": {"http", "listeners"},
    "openapi": {"operations", "http"},
    "console": set(),
    "resources": {
        "operations",
        "clients",
        "readmodels",
        "queries",
        "commands",
        "inspections",
        "subscriptions",
        "load",
        "live",
        "http",
        "openapi",
        "console",
    },
}
LOOSE_IN_GATEWAY = {"main", "api"}

# Rooms that need Go's formats (durations and times in configuration and messages, numbers in lines), but no language.
ONLY_FORMATS = {"schemas", "bus", "columns", "lineprotocol", "launcher", "cli"}

# The only parts that may import a library.
HOMES = {
    "nats": {"bus"},
    "lmdb": {"store"},
    "textx": {"grammar"},
    "arpeggio": {"grammar"},
    "quart": {"gateway"},
    "hypercorn": {"gateway"},
    "jwt": {"gateway", "connectors"},
    "bcrypt": {"gateway"},
    "psutil": {"alerting", "launcher", "cli"},
    "click": {"cli"},
    "rich": {"cli"},
    "pygls": {"language_server"},
    "lsprotocol": {"language_server"},
    "numba": {"kernels"},
    "llvmlite": {"kernels"},
}

# Folders that hold one file for each of something, however many there are.
REGISTRIES = {"services/nodes", "services/alerting/handlers", "services/gateway/resources", "services/linting/rules"}
MOST_FILES = 15

TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "compose", "tests", "grammar", "schemas", "services"}
MADE_BY_TOOLS = {"build", "dist", "tickbus.egg-info", "__pycache__"}

LONGEST = 600

MODULES = sorted(path for folder in ("grammar", "schemas", "services") for path in (ROOT / folder).rglob("*.py"))


def room_of(module: str) -> str:
    """The room that a module belongs to: the folder, below services the folder in it."""
    names = module.split(".")
    return names[1] if names[0] == "services" and len(names) > 1 else names[0]


def name_of(path: Path) -> str:
    """The name by which a file is imported: services/tickbus is the package tickbus."""
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[1:] if names[:2] == ("services", "tickbus") else names).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            # `from services import log` imports services.process.log.
            yield from (
                (node.lineno, f"services.{alias.name}" if module == "services" else module) for alias in node.names
            )


def complaints(path: Path) -> Iterator[str]:
    here = room_of(name_of(path))
    if here == "services":
        return
    allowed = {here, "services"} | BELOW[here]
    for line, module in imports(path):
        if here == "gateway" and not runs_down_in_gateway(name_of(path), module):
            yield f"{path.relative_to(ROOT)}:{line}: within the gateway, imports {module}"
        room, library = room_of(module), module.split(".")[0]
        if room == "tickbus" and library != "tickbus":
            yield f"{path.relative_to(ROOT)}:{line}: tickbus has one name, {module} is none"
            continue
        formats = here not in ONLY_FORMATS or module.startswith("grammar.golang.")
        if library in PACKAGES and (room not in allowed or (room == "grammar" and not formats)):
            yield f"{path.relative_to(ROOT)}:{line}: {here} imports {module}"
        if library in HOMES and here not in HOMES[library]:
            yield f"{path.relative_to(ROOT)}:{line}: {library} is imported outside {', '.join(sorted(HOMES[library]))}"


def runs_down_in_gateway(importer: str, imported: str) -> bool:
    """Whether one module of the gateway may import another by BELOW_IN_GATEWAY; whatever is no module of it, it may."""
    here, there = (name.split(".")[2:3] for name in (importer, imported))
    if room_of(imported) != "gateway" or set(here) <= LOOSE_IN_GATEWAY:
        return True
    return there == here or set(there) <= BELOW_IN_GATEWAY[here[0]]


def circle(paths: Mapping[str, Path]) -> list[str]:
    """Files, by their modules' names, of which each imports the next, round and round; [] where there are none."""
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        found = {name if name in paths else name.rpartition(".")[0] for name in imported(path)}
        graph[module] = (found & paths.keys()) - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def imported(path: Path) -> Iterator[str]:
    """The full names of all that a file imports: modules, and what it takes from them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_run_downwards_and_libraries_stay_at_home() -> None:
    assert MODULES
    assert not [complaint for path in MODULES for complaint in complaints(path)]


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("grammar/x.py", "import schemas.config"),
        ("schemas/x.py", "from services.process import log"),
        ("schemas/x.py", "from grammar.tickscript.parser import parse"),
        ("services/bus/x.py", "from services.store.snapshots import Snapshots"),
        ("services/engine/x.py", "from services.gateway.http.app import app"),
        ("services/nodes/x.py", "def f():\n    import nats"),
        ("services/gateway/main.py", "from services.alerting import topics"),
        ("services/gateway/access/x.py", "from services.gateway.http.answers import answer"),
        ("services/gateway/commands/x.py", "from services.gateway.main import main"),
        ("services/tickbus/x.py", "from services.store.store import Store"),
        ("services/nodes/x.py", "from services.tickbus.udf import Agent"),
    ],
)
def test_an_import_that_runs_upwards_is_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str, line: str
) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / where
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert len(list(complaints(path))) == 1


def test_no_files_import_each_other_in_a_circle() -> None:
    assert not circle({name_of(path): path for path in MODULES})


def test_a_circle_is_seen(tmp_path: Path) -> None:
    paths = {f"a.{name}": tmp_path / f"{name}.py" for name in "xyz"}
    for path, line in zip(
        paths.values(), ["from a.y import f", "def f():\n    from a import z", "import a.x"], strict=True
    ):
        path.write_text(line)
    assert set(circle(paths)) == set(paths)


def test_every_room_is_known_and_nothing_runs_back_up() -> None:
    assert {room_of(name_of(path)) for path in MODULES} - {"services"} == set(BELOW)
    TopologicalSorter(BELOW).prepare()


def test_every_room_of_the_gateway_is_known_and_nothing_runs_back_up() -> None:
    gateway = ROOT / "services" / "gateway"
    inside = [path.relative_to(gateway) for path in MODULES if path.is_relative_to(gateway)]
    assert {path.parts[0] for path in inside if len(path.parts) > 1} == set(BELOW_IN_GATEWAY)
    assert {path.stem for path in inside if len(path.parts) == 1} - {"__init__"} == LOOSE_IN_GATEWAY
    TopologicalSorter(BELOW_IN_GATEWAY).prepare()


def test_no_room_has_many_loose_files() -> None:
    loose = Counter(str(path.parent.relative_to(ROOT)) for path in MODULES if path.name != "__init__.py")
    assert not {folder: n for folder, n in loose.items() if n > MOST_FILES and folder not in REGISTRIES}


def test_unit_tests_stand_where_what_they_try_does() -> None:
    folders = {path.parent.relative_to(ROOT) for path in MODULES} | {Path(), Path("compose")}
    unit = ROOT / "tests" / "unit"
    assert not {path.parent for path in unit.rglob("test_*.py")} - {unit / folder for folder in folders}


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert not {path: length for path, length in lengths.items() if length > LONGEST}


def test_the_top_level_holds_only_what_belongs_there() -> None:
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - MADE_BY_TOOLS <= TOP_LEVEL
