"""What a file is that is to be imported, looked at before it is taken: a small file may unpack to a very large one."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from services.gateway.operations.operation_error import OperationError

MOST_FILES = 1000
"""In a zip file: one for each query node of a task."""

_STEP = 64 << 10
_PIECE = 1 << 20
_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCATOR = b"PK\x06\x07"
_LOCATOR_SIZE = 20
_MOST_COMMENT = 1 << 16
_MOST_LISTED = 512 * MOST_FILES  # bytes of a zip file's list of files


def type_of(file: bytes, most: int) -> str:
    """The type of the recording whose file it is: stream (.srpl) or batch (.brpl).

    most: how many bytes it may unpack to. It takes a few seconds where those are many, and little memory. Raises
    OperationError: 400 where it is no such file, 413 where it is too large. What else is wrong with it the recorder
    says.
    """
    if file.startswith(b"\x1f\x8b"):
        _check_gzip(file, most)
        return "stream"
    if file.startswith((b"PK\x03\x04", _END)):
        _check_zip(file, most)
        return "batch"
    raise OperationError(400, "not a recording's file: it is neither compressed by gzip (.srpl) nor a zip file (.brpl)")


def _check_gzip(file: bytes, most: int) -> None:
    size = at = 0
    view = memoryview(file)
    unzip = zlib.decompressobj(wbits=31)
    while at < len(file):
        step = view[at : at + _STEP]
        try:
            data: bytes | memoryview = step
            while data and not unzip.eof:
                size += len(unzip.decompress(data, _PIECE))
                data = unzip.unconsumed_tail
                if size > most:
                    raise _too_large(most)
        except zlib.error:
            return
        at += len(step) - len(unzip.unused_data)
        if unzip.eof:
            unzip = zlib.decompressobj(wbits=31)


def _check_zip(file: bytes, most: int) -> None:
    at = file.rfind(_END, max(0, len(file) - _END_SIZE - _MOST_COMMENT))
    if at < 0 or at + _END_SIZE > len(file):
        return
    count, listed = struct.unpack_from("<HI", file, at + 10)
    if file[max(0, at - _LOCATOR_SIZE) : at].startswith(_LOCATOR):
        raise OperationError(400, "not a recording's file: a zip file in the form for more than 4 GiB")
    if count > MOST_FILES or listed > _MOST_LISTED:
        raise OperationError(413, f"the zip file holds more than {MOST_FILES} files, one for each query node")
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            files = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
        return
    if len(files) > MOST_FILES:
        raise OperationError(413, f"the zip file holds more than {MOST_FILES} files, one for each query node")
    if sum(info.file_size for info in files) > most:
        raise _too_large(most)


def _too_large(most: int) -> OperationError:
    return OperationError(413, f"the file unpacks to more than {most} bytes, the max-import in [storage]")
