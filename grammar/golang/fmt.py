"""Go's fmt: Sprint, Sprintln and Sprintf over the values of a template."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from grammar.golang.errors import MOST_TEXT, too_long
from grammar.golang.numbers import format_float
from grammar.golang.quoting import quote
from grammar.golang.values import LIST, GoType, Struct, boxed, type_of

_VERB = re.compile(
    r"%(?P<flags>[#0+\- ]*)(?P<arg>\[(?:[^\]]*\])?)?(?P<width>\*|[0-9]+)?"
    r"(?:(?P<dot>\.)(?!\Z)(?P<parg>\[(?:[^\]]*\])?)?(?P<prec>\*|[0-9]+)?)?(?P<varg>\[(?:[^\]]*\])?)?(?P<verb>.)?",
    re.DOTALL,
)
_NOT_RAW = re.compile("[\x00-\x08\x0a-\x1f`\x7f\ufeff\udc80-\udcff]")
_TEXT_VERBS: Final = frozenset("vsxXq")
# Where Go prints the address of a pointer, the same input must still give the same text.
_ADDRESS: Final = "0xc000010000"
_MAX_WIDTH: Final = 1_000_000
_MOST_DIGITS: Final = len(str(_MAX_WIDTH)) + 1
_DIGITS = re.compile("[0-9]+")


@dataclasses.dataclass(slots=True)
class Spec:
    """The flags, width and precision of one verb; full is %#v, named is %+v."""

    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None
    full: bool = False
    named: bool = False


_PLAIN: Final = Spec()


def text_of(value: Any) -> str:
    """The value as Go prints it by default (%v)."""
    if value.__class__ is str:
        return value
    if value.__class__ is float:
        return format_float(value, "g")
    if value.__class__ is int:
        return str(value)
    return format_value(value, "v", _PLAIN)


def sprint(*args: Any) -> str:
    """fmt.Sprint: a blank between two operands of which neither is a string."""
    out: list[str] = []
    previous = True
    for value in args:
        is_text = isinstance(value, str)
        if out and not is_text and not previous:
            out.append(" ")
        out.append(text_of(value))
        previous = is_text
    return "".join(out)


def sprintln(*args: Any) -> str:
    """fmt.Sprintln: a blank between all operands, and a newline."""
    return " ".join(map(text_of, args)) + "\n"


def sprintf(layout: str, *args: Any) -> str:
    """fmt.Sprintf, with Go's notes for what does not fit: %!d(string=x), %!s(MISSING), %!(EXTRA int=1)."""
    out: list[str] = []
    at = 0
    reordered = False
    size = 0
    for piece in _pieces(layout):
        if out:
            size += len(out[-1])
            if size > MOST_TEXT:
                raise too_long()
        if isinstance(piece, str):
            out.append(piece)
            continue
        if at < len(args):
            fast = piece.fast.get(args[at].__class__)
            if fast is not None and (fast[-1] not in "fe" or math.isfinite(args[at])):
                out.append(fast % args[at])
                at += 1
                continue
        text, at, moved = _verb(piece, args, at)
        reordered = reordered or moved
        out.append(text)
    if not reordered and at < len(args):
        rest = ", ".join("<nil>" if arg is None else f"{_name(arg)}={text_of(arg)}" for arg in args[at:])
        out.append(f"%!(EXTRA {rest})")
    return "".join(out)


class _Verb(NamedTuple):
    spec: Spec
    verb: str
    width_arg: bool
    precision_arg: bool
    indexes: tuple[str | None, str | None, str | None]
    plain: bool
    # A width or precision in digits right after the first index.
    crowded: bool
    # By type of value, what Python's % formats alike.
    fast: dict[type, str]


@lru_cache(maxsize=512)
def _pieces(layout: str) -> tuple[str | _Verb, ...]:
    pieces: list[str | _Verb] = []
    at = 0
    while (start := layout.find("%", at)) >= 0:
        if start > at:
            pieces.append(layout[at:start])
        found = _VERB.match(layout, start)
        assert found is not None
        if any(_number(found[part] or "") > _MAX_WIDTH for part in ("width", "prec") if found[part] != "*"):
            # To Go the rest of the text is then no verb.
            pieces.append("%!(NOVERB)")
            return tuple(pieces)
        pieces.append(_parse_verb(found))
        at = found.end()
    if at < len(layout):
        pieces.append(layout[at:])
    return tuple(pieces)


def _number(digits: str) -> int:
    """What digits say, 0 without any; of more digits than are of use some number above _MAX_WIDTH."""
    return int(digits.lstrip("0")[:_MOST_DIGITS] or 0)


