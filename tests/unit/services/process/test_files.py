"""Files that users name: only regular ones of some size are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.process.files import LARGEST, text_of


def test_a_regular_file_is_read_and_nothing_else_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("täxt")
    assert text_of(str(tmp_path / "text")) == "täxt"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=f"{path}"):
            text_of(str(path))
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))
    with pytest.raises(ValueError, match="large is larger than 1048576 bytes"):
        text_of(str(tmp_path / "large"))
