"""State as bytes and back: plain Python values and numpy arrays, without pickle.

Taken are None, bool, int of any size, float, str, bytes, list, tuple, dict (keys of any of the hashable ones), numpy
arrays and numpy scalars, object arrays of such values, and types that were registered. What comes back has the same
types; arrays are new and writable. Underneath is msgpack with extension types; the first bytes tell the version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

_HEADER = b"\xb5TB\x01"
_BIG_INT, _TUPLE, _ARRAY, _OBJECTS, _SCALAR = range(1, 6)
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
    return _HEADER + _pack(value)


def unpack(data: bytes | memoryview) -> Any:
    """The value again. ValueError for everything that `pack` did not write, of this version or types registered."""
    if bytes(data[: len(_HEADER)]) != _HEADER:
        raise ValueError("not packed state, or of another version")
    try:
        return _unpack(memoryview(data)[len(_HEADER) :])
    except (msgpack.UnpackException, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"damaged packed state: {error}") from error


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(
        value, default=_extension, use_bin_type=True, strict_types=True, unicode_errors="surrogatepass"
    )
    return packed


def _unpack(data: bytes | memoryview) -> Any:
    return msgpack.unpackb(
        data, ext_hook=_from_extension, raw=False, strict_map_key=False, unicode_errors="surrogatepass"
    )


def _extension(value: Any) -> msgpack.ExtType:
    known = _by_type.get(type(value))
    if known is not None:
        code, to_plain = known
        return msgpack.ExtType(code, _pack(to_plain(value)))
    if type(value) is tuple:
        return msgpack.ExtType(_TUPLE, _pack(list(value)))
    if type(value) is int:
        return msgpack.ExtType(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if type(value) is np.ndarray:
        return _from_array(value)
    if isinstance(value, np.generic):
        return msgpack.ExtType(_SCALAR, _pack([value.dtype.str, value.tobytes()]))
    raise TypeError(f"cannot pack a {type(value).__name__}")


def _from_array(array: NDArray[Any]) -> msgpack.ExtType:
    if array.dtype == np.object_:
        return msgpack.ExtType(_OBJECTS, _pack([list(array.shape), array.ravel().tolist()]))
    if array.dtype.hasobject or array.dtype.names:
        raise TypeError(f"cannot pack an array of {array.dtype}")
    return msgpack.ExtType(_ARRAY, _pack([array.dtype.str, list(array.shape)]) + array.tobytes())


def _from_extension(code: int, data: bytes) -> Any:
    if code == _ARRAY:
        return _to_array(data)
    if code == _OBJECTS:
        shape, values = _unpack(data)
        array = np.empty(len(values), dtype=np.object_)
        array[:] = values
        return array.reshape(shape)
    if code == _TUPLE:
        return tuple(_unpack(data))
    if code == _BIG_INT:
        return int.from_bytes(data, "big", signed=True)
    if code == _SCALAR:
        dtype, raw = _unpack(data)
        return np.frombuffer(raw, dtype=_dtype(dtype), count=1)[0]
    kind = _by_code.get(code)
    if kind is None:
        raise ValueError(f"type {code} is not registered")
    return kind[1](_unpack(data))


def _to_array(data: bytes) -> NDArray[Any]:
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=len(data))
    unpacker.feed(data[:4096])
    dtype, shape = unpacker.unpack()
    return np.frombuffer(data, dtype=_dtype(dtype), offset=unpacker.tell()).reshape(shape).copy()


def _dtype(text: str) -> np.dtype[Any]:
    dtype = np.dtype(text)
    if dtype.hasobject:
        raise ValueError("an array of objects as raw bytes")
    return dtype
