"""What kernels do with many bytes at once and numba has no words for: searching 64 of them, and reading words.

    _marks = any_of(b" ,=")

    @compiled("int64(Array(uint8, 1, 'C', True))")
    def first(data):
        return trailing_zeros(_marks(data, 0))

Made of LLVM's vectors, for whatever processor there is. None looks at bounds: an array must have so many bytes.
Little-endian machines only, as all are that numba's wheels are made for. Numba does not see a change of this file:
what it has compiled before is to be deleted then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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


def any_of(wanted: bytes) -> Primitive:
    """f(data, at): uint64 whose bit i tells whether byte `at` + i is one of these. Reads 64 bytes."""

    def make() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        many = ir.VectorType(ir.IntType(8), 64)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            loaded = builder.load(_pointer(context, builder, signature, args, many), align=1)
            found = None
            for byte in wanted:
                same = builder.icmp_unsigned("==", loaded, ir.Constant(many, [byte] * 64))
                found = same if found is None else builder.or_(found, same)
            return builder.bitcast(found, ir.IntType(64))

        def bits(typing_context: Any, data: Any, at: Any) -> Any:
            return types.uint64(data, types.intp), generate

        return intrinsic(bits)

    return Primitive(make)


def _word() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, args, ir.IntType(64)), align=1)

    def word(typing_context: Any, data: Any, at: Any) -> Any:
        return types.uint64(data, types.intp), generate

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


def _pointer(context: Any, builder: Any, signature: Any, args: Any, to: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.bitcast(builder.gep(array.data, [args[1]]), to.as_pointer())


word = Primitive(_word)
"""word(data, at): the eight bytes from `at` on as one uint64, the first one lowest."""

trailing_zeros = Primitive(_trailing_zeros)
"""trailing_zeros(bits): of a uint64, how many zeros stand below the lowest one; 64 where there is none."""

leading_zeros = Primitive(_leading_zeros)
"""leading_zeros(bits): of a uint64, how many zeros stand above the highest one; 64 where there is none."""

high_product = Primitive(_high_product)
"""high_product(a, b): the higher 64 bits of the product of two uint64."""

float_of_bits = Primitive(_float_of_bits)
"""float_of_bits(bits): the float64 that a uint64 is."""