def _parse_verb(found: re.Match[str]) -> _Verb:
    spec = Spec()
    for flag in found["flags"]:
        if flag == "-":
            spec.minus, spec.zero = True, False
        elif flag == "0":
            spec.zero = not spec.minus
        elif flag == "+":
            spec.plus = True
        elif flag == "#":
            spec.sharp = True
        else:
            spec.space = True
    width, precision, verb = found["width"], found["prec"], found["verb"] or ""
    if width and width != "*":
        spec.width = _number(width)
    if found["dot"] and precision != "*":
        spec.precision = _number(precision or "")
    if verb == "v":
        spec.full, spec.sharp = spec.sharp, False
        spec.named, spec.plus = spec.plus, False
    indexes = (found["arg"], found["parg"], found["varg"])
    plain = width != "*" and precision != "*" and not any(indexes)
    fast: dict[type, str] = {}
    if plain and not spec.sharp:
        if verb in ("f", "e"):
            fast[float] = found[0]
        elif verb == "d" and not found["dot"]:
            fast[int] = found[0]
        elif verb == "s" and not found["flags"].strip("-"):
            fast[str] = found[0]
    return _Verb(spec, verb, width == "*", precision == "*", indexes, plain, bool(width or found["dot"]), fast)


def _verb(piece: _Verb, args: tuple[Any, ...], at: int) -> tuple[str, int, bool]:
    """The text of one verb, the index of the next argument, and whether the format chose its own order."""
    spec, verb = piece.spec, piece.verb
    moved = good = True
    if piece.plain:
        moved = False
    else:
        moved = any(piece.indexes)
        spec = dataclasses.replace(spec)
        note, at, good = _arguments(piece, spec, args, at)
        if note:
            text, at = _shown(verb, spec, args, at, good)
            return note + text, at, moved
    text, at = _shown(verb, spec, args, at, good)
    return text, at, moved


def _shown(verb: str, spec: Spec, args: tuple[Any, ...], at: int, good: bool) -> tuple[str, int]:
    if not verb:
        return "%!(NOVERB)", at
    if verb == "%":
        return "%", at
    if not good:
        return f"%!{verb}(BADINDEX)", at
    if at >= len(args):
        return f"%!{verb}(MISSING)", at
    return format_value(args[at], verb, spec), at + 1


def _arguments(piece: _Verb, spec: Spec, args: tuple[Any, ...], at: int) -> tuple[str, int, bool]:
    """Read width and precision from the arguments, and the argument indexes."""
    note = ""
    good = True
    first, second, third = piece.indexes
    at, good = _index(first, args, at, good)
    if piece.width_arg:
        width, at = _int_arg(args, at)
        if width is None:
            note = "%!(BADWIDTH)"
        elif width < 0:
            spec.width, spec.minus, spec.zero = -width, True, False
        else:
            spec.width = width
    elif first is not None and piece.crowded:
        # Go takes %[1]5d and %[1].2d for mistakes.
        good = False
    at, good = _index(second, args, at, good)
    if piece.precision_arg:
        precision, at = _int_arg(args, at)
        if precision is None or precision < 0:
            note += "%!(BADPREC)"
            spec.precision = None
        else:
            spec.precision = precision
    at, good = _index(third, args, at, good)
    return note, at, good


def _index(text: str | None, args: tuple[Any, ...], at: int, good: bool) -> tuple[int, bool]:
    if text is None:
        return at, good
    number = _number(text[1:-1]) if text[-1] == "]" and _DIGITS.fullmatch(text[1:-1]) else 0
    if not 1 <= number <= len(args):
        return at, False
    return number - 1, good


def _int_arg(args: tuple[Any, ...], at: int) -> tuple[int | None, int]:
    if at >= len(args):
        return None, at
    value = args[at]
    # Only Go's own integer kinds count, and not beyond a sane width.
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_WIDTH:
        return None, at + 1
    return int(value), at + 1


def format_value(value: Any, verb: str, spec: Spec, depth: int = 0, methods: bool = True) -> str:
    """One value under one verb. methods is False where Go prints a value inside a complaint about it."""
    if value is None:
        if verb == "T" or verb == "v":
            return _pad("<nil>", spec)
        return f"%!{verb}(<nil>)"
    if verb == "T":
        return _text(_name(value), "s", spec)
    if methods and verb in _TEXT_VERBS and not spec.full:
        method = getattr(value, "go_string", None)
        if method is not None:
            return _text(method(), verb, spec)
    go_type = type_of(value)
    assert go_type is not None
    if verb == "p" and depth == 0:
        return _ADDRESS if go_type.kind in ("map", "slice") else _bad(value, verb, spec)
    match go_type.kind:
        case "string":
            if verb in _TEXT_VERBS:
                return _text(value, verb, spec)
        case "int" | "uint":
            text = _integer(int(value), verb, spec, go_type.kind == "uint")
            if text is not None:
                return text
        case "float":
            text = _float(float(value), verb, spec)
            if text is not None:
                return text
        case "bool":
            if verb in "tv":
                return _pad("true" if value else "false", spec)
        case "complex":
            text = _complex(value, verb, spec)
            if text is not None:
                return text
        case "map":
            return _map(value, go_type, verb, spec, depth, methods)
        case "slice":
            return _slice(value, go_type, verb, spec, depth, methods)
        case "struct":
            return _struct(value, verb, spec, depth, methods)
    return _bad(value, verb, spec)


