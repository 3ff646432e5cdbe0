"""State as bytes and back: plain Python values and numpy arrays, without pickle.

Taken are None, bool, int of any size, float, str, bytes, list, tuple, dict (keys of any of the hashable ones), numpy
arrays and numpy scalars, object arrays of such values, and types that were registered. What comes back has the same
types; arrays are new and writable. Underneath is msgpack with extension types; the first bytes tell the version.

A value may also be `Fixed`, an array that nobody changes any more, or `Later`, which is made when it is packed: both
come back as what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

_MAGIC, _FORMAT = b"\xb5TB", 1
_HEADER = _MAGIC + bytes([_FORMAT])
_BIG_INT, _TUPLE, _ARRAY, _OBJECTS, _SCALAR, _LATER, _APART = range(1, 8)
_FIRST_CODE, _LAST_CODE = 16, 127

_by_type: dict[type, tuple[int, Callable[[Any], Any]]] = {}
_by_code: dict[int, tuple[type, Callable[[Any], Any]]] = {}


def register(kind: type, code: int, to_plain: Callable[[Any], Any], from_plain: Callable[[Any], Any]) -> None:
    """Make a type known to pack and unpack.

    code: 16 to 127, written into the data, so it must never change. to_plain makes a value of the types above of an
    instance, from_plain the inverse. A subclass of int, float or str needs this to keep its type. Registering the
    same type twice is harmless; a code that belongs to another type is a ValueError.
    """
    if not _FIRST_CODE <= code <= _LAST_CODE:
        raise ValueError(f"code {code} is not in {_FIRST_CODE} to {_LAST_CODE}")
    known = _by_code.get(code)
    if known is not None and known[0] is not kind:
        raise ValueError(f"code {code} belongs to {known[0].__name__}")
    _by_type[kind] = (code, to_plain)
    _by_code[code] = (kind, from_plain)


def pack(value: Any) -> bytes:
    """A value as bytes. TypeError for a type that is not among those above, ValueError for a value that is too deep."""
    return _HEADER + _WRITER.pack(value)


def unpack(data: bytes | memoryview) -> Any:
    """The value again. ValueError for everything that `pack` did not write, of this version or types registered."""
    head = bytes(data[: len(_HEADER)])
    if head != _HEADER:
        if head[:-1] == _MAGIC:
            raise ValueError(f"packed state of format {head[-1]}: this version of tickbus reads format {_FORMAT}")
        raise ValueError("not packed state")
    return _READER.unpack(memoryview(data)[len(_HEADER) :])


class Fixed:
    """An array that nobody changes any more, so that it need not be copied to be kept."""

    __slots__ = ("array", "made")

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.made: Any = None  # the chunks that were made of it (see state_chunks)

    def __len__(self) -> int:
        return len(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.array, dtype=dtype) if copy else np.asarray(self.array, dtype=dtype)


class Later:
    """A value that is made when it is wanted, in whatever thread, of things that nobody changes any more."""

    __slots__ = ("made", "make")

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.made: Any = None  # as with Fixed


def settled(value: Any) -> Any:
    """The value with what `Later` and `Fixed` in it stand for, as it comes back from `unpack`, but with the same arrays
    and the same values of registered types in it."""
    if type(value) is Later:
        return settled(value.make())
    if type(value) is Fixed:
        return value.array
    if type(value) is dict:
        return {key: settled(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(settled, value))
    return value


class Writer:
    """Packs values. A subclass may let some of them stand elsewhere, by `stands_apart`."""

    def pack(self, value: Any) -> bytes:
        packed: bytes = msgpack.packb(
            value, default=self._extension, use_bin_type=True, strict_types=True, unicode_errors="surrogatepass"
        )
        return packed

    def stands_apart(self, value: Any) -> int | None:
        """The number by which a reader is told which of the values that stand elsewhere this is; None: it does not."""
        return None

    def _extension(self, value: Any) -> msgpack.ExtType:
        if type(value) is tuple:
            return msgpack.ExtType(_TUPLE, self.pack(list(value)))
        number = self.stands_apart(value)
        if number is not None:
            return msgpack.ExtType(_APART, number.to_bytes(4, "big"))
        known = _by_type.get(type(value))
        if known is not None:
            code, to_plain = known
            return msgpack.ExtType(code, self.pack(to_plain(value)))
        if type(value) is int:
            return msgpack.ExtType(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
        if type(value) is Fixed:
            value = value.array
        if type(value) is np.ndarray:
            return self._array(value)
        if type(value) is Later:
            return msgpack.ExtType(_LATER, self.pack(value.make()))
        if isinstance(value, np.generic):
            return msgpack.ExtType(_SCALAR, self.pack([value.dtype.str, value.tobytes()]))
        raise TypeError(f"cannot pack a {type(value).__name__}")

    def _array(self, array: NDArray[Any]) -> msgpack.ExtType:
        if array.dtype == np.object_:
            return msgpack.ExtType(_OBJECTS, self.pack([list(array.shape), array.ravel().tolist()]))
        plain_array(array)
        return msgpack.ExtType(_ARRAY, self.pack([array.dtype.str, list(array.shape)]) + array.tobytes())


class Reader:
    """Unpacks what a Writer packed; apart: the values that stand elsewhere, by number."""

    def __init__(self, apart: Sequence[Any] = ()) -> None:
        self._apart = apart

    def unpack(self, data: bytes | memoryview) -> Any:
        """ValueError for what is damaged."""
        try:
            return self._unpack(data)
        except (msgpack.UnpackException, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise ValueError(f"damaged packed state: {error}") from error

    def _unpack(self, data: bytes | memoryview) -> Any:
        return msgpack.unpackb(
            data, ext_hook=self._from_extension, raw=False, strict_map_key=False, unicode_errors="surrogatepass"
        )

    def _from_extension(self, code: int, data: bytes) -> Any:
        if code == _ARRAY:
            return _to_array(data)
        if code == _OBJECTS:
            shape, values = self._unpack(data)
            array = np.empty(len(values), dtype=np.object_)
            array[:] = values
            return array.reshape(shape)
        if code == _TUPLE:
            return tuple(self._unpack(data))
        if code == _LATER:
            return self._unpack(data)
        if code == _APART:
            return self._apart[int.from_bytes(data, "big")]
        if code == _BIG_INT:
            return int.from_bytes(data, "big", signed=True)
        if code == _SCALAR:
            dtype, raw = self._unpack(data)
            return np.frombuffer(raw, dtype=dtype_of(dtype), count=1)[0]
        kind = _by_code.get(code)
        if kind is None:
            raise ValueError(f"type {code} is not registered")
        return kind[1](self._unpack(data))


def plain_array(array: NDArray[Any]) -> None:
    """TypeError for an array that is more than numbers one after another."""
    if array.dtype.hasobject or array.dtype.names:
        raise TypeError(f"cannot pack an array of {array.dtype}")


def dtype_of(text: str) -> np.dtype[Any]:
    """The dtype that a packed array names. ValueError where it cannot be one."""
    dtype = np.dtype(text)
    if dtype.hasobject:
        raise ValueError("an array of objects as raw bytes")
    return dtype


def _to_array(data: bytes) -> NDArray[Any]:
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=len(data))
    unpacker.feed(data[:4096])
    dtype, shape = unpacker.unpack()
    return np.frombuffer(data, dtype=dtype_of(dtype), offset=unpacker.tell()).reshape(shape).copy()


_WRITER, _READER = Writer(), Reader()
