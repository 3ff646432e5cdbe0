"""For tests that set this process's logs up, as a service does."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from services import log


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
    log._apply_levels()
