"""What a file is that is to be imported, and that one which unpacks to too much is not taken."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile

import pytest

from services.gateway.commands.recording_upload import MOST_FILES, type_of
from services.gateway.operations.operation_error import OperationError

_MEGABYTE = 1 << 20


def zipped(files: int, size: int = 0) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(files):
            archive.writestr(str(i), b" " * size)
    return sink.getvalue()


def refused(file: bytes, most: int = _MEGABYTE) -> tuple[int, str]:
    with pytest.raises(OperationError) as refusal:
        type_of(file, most)
    return refusal.value.status, str(refusal.value)


def test_a_file_is_of_the_type_that_it_looks_like() -> None:
    assert type_of(gzip.compress(b"x" * 1000), 1000) == "stream"
    assert type_of(gzip.compress(b"x" * 600) + gzip.compress(b"x" * 400), 1000) == "stream"
    assert type_of(zipped(3, 10), 30) == "batch"
    assert type_of(zipped(MOST_FILES), 1) == "batch"
    assert type_of(gzip.compress(b"damaged")[:-3] + b"xyz", 1000) == "stream"  # the recorder says what is wrong
    assert refused(b"text")[0] == 400


@pytest.mark.parametrize(
    "file",
    [
        gzip.compress(b" " * (2 * _MEGABYTE)),
        gzip.compress(b" " * _MEGABYTE) + gzip.compress(b" "),
        gzip.compress(b"") * 3 + gzip.compress(b" " * (2 * _MEGABYTE)),
        zipped(2, _MEGABYTE),
    ],
)
def test_one_that_unpacks_to_too_much_is_too_large(file: bytes) -> None:
    assert refused(file) == (413, "the file unpacks to more than 1048576 bytes, the max-import in [storage]")


def test_looking_at_a_large_one_takes_little_memory() -> None:
    file = gzip.compress(b" " * (200 * _MEGABYTE), 1)
    tracemalloc.start()
    assert refused(file, 100 * _MEGABYTE)[0] == 413
    assert tracemalloc.get_traced_memory()[1] < 8 * _MEGABYTE
    tracemalloc.stop()


def test_a_zip_file_holds_as_many_files_as_a_task_may_have_queries() -> None:
    told = (413, "the zip file holds more than 1000 files, one for each query node")
    many = zipped(20_000)
    assert refused(many) == told
    # its end says that there is one, the list has all of them
    end = bytearray(many)
    struct.pack_into("<HH", end, len(end) - 14, 1, 1)
    assert refused(bytes(end)) == told


@pytest.mark.parametrize(
    "file", [b"PK\x03\x04 and no end", b"PK\x05\x06", zipped(1)[:-1], b"PK\x03\x04" + zipped(1)[-22:]]
)
def test_what_is_damaged_is_for_the_recorder_to_say(file: bytes) -> None:
    assert type_of(file, _MEGABYTE) == "batch"


def test_a_zip_file_in_the_form_for_more_than_can_be_imported_is_refused() -> None:
    one = zipped(1)
    assert refused(one[:-22] + b"PK\x06\x07" + b"\0" * 16 + one[-22:])[0] == 400
    assert refused(b"PK\x05\x06" + b"\xff" * 18)[0] == 413
