"""Files that users name: what is no file, or too large, must not hold up or fill who reads it; what is replaced is
whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST = 1 << 20
"""Bytes of a text."""


def text_of(path: str, largest: int = LARGEST) -> str:
    """The text of a regular file, UTF-8. Raises OSError for anything else, ValueError for what is too large
    or no UTF-8."""
    with opened(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"{path} is larger than {largest} bytes")
    return data.decode()


def replace_text(path: Path, text: str) -> None:
    """Put a text, UTF-8, in the place of what a file has: as a whole, or not at all. Raises OSError."""
    file = path.resolve()
    beside = file.with_name(f"{file.name}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
        shutil.copymode(file, beside)
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """The descriptor of a regular file, to read from. Raises OSError for anything else."""
    # a pipe that nobody writes to must not hold up whoever opens it
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        yield descriptor
    finally:
        os.close(descriptor)
