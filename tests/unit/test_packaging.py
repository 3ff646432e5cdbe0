"""What is installed: `import tickbus` works, from a wheel and from a working copy, and has no second name."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.tree import ROOT, copied

IMPORTED = """
import sys, tickbus.bus, tickbus.client, tickbus.udf, grammar, schemas, services.cli
print(tickbus.__path__[0])
"""
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
AS_IT_STANDS = ["--no-deps", "--no-build-isolation"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = copied(folder / "tree")
    run([*PIP, "wheel", *AS_IT_STANDS, "-w", str(folder), str(tree)])
    (made,) = folder.glob("*.whl")
    return made


def run(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_a_wheel_has_tickbus_under_one_name(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "grammar",
        "schemas",
        "services",
        "tickbus",
    }
    assert not [name for name in names if name.startswith("services/tickbus")]
    assert {"tickbus/py.typed", "grammar/tickscript/tickscript.tx"} <= set(names)
    found = {str(path.relative_to(ROOT)) for folder in ("grammar", "schemas", "services") for path in sources(folder)}
    assert {name.removeprefix("services/") for name in found} == {
        name.removeprefix("services/") for name in names if name.endswith(".py")
    }
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n{IMPORTED}"
    assert run([sys.executable, "-c", code], tmp_path) == str(tmp_path / "site" / "tickbus")


def test_a_wheel_says_whose_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        about = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(about).decode().splitlines()
        assert [name for name in archive.namelist() if name.endswith("/LICENSE")]
    assert {"License-Expression: MIT", "Author: tickbus maintainers"} <= set(lines)


def test_a_working_copy_has_tickbus(tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")])
    python = str(tmp_path / "venv" / "bin" / "python")
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    # what tickbus needs is where it is for this test
    (site / "needed.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    run([*PIP, "--python", python, "install", *AS_IT_STANDS, "-e", str(tree)])
    assert run([python, "-c", IMPORTED], tmp_path) == str(tree / "services" / "tickbus")


def sources(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts]