def _name(value: Any) -> str:
    go_type = type_of(value)
    return "<nil>" if go_type is None else go_type.name


def _raw(value: Any, spec: Spec) -> str:
    return format_value(value, "v", spec, 0, False)


def _bad(value: Any, verb: str, spec: Spec) -> str:
    return f"%!{verb}({_name(value)}={_raw(value, spec)})"


def _pad(text: str, spec: Spec) -> str:
    width = spec.width
    if width is None or len(text) >= width:
        return text
    if spec.minus:
        return text.ljust(width)
    return text.rjust(width, "0" if spec.zero else " ")


def _text(text: str, verb: str, spec: Spec) -> str:
    if spec.full:
        verb = "q"
    cut = text if spec.precision is None else text[: spec.precision]
    if verb == "q":
        if spec.sharp and _backquotable(cut):
            return _pad(f"`{cut}`", spec)
        return _pad(quote(cut, ascii_only=spec.plus), spec)
    if verb in "xX":
        data = text.encode("utf-8", "surrogateescape")[: spec.precision]
        pairs = [f"{byte:02x}" for byte in data]
        mark = "0x" if spec.sharp else ""
        joined = f" {mark}".join(pairs) if spec.space else "".join(pairs)
        shown = mark + joined if joined else ""
        return _pad(shown.upper() if verb == "X" else shown, spec)
    return _pad(cut, spec)


def _backquotable(text: str) -> bool:
    return not _NOT_RAW.search(text)


def _integer(value: int, verb: str, spec: Spec, unsigned: bool) -> str | None:
    """An integer under a verb; None where the verb is none of an integer's."""
    if verb == "v" and spec.full and unsigned:
        return _digits(value, 16, "v", dataclasses.replace(spec, sharp=True))
    if verb in "vd":
        if spec is _PLAIN:
            return str(value)
        return _digits(value, 10, verb, spec)
    if verb in "boOxX":
        return _digits(value, {"b": 2, "o": 8, "O": 8}.get(verb, 16), verb, spec)
    if verb in "cqU":
        rune = value if 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF else 0xFFFD
        if verb == "c":
            return _pad(chr(rune), spec)
        if verb == "q":
            return _pad(quote(chr(rune), "'", spec.plus), spec)
        shown = f"U+{value & (2**64 - 1):0{max(4, spec.precision or 0)}X}"
        if spec.sharp and value == rune and chr(rune).isprintable():
            shown += f" '{chr(rune)}'"
        return _pad(shown, dataclasses.replace(spec, zero=False))
    return None


def _digits(value: int, base: int, verb: str, spec: Spec) -> str:
    negative = value < 0
    size = -value if negative else value
    if spec.precision is not None:
        if spec.precision == 0 and value == 0:
            return " " * (spec.width or 0)
        least = spec.precision
    elif spec.zero and spec.width is not None:
        least = spec.width - (negative or spec.plus or spec.space)
    else:
        least = 0
    text = str(size) if base == 10 else format(size, {2: "b", 8: "o", 16: "x"}[base])
    text = text.rjust(least, "0")
    if spec.sharp:
        if base == 8 and not text.startswith("0"):
            text = "0" + text
        text = {2: "0b", 16: "0x"}.get(base, "") + text
    if verb == "O":
        text = "0o" + text
    if verb == "X":
        text = text.upper()
    text = ("-" if negative else "+" if spec.plus else " " if spec.space else "") + text
    return _pad(text, dataclasses.replace(spec, zero=False)) if spec.width is not None else text


def _float(value: float, verb: str, spec: Spec) -> str | None:
    """A float64 under a verb; None where the verb is none of a float's."""
    if verb == "v":
        return _real(value, "g", spec.precision if spec.precision is not None else -1, spec)
    if verb in "gGxX" or verb == "b":
        return _real(value, verb, spec.precision if spec.precision is not None else -1, spec)
    if verb in "fFeE":
        precision = spec.precision if spec.precision is not None else 6
        return _real(value, "f" if verb == "F" else verb, precision, spec)
    return None


