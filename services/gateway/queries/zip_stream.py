"""A zip file that is made part by part, while its beginning is already on its way."""

from __future__ import annotations

import io
import zipfile
from typing import IO


class ZipStream:
    """Files one after the other; what is there of the zip file is taken in between."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w")
        self._file: IO[bytes] | None = None

    def begin(self, name: str) -> None:
        """What is added goes into a new file from now on."""
        self._close()
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        # its size is not known: it may be over what the older form of zip can tell
        self._file = self._zip.open(info, "w", force_zip64=True)

    def add(self, data: bytes) -> None:
        """Add to the file begun last."""
        assert self._file is not None
        self._file.write(data)

    def end(self) -> None:
        """There are no more files."""
        self._close()
        self._zip.close()

    def taken(self) -> bytes:
        """What has come to the zip file since it was last taken."""
        return self._sink.taken()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _Sink(io.RawIOBase):
    """Where the zip file is written to; it cannot go back."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        written, self._written = bytes(self._written), bytearray()
        return written
