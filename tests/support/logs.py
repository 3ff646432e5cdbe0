"""For tests that set this process's logs up, as a service does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.process import log


@pytest.fixture
def restored_log() -> Iterator[None]:
    """Afterwards nothing is written any more to what the test had for a standard error or a file."""
    root = logging.getLogger()
    handlers, root_level = root.handlers[:], root.level
    handler, level = log._handler, log._level
    yield
    log.flush()
    logging.basicConfig(handlers=handlers, level=root_level, force=True)
    log._handler, log._level = handler, level
    log._send_audit_to("")
    log._apply_levels()


@pytest.fixture
def logged(restored_log: None, tmp_path: Path) -> Callable[[str], list[str]]:
    """Gives the lines with this message that this process has logged so far."""
    file = tmp_path / "logged"
    log.setup(str(file), "INFO")
    log._last_written.clear()

    def lines(message: str) -> list[str]:
        log.flush()
        return [line for line in file.read_text().splitlines() if f"msg={log.logfmt(m=message)[2:]} " in line]

    return lines