def _real(value: float, verb: str, precision: int, spec: Spec) -> str:
    text = format_float(value, verb, precision)
    if text[0] not in "+-":
        text = "+" + text
    if spec.space and text[0] == "+" and not spec.plus:
        text = " " + text[1:]
    finite = math.isfinite(value)
    if finite and spec.sharp and verb != "b":
        text = _sharp(text, verb, precision)
    if not finite:
        spec = dataclasses.replace(spec, zero=False)
        if math.isnan(value) and text[0] == "+" and not spec.plus:
            return _pad(text[1:], spec)
    if spec.plus or text[0] != "+":
        if spec.zero and spec.width is not None and spec.width > len(text):
            return text[0] + text[1:].rjust(spec.width - 1, "0")
        return _pad(text, spec)
    return _pad(text[1:], spec) if finite else _pad(text, spec)


def _sharp(text: str, verb: str, precision: int) -> str:
    """The # flag of a float: always a decimal point, and with %g no zeros removed."""
    cut = re.search("[pP]" if verb in "xX" else "[eE]", text)
    head, tail = (text[: cut.start()], text[cut.start() :]) if cut else (text, "")
    if "." not in head:
        head += "."
    if verb in "gGx":
        # Go counts the x of 0x among the digits.
        wanted = 6 if precision == -1 else max(precision, 1)
        count = len(re.sub(r"[-+ .]", "", head).lstrip("0")) or 1
        head += "0" * (wanted - count)
    return head + tail


def _complex(value: complex, verb: str, spec: Spec) -> str | None:
    real = _float(value.real, verb, spec)
    imaginary = _float(value.imag, verb, dataclasses.replace(spec, plus=True))
    return None if real is None or imaginary is None else f"({real}{imaginary}i)"


def _map(value: Mapping[Any, Any], go_type: GoType, verb: str, spec: Spec, depth: int, methods: bool) -> str:
    pairs = [
        f"{format_value(key, verb, spec, depth + 1, methods)}:{_element(one, verb, spec, depth, methods)}"
        for key, one in sorted(value.items())
    ]
    if spec.full:
        return f"{go_type.name}{{{', '.join(pairs)}}}"
    return f"map[{' '.join(pairs)}]"


def _slice(value: Sequence[Any], go_type: GoType, verb: str, spec: Spec, depth: int, methods: bool) -> str:
    items = [_element(boxed(one, go_type.elem or LIST), verb, spec, depth, methods) for one in value]
    if spec.full:
        return f"{go_type.name}{{{', '.join(items)}}}"
    return f"[{' '.join(items)}]"


def _element(value: Any, verb: str, spec: Spec, depth: int, methods: bool) -> str:
    if value is None:
        return "interface {}(nil)" if spec.full else _pad("<nil>", spec)
    return format_value(value, verb, spec, depth + 1, methods)


def _struct(value: Any, verb: str, spec: Spec, depth: int, methods: bool) -> str:
    if not isinstance(value, Struct):
        # A Time under a verb that is none of a text's: what it holds inside, its zone a nil pointer.
        if spec.full:
            return str(value.go_syntax())
        parts = [format_value(one, verb, spec, 1, methods) for one in value.go_internals()]
        zone = _integer(0, verb, spec, True) if verb in "dboxX" else _pad("<nil>", spec)
        return f"{{{parts[0]} {parts[1]} {zone if verb in 'dboxXv' else f'%!{verb}(*time.Location={zone})'}}}"
    if value.go_pointer and depth > 0:
        return _ADDRESS
    body = _fields(value, type(value), verb, spec, depth, methods)
    return "&" + body if value.go_pointer else body


def _fields(value: Struct, cls: type[Struct], verb: str, spec: Spec, depth: int, methods: bool) -> str:
    """The braces of one struct; an embedded one stands first, in braces of its own."""
    name = cls.go_type.name.lstrip("*")
    base = next((one for one in cls.__bases__ if issubclass(one, Struct) and one is not Struct), None)
    parts = []
    if base is not None:
        label = base.go_type.name.lstrip("*").rpartition(".")[2]
        parts.append((label, _fields(value, base, verb, spec, depth, methods)))
    inherited = base.go_fields if base is not None else {}
    for field, declared in cls.go_fields.items():
        if field not in inherited:
            one = boxed(getattr(value, field), declared)
            parts.append((field, _element(one, verb, spec, depth, methods)))
    if spec.full:
        return f"{name}{{{', '.join(f'{label}:{text}' for label, text in parts)}}}"
    if spec.named:
        return f"{{{' '.join(f'{label}:{text}' for label, text in parts)}}}"
    return f"{{{' '.join(text for _, text in parts)}}}"
