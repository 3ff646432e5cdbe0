"""What is wrong with a file of tests, and where in it."""

from __future__ import annotations

from pathlib import Path


class BadTestFile(Exception):
    """A file, or a part of it, that cannot be understood. str() has the place before what is wrong: `FILE:LINE:COL: …`.

    line, column: from 1; 0 where there is none. reads: the files that it is made of, as far as they are known.
    """

    reads: tuple[Path, ...] = ()

    def __init__(self, file: str, text: str, line: int = 0, column: int = 0) -> None:
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {text}")
        self.file, self.text, self.line, self.column = file, text, line, column
