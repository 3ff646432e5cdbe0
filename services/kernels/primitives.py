"""What kernels do with many bytes at once and numba has no words for: searching 64 of them, and reading words.

    _marks = any_of(b" ,=")

    @compiled("int64(int64)")
    def first(text):
        return trailing_zeros(_marks(text, 0))

Made of LLVM's vectors, for whatever processor there is. Bytes are told by the address of an array, which costs less to
hand on than the array: `address_of` gives it. None of these looks at bounds, or keeps the array alive.
Little-endian machines only, as all are that numba's wheels are made for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Primitive:
    """Called in kernels only. Which it is, numba is told when the first kernel that has it is compiled."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def __call__(self, *args: Any) -> Any:
        raise TypeError("this is for compiled kernels only")

    def prepare(self) -> Any:
        """Numba's intrinsic."""
        if self._made is None:
            self._made = self._make()
        return self._made


def address_of(text: bytes) -> int:
    """Where bytes lie, for as long as they live."""
    array: NDArray[np.uint8] = np.frombuffer(text, dtype=np.uint8)
    address: int = array.__array_interface__["data"][0]
    return address


def any_of(wanted: bytes) -> Primitive:
    """f(text, at): uint64 whose bit i tells whether byte `at` + i is one of these. Reads 64 bytes."""

    def make() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        many = ir.VectorType(ir.IntType(8), 64)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            loaded = builder.load(_pointer(builder, args, many), align=1)
            found = None
            for byte in wanted:
                same = builder.icmp_unsigned("==", loaded, ir.Constant(many, [byte] * 64))
                found = same if found is None else builder.or_(found, same)
            return builder.bitcast(found, ir.IntType(64))

        def bits(typing_context: Any, text: Any, at: Any) -> Any:
            return types.uint64(types.int64, types.int64), generate

        return intrinsic(bits)

    return Primitive(make)


def _beyond_digits() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    many = ir.VectorType(ir.IntType(8), 64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(_pointer(builder, args, many), align=1)
        number = builder.sub(loaded, ir.Constant(many, [ord("0")] * 64))
        return builder.bitcast(builder.icmp_unsigned(">", number, ir.Constant(many, [9] * 64)), ir.IntType(64))

    def no_digits(typing_context: Any, text: Any, at: Any) -> Any:
        return types.uint64(types.int64, types.int64), generate

    return intrinsic(no_digits)


def _word() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_pointer(builder, args, ir.IntType(64)), align=1)

    def word(typing_context: Any, text: Any, at: Any) -> Any:
        return types.uint64(types.int64, types.int64), generate

    return intrinsic(word)


def _trailing_zeros() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    def trailing_zeros(typing_context: Any, bits: Any) -> Any:
        return types.int64(types.uint64), generate

    return intrinsic(trailing_zeros)


def _leading_zeros() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    def leading_zeros(typing_context: Any, bits: Any) -> Any:
        return types.int64(types.uint64), generate

    return intrinsic(leading_zeros)


def _ones() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    def ones(typing_context: Any, bits: Any) -> Any:
        return types.int64(types.uint64), generate

    return intrinsic(ones)


def _high_product() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    wide = ir.IntType(128)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        product = builder.mul(*(builder.zext(arg, wide) for arg in args))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    def high_product(typing_context: Any, a: Any, b: Any) -> Any:
        return types.uint64(types.uint64, types.uint64), generate

    return intrinsic(high_product)


def _float_of_bits() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    def float_of_bits(typing_context: Any, bits: Any) -> Any:
        return types.float64(types.uint64), generate

    return intrinsic(float_of_bits)


def _byte() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(_pointer(builder, args, ir.IntType(8)), align=1)
        return builder.zext(loaded, ir.IntType(64))

    def byte(typing_context: Any, text: Any, at: Any) -> Any:
        return types.int64(types.int64, types.int64), generate

    return intrinsic(byte)


def _put(bits: int) -> Callable[[], Any]:
    def make() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            to = ir.IntType(bits)
            value = args[2] if bits == 64 else builder.trunc(args[2], to)
            builder.store(value, _pointer(builder, args[:2], to), align=1)
            return context.get_dummy_value()

        def put(typing_context: Any, text: Any, at: Any, value: Any) -> Any:
            return types.void(types.int64, types.int64, types.int64), generate

        return intrinsic(put)

    return make


def _pointer(builder: Any, args: Any, to: Any) -> Any:
    return builder.inttoptr(builder.add(*args), to.as_pointer())


byte = Primitive(_byte)
"""byte(text, at): one byte, as an int64."""

put_byte = Primitive(_put(8))
"""put_byte(text, at, value): one byte of an int64, its lowest."""

put_word = Primitive(_put(64))
"""put_word(text, at, value): the eight bytes of an int64, the lowest first."""

no_digits = Primitive(_beyond_digits)
"""no_digits(text, at): uint64 whose bit i tells whether byte `at` + i is no decimal digit. Reads 64 bytes."""

word = Primitive(_word)
"""word(text, at): the eight bytes from `at` on as one uint64, the first one lowest."""

trailing_zeros = Primitive(_trailing_zeros)
"""trailing_zeros(bits): of a uint64, how many zeros stand below the lowest one; 64 where there is none."""

leading_zeros = Primitive(_leading_zeros)
"""leading_zeros(bits): of a uint64, how many zeros stand above the highest one; 64 where there is none."""

ones = Primitive(_ones)
"""ones(bits): how many bits of a uint64 are one."""

high_product = Primitive(_high_product)
"""high_product(a, b): the higher 64 bits of the product of two uint64."""

float_of_bits = Primitive(_float_of_bits)
"""float_of_bits(bits): the float64 that a uint64 is."""
