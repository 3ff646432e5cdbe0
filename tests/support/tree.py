"""A scratch copy of the source tree, to build or to change."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_MADE_BY_TOOLS = shutil.ignore_patterns("*.egg-info", "build", "dist", ".*")
_PARTS = ("pyproject.toml", "README.md", "LICENSE", "compose", "grammar", "schemas", "services", "tests")


def copied(folder: Path) -> Path:
    """Copy the tree as it stands to a folder that is not there yet; gives that folder."""
    folder.mkdir(parents=True)
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=_MADE_BY_TOOLS)
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder
