"""The house keeps its order: imports run downwards only, each outside library has its one place, files stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("grammar", "schemas", "services")

# What each part of the house may import of the rest.
BELOW: dict[str, set[str]] = {
    "grammar": set(),
    "schemas": set(),
    "services.log": set(),
    "services.child_environment": set(),
    "services.machine": set(),
    "services.bus": set(),
    "services.store": set(),
    "services.pipeline": {"grammar"},
    "services.engine": {"services.pipeline", "grammar"},
    "services.alerting": {"services.engine", "services.pipeline", "grammar"},
    "services.recorder": {"services.engine", "services.pipeline", "grammar"},
    "services.gateway": {"services.engine", "services.pipeline", "grammar"},
    "services.launcher": {"services.gateway", "services.recorder", "services.alerting"},
    "services.cli": {
        "services.launcher",
        "services.gateway",
        "services.recorder",
        "services.alerting",
        "services.engine",
        "services.pipeline",
    },
}
FOR_EVERY_SERVICE = {
    "services.bus",
    "services.store",
    "services.log",
    "services.child_environment",
    "services.machine",
    "schemas",
}

# The only parts that may import a library.
HOMES = {
    "nats": {"services.bus"},
    "lmdb": {"services.store"},
    "textx": {"grammar"},
    "arpeggio": {"grammar"},
    "quart": {"services.gateway"},
    "hypercorn": {"services.gateway"},
    "jwt": {"services.gateway"},
    "bcrypt": {"services.gateway"},
    "psutil": {"services.launcher", "services.cli"},
}

TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "compose", "tests", *PACKAGES}
MADE_BY_TOOLS = {"build", "dist", "tickbus.egg-info", "__pycache__"}

LONGEST = 600

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def part_of(module: str) -> str:
    """The part of the house that a module belongs to: the folder, below services the folder in it."""
    names = module.split(".")
    return ".".join(names[:2]) if names[0] == "services" and len(names) > 1 else names[0]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            # `from services import log` imports services.log.
            yield from (
                (node.lineno, f"services.{alias.name}" if module == "services" else module) for alias in node.names
            )


def complaints(path: Path) -> Iterator[str]:
    here = part_of(name_of(path))
    if here == "services":
        return
    allowed = {here, "services"} | BELOW[here]
    if here.startswith("services.") and here != "services.log":
        allowed |= FOR_EVERY_SERVICE
    if here in ("services.bus", "services.store"):
        allowed -= {"services.bus", "services.store"} - {here}
    for line, module in imports(path):
        part, library = part_of(module), module.split(".")[0]
        if library in PACKAGES and part not in allowed:
            yield f"{path.relative_to(ROOT)}:{line}: {here} imports {module}"
        if library in HOMES and here not in HOMES[library]:
            yield f"{path.relative_to(ROOT)}:{line}: {library} is imported outside {', '.join(sorted(HOMES[library]))}"


def test_imports_run_downwards_and_libraries_stay_at_home() -> None:
    assert MODULES
    assert not [complaint for path in MODULES for complaint in complaints(path)]


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("grammar/x.py", "import schemas.config"),
        ("schemas/x.py", "from services import log"),
        ("services/bus/x.py", "from services.store.snapshots import Snapshots"),
        ("services/engine/x.py", "from services.gateway.app import app"),
        ("services/engine/nodes/x.py", "def f():\n    import nats"),
        ("services/gateway/x.py", "from services.alerting import topics"),
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


def test_every_part_of_the_house_is_known() -> None:
    assert {part_of(name_of(path)) for path in MODULES} - {"services"} <= set(BELOW)


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert not {path: length for path, length in lengths.items() if length > LONGEST}


def test_the_top_level_holds_only_what_belongs_there() -> None:
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - MADE_BY_TOOLS <= TOP_LEVEL
