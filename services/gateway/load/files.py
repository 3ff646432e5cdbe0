"""The files of one folder, and their texts."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST = 1 << 20
"""Bytes of the largest file that is read."""


class Unreadable(Exception):
    """A file or folder that cannot be read; str() says why. line, column: from 1, 0 where it is none of its text."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


def names_in(folder: Path, endings: tuple[str, ...]) -> list[str]:
    """The names with one of these endings, in the order of endings and then of bytes; none where there is no folder.

    Names that begin with a dot are left out: editors keep files of their own under such names. Raises Unreadable,
    also for a link that leads nowhere.
    """
    try:
        found = [name for name in os.listdir(folder) if not name.startswith(".")]
    except FileNotFoundError:
        if folder.is_symlink():
            raise Unreadable("a link that leads nowhere") from None
        return []
    except OSError as error:
        raise Unreadable(_why(error)) from None
    by_ending = {ending: sorted((n for n in found if _ending(n) == ending), key=os.fsencode) for ending in endings}
    return [name for ending in endings for name in by_ending[ending]]


def text_of(path: Path) -> str:
    """The text of a file; raises Unreadable for what is none: no regular file, no UTF-8, empty, over LARGEST."""
    try:
        # A pipe of that name must not hold up whoever opens it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        leads_nowhere = error.errno == errno.ENOENT and path.is_symlink()
        raise Unreadable("a link that leads nowhere" if leads_nowhere else _why(error)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise Unreadable("a directory, not a file" if stat.S_ISDIR(mode) else "not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(_why(error)) from None
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise Unreadable(f"larger than {LARGEST} bytes")
    return _decoded(data)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        raise Unreadable(f"not UTF-8: byte 0x{data[error.start]:02x}", line, column) from None
    if not text.strip():
        raise Unreadable("empty")
    return text


def _ending(name: str) -> str:
    return os.path.splitext(name)[1]


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
