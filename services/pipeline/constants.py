"""Expressions of constants, worked out while a script is compiled: `var x = 30s * base`.

Types are as strict as in a running lambda: int and float do not mix in arithmetic but compare with each other.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from grammar.regex import compile_regex
from grammar.tickscript.ast import Regex
from grammar.tickscript.literals import format_duration, parse_duration
from services.pipeline.spec import Duration
from services.pipeline.values import Value, show, type_of

Caller = Callable[[str, Sequence[Value]], Value]


def binary(op: str, left: Value, right: Value) -> Value:
    """`left op right`. ValueError, in the reference's words, where types do not fit, and for a division by zero."""
    types = (type_of(left), type_of(right))
    work = _OPERATIONS.get((op, *types))
    if work is None:
        if op not in _KNOWN.get(types[0], ()):
            raise ValueError(f"invalid {_KIND[op]} operator {op} for type {types[0]}")
        raise ValueError(
            f"mismatched type to binary operator. got {types[0]} {op} {types[1]}. "
            "see bool(), int(), float(), string(), duration()"
        )
    try:
        return work(left, right)
    except ZeroDivisionError:
        raise ValueError("integer divide by zero") from None


def unary(op: str, value: Value) -> Value:
    """`-value` or `!value`. ValueError, in the reference's words, where the type does not fit."""
    kind = type_of(value)
    if op == "!" and kind == "boolean":
        return not value
    if op == "-" and kind in ("int", "float", "duration"):
        return _wrapped(type(value), -value)
    raise ValueError(f"invalid arugument to '{op}' {show(value)}")


def call(name: str, arguments: Sequence[Value], other: Caller | None) -> Value:
    """A function of constants: the conversions and `if` here, all else by `other`.

    ValueError, in the reference's words, where there is no such function or it cannot take the arguments.
    """
    signatures = _SIGNATURES.get(name)
    if signatures is None:
        try:
            if other is not None:
                return other(name, arguments)
        except KeyError:
            pass
        raise ValueError(f'undefined function: "{name}"')
    types = tuple(map(type_of, arguments))
    if types not in signatures:
        given = ",".join(f"{show(a)}: {t}" for a, t in zip(arguments, types, strict=True))
        takes = ", ".join(f"({','.join(s)})" for s in signatures)
        raise ValueError(f'Cannot call function "{name}" with args ({given}), available signatures are [{takes}].')
    try:
        return _FUNCTIONS[name](*arguments)
    except (ValueError, OverflowError) as e:
        raise ValueError(f'error calling "{name}": {e}') from None


def _wrapped(kind: type, value: Any) -> Value:
    if kind is float:
        return value
    return kind((int(value) + 2**63) % 2**64 - 2**63)


def _whole(kind: type, value: float) -> Value:
    """A float cut off to an int: what has no int value gives the smallest one, as on amd64."""
    inside = math.isfinite(value) and -(2.0**63) <= value < 2.0**63
    return kind(value) if inside else kind(-(2**63))


def _int_op(kind: type, work: Callable[[int, int], int]) -> Callable[[int, int], Value]:
    return lambda a, b: _wrapped(kind, work(int(a), int(b)))


def _quotient(a: int, b: int) -> int:
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def _remainder(a: int, b: int) -> int:
    return a - b * _quotient(a, b)


def _float_quotient(a: float, b: float) -> float:
    if b:
        return a / b
    if not a or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, math.copysign(1.0, a) * math.copysign(1.0, b))


def _search(text: str, pattern: Regex) -> bool:
    return compile_regex(pattern.pattern).search(text) is not None


