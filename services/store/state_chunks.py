"""State in chunks: what is big stands apart from the rest, cut into chunks that are kept by their content.

A state is taken in two steps. `take` is quick and leaves nothing in the state's value that may still change: plain
data are packed, arrays copied. `Taken.keep` then makes the chunks, which may last, in whatever thread; it gives a
plain value that names them by their digests, and of which `built` makes the state again. A chunk whose content is as
before has the digest that it had before: what keeps chunks need not keep it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.store.codec import Fixed, Later, Reader, Writer, dtype_of, plain_array

CHUNK_BYTES = 256 << 10  # bytes that most chunks have at most
_DIGEST_BYTES = 16
_LEAST = 4096  # bytes of an array that stands apart
_LEAST_OBJECTS, _OBJECTS_IN_CHUNK = 512, 4096
_BODY = 16 << 10  # bytes of packed data that are a chunk themselves

Manifest = list[Any]
"""Plain data that names the chunks of a value."""


class StateChunk:
    """Bytes that are made when they are wanted. digest: of what has been made of it before."""

    __slots__ = ("digest", "make")

    def __init__(self, make: Callable[[], bytes | memoryview], digest: bytes | None = None) -> None:
        self.make, self.digest = make, digest


class ChunkKeeper(Protocol):
    """What keeps chunks."""

    def has(self, digest: bytes) -> bool:
        """Whether it has this chunk."""

    def keep(self, chunk: StateChunk) -> bytes:
        """Have a chunk kept, unless it is; gives its digest."""


Get = Callable[[bytes], bytes]
"""Gives the chunk with a digest. ValueError where it is not there."""


def digest_of(data: bytes | memoryview) -> bytes:
    """By what a chunk is found."""
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def register(
    kind: type, code: int, chunks: Callable[[Any], list[StateChunk]], build: Callable[[list[Any]], Any]
) -> None:
    """Let values of a type stand apart. code: written into the data, so it must never change.

    chunks: made in any thread; what they are made of must not change. build: makes a value of [digest, bytes] each.
    """
    _by_type[kind] = code
    _by_code[code] = (chunks, build)


_by_type: dict[type, int] = {}
_by_code: dict[int, tuple[Callable[[Any], list[StateChunk]], Callable[[list[Any]], Any]]] = {}


@dataclass
class Taken:
    """A value as it was when it was taken."""

    body: bytes
    leaves: list[Any]
    size: int  # bytes, about: what is still to be made is not counted

    def keep(self, keeper: ChunkKeeper) -> Manifest:
        """Have all its chunks kept; what names them."""
        leaves = [_leaf(leaf, keeper) for leaf in self.leaves]
        return [_body(self.body, keeper), leaves]


def take(value: Any) -> Taken:
    """A value as it is now. TypeError and ValueError as `codec.pack`."""
    writer = _Apart()
    body = writer.pack(value)
    return Taken(body, writer.leaves, writer.size + len(body))


def built(manifest: Manifest, get: Get, found: list[Any] | None = None) -> Any:
    """The value again. ValueError where a chunk is missing or damaged. found: is given those of registered types."""
    try:
        body, leaves = manifest
        values = [_from_leaf(kind, head, content, get, found) for kind, head, content in leaves]
        packed = body if isinstance(body, bytes) else b"".join(map(get, body))
        return Reader(values).unpack(packed)
    except (TypeError, LookupError) as error:
        raise ValueError(f"damaged manifest: {error}") from error


def digests(manifest: Manifest) -> Iterator[bytes]:
    """The digests of all chunks that a manifest names."""
    body, leaves = manifest
    if not isinstance(body, bytes):
        yield from body
    for kind, _, content in leaves:
        if kind == _LATER:
            yield from digests(content)
        else:
            yield from content


_ARRAY, _OBJECTS, _LATER, _REGISTERED = range(4)


@dataclass
class _Apart(Writer):
    """Lets what is big stand apart, as it is now."""

    leaves: list[Any] = field(default_factory=list)
    size: int = 0

    def stands_apart(self, value: Any) -> int | None:
        kind = type(value)
        if kind is np.ndarray:
            least = _LEAST_OBJECTS * value.itemsize if value.dtype == np.object_ else _LEAST
            if value.nbytes < least:
                return None
            self.size += value.nbytes
            value = value.copy()
        elif kind is Fixed:
            if value.array.nbytes < _LEAST:
                return None
        elif kind is not Later and kind not in _by_type:
            return None
        self.leaves.append(value)
        return len(self.leaves) - 1


def _body(body: bytes, keeper: ChunkKeeper) -> Any:
    if len(body) < _BODY:
        return body
    return [keeper.keep(chunk) for chunk in _cut(body)]


def _leaf(leaf: Any, keeper: ChunkKeeper) -> Manifest:
    if isinstance(leaf, Later):
        if leaf.made is None or not all(map(keeper.has, digests(leaf.made))):
            leaf.made = take(leaf.make()).keep(keeper)
        return [_LATER, None, leaf.made]
    if isinstance(leaf, Fixed):
        if leaf.made is None:
            leaf.made = _array_chunks(leaf.array)
        kind, head, chunks = leaf.made
    elif isinstance(leaf, np.ndarray):
        kind, head, chunks = _array_chunks(leaf)
    else:
        code = _by_type[type(leaf)]
        kind, head, chunks = _REGISTERED, code, _by_code[code][0](leaf)
    return [kind, head, [keeper.keep(chunk) for chunk in chunks]]


def _array_chunks(array: NDArray[Any]) -> tuple[int, Any, list[StateChunk]]:
    if array.dtype == np.object_:
        flat = array.ravel()
        cuts = [flat[at : at + _OBJECTS_IN_CHUNK] for at in range(0, len(flat), _OBJECTS_IN_CHUNK)]
        return _OBJECTS, list(array.shape), [StateChunk(lambda cut=cut: _WRITER.pack(cut.tolist())) for cut in cuts]  # type: ignore[misc]
    plain_array(array)
    whole = np.ascontiguousarray(array)
    raw = whole.reshape(-1).view(np.uint8).data if whole.size else b""
    return _ARRAY, [array.dtype.str, list(array.shape)], _cut(raw)


def _cut(data: bytes | memoryview) -> list[StateChunk]:
    view = memoryview(data)
    return [StateChunk(lambda at=at: view[at : at + CHUNK_BYTES]) for at in range(0, len(view), CHUNK_BYTES)]  # type: ignore[misc]


def _from_leaf(kind: int, head: Any, content: Any, get: Get, found: list[Any] | None) -> Any:
    if kind == _LATER:
        return built(content, get, found)
    if kind == _ARRAY:
        return _array(head, content, get)
    if kind == _OBJECTS:
        array = np.empty(int(np.prod(head)), dtype=np.object_)
        at = 0
        for digest in content:
            values = _READER.unpack(get(digest))
            array[at : at + len(values)] = values
            at += len(values)
        return array.reshape(head)
    if kind != _REGISTERED:
        raise ValueError(f"a part of the unknown kind {kind}")
    value = _by_code[head][1]([(digest, get(digest)) for digest in content])
    if found is not None:
        found.append(value)
    return value


def _array(head: Sequence[Any], content: Sequence[bytes], get: Get) -> NDArray[Any]:
    dtype, shape = head
    array = np.empty(shape, dtype=dtype_of(dtype))
    raw = array.reshape(-1).view(np.uint8)
    at = 0
    for digest in content:
        data = np.frombuffer(get(digest), dtype=np.uint8)
        raw[at : at + len(data)] = data
        at += len(data)
    if at != len(raw):
        raise ValueError("an array is not whole")
    return array


_WRITER, _READER = Writer(), Reader()