def _operations() -> dict[tuple[str, str, str], Callable[[Any, Any], Value]]:
    i, f, d, s, b = "int", "float", "duration", "string", "boolean"
    table: dict[tuple[str, str, str], Callable[[Any, Any], Value]] = {
        ("AND", b, b): lambda x, y: x and y,
        ("OR", b, b): lambda x, y: x or y,
        ("==", b, b): operator.eq,
        ("!=", b, b): operator.ne,
        ("=~", s, "regex"): _search,
        ("!~", s, "regex"): lambda x, y: not _search(x, y),
        ("+", s, s): operator.add,
        ("+", f, f): operator.add,
        ("-", f, f): operator.sub,
        ("*", f, f): operator.mul,
        ("/", f, f): _float_quotient,
        ("%", i, i): _int_op(int, _remainder),
        ("/", i, i): _int_op(int, _quotient),
        ("*", i, i): _int_op(int, operator.mul),
        ("*", d, i): _int_op(Duration, operator.mul),
        ("*", i, d): _int_op(Duration, operator.mul),
        ("*", d, f): lambda x, y: _whole(Duration, float(int(x)) * y),
        ("*", f, d): lambda x, y: _whole(Duration, x * float(int(y))),
        ("/", d, i): _int_op(Duration, _quotient),
        ("/", d, f): lambda x, y: _whole(Duration, _float_quotient(float(int(x)), y)),
        ("/", d, d): _int_op(int, _quotient),
    }
    for kind, name in ((int, i), (Duration, d)):
        table["+", name, name] = _int_op(kind, operator.add)
        table["-", name, name] = _int_op(kind, operator.sub)
    comparisons = {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
    for op, work in comparisons.items():
        for pair in ((i, i), (i, f), (f, i), (f, f), (s, s), (d, d)):
            table[op, *pair] = work
    return table


_OPERATIONS = _operations()
_KNOWN: dict[str, set[str]] = {}
for _op, *_pair in _OPERATIONS:
    for _type in _pair:
        _KNOWN.setdefault(_type, set()).add(_op)
_KIND = dict.fromkeys("+-*/%", "math") | dict.fromkeys(("AND", "OR"), "logical")
_KIND |= dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "=~", "!~"), "comparison")


def _to_bool(value: Value) -> bool:
    if isinstance(value, str):
        if value in ("1", "t", "T", "TRUE", "true", "True"):
            return True
        if value in ("0", "f", "F", "FALSE", "false", "False"):
            return False
        raise ValueError(f'cannot read "{value}" as a boolean')
    if value not in (0, 1):
        raise ValueError(f"cannot convert {show(value)} to boolean")
    return bool(value)


def _to_int(value: Value) -> int:
    if isinstance(value, float):
        return int(_whole(int, value))
    if isinstance(value, str):
        digits = value[1:] if value[:1] in ("+", "-") else value
        if not (digits.isascii() and digits.isdigit()) or not -(2**63) <= int(value) < 2**63:
            raise ValueError(f'cannot read "{value}" as an int')
    return int(value)


def _to_float(value: Value) -> float:
    if isinstance(value, str) and ("_" in value or value != value.strip()):
        raise ValueError(f'cannot read "{value}" as a float')
    return float(value)


def _to_string(value: Value) -> str:
    if isinstance(value, Duration):
        return format_duration(value)
    if isinstance(value, float):
        return go_float(value)
    return show(value)


_NS = Duration(1)


def _to_duration(value: Value, unit: Duration = _NS) -> Duration:
    if isinstance(value, str):
        return Duration(parse_duration(value))
    if isinstance(value, Duration):
        return value
    result: Duration = binary("*", value, unit)
    return result


def go_float(value: float) -> str:
    """A float with all its digits and no exponent, `3` for 3.0."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    text = format(value, "f") if value == int(value) else repr(value)
    if "e" in text:
        text = format(value, f".{_decimals(text)}f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(scientific: str) -> int:
    mantissa, _, exponent = scientific.partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent))


_PLAIN = (("boolean",), ("string",), ("int",), ("float",))
_SIGNATURES: dict[str, tuple[tuple[str, ...], ...]] = {
    "bool": _PLAIN,
    "int": _PLAIN,
    "float": _PLAIN,
    "string": (*_PLAIN, ("duration",)),
    "duration": (("duration",), ("int", "duration"), ("float", "duration"), ("string", "duration")),
    "if": tuple(("boolean", t, t) for t in ("float", "int", "string", "boolean", "regex", "time", "duration")),
}
_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "string": _to_string,
    "duration": _to_duration,
    "if": lambda condition, yes, no: yes if condition else no,
}
