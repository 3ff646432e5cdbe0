"""What a SELECT must not do although it can be read: the checks that need no data, in the reference's words."""

from __future__ import annotations

from collections.abc import Iterator

from grammar.influxql.ast import (
    Binary,
    Call,
    Distinct,
    Expression,
    Literal,
    Paren,
    Reference,
    Regex,
    Select,
    Wildcard,
)
from grammar.influxql.scanner import InfluxQLError

_SELECTORS = frozenset(("top", "bottom", "max", "min", "first", "last", "percentile", "sample"))
_TRANSFORMS = ("derivative", "non_negative_derivative", "difference", "moving_average", "cumulative_sum", "elapsed")
_WITH_UNIT = ("derivative", "non_negative_derivative", "elapsed")
_FORECASTS = ("holt_winters", "holt_winters_with_fit")


def validate(select: Select) -> None:
    """Raises InfluxQLError."""
    if list(_names(select.fields)) == ["time"]:
        raise InfluxQLError("at least 1 non-time field must be queried")
    for field in select.fields:
        if isinstance(field, Binary):
            _check_binary(field)
    interval = _check_dimensions(select.dimensions)
    _check_distinct(select)
    for field in select.fields:
        for call in _calls(field):
            _check_call(select, call, interval)
    raw = not any(isinstance(field, Call) or any(_calls(field)) for field in select.fields)
    if raw and interval:
        raise InfluxQLError("GROUP BY requires at least one aggregate function")
    if interval and (select.where is None or not _bounds_time(select.where)):
        raise InfluxQLError("aggregate functions with GROUP BY time require a WHERE time clause")


def _names(fields: tuple[Expression, ...]) -> Iterator[str]:
    for e in fields:
        if isinstance(e, Reference):
            yield e.name
        elif isinstance(e, Call):
            yield from (a.name for a in e.arguments if isinstance(a, Reference))
        elif isinstance(e, Binary):
            yield from _names((e.left, e.right))
        elif isinstance(e, Paren):
            yield from _names((e.inner,))


def _calls(e: Expression) -> Iterator[Call]:
    """The calls in an expression, not those in arguments of others."""
    if isinstance(e, Call):
        yield e
    elif isinstance(e, Binary):
        yield from _calls(e.left)
        yield from _calls(e.right)
    elif isinstance(e, Paren):
        yield from _calls(e.inner)


def _check_binary(e: Binary) -> None:
    calls = list(_calls(e))
    for call in calls:
        if call.name in ("top", "bottom"):
            raise InfluxQLError(f"cannot use {call.name}() inside of a binary expression")
        for argument in call.arguments:
            if isinstance(argument, Binary):
                _check_binary(argument)
    if calls and _refers(e):
        raise InfluxQLError("binary expressions cannot mix aggregates and raw fields")


def _refers(e: Expression) -> bool:
    """Whether a field stands in it outside of calls."""
    if isinstance(e, Binary):
        return _refers(e.left) or _refers(e.right)
    return _refers(e.inner) if isinstance(e, Paren) else isinstance(e, Reference)


def _check_dimensions(dimensions: tuple[Expression, ...]) -> bool:
    """Whether they group by time."""
    interval = False
    for e in dimensions:
        if isinstance(e, Call):
            if e.name != "time":
                raise InfluxQLError("only time() calls allowed in dimensions")
            if not 1 <= len(e.arguments) <= 2:
                raise InfluxQLError("time dimension expected 1 or 2 arguments")
            if not _is(e.arguments[0], "DurationLiteral"):
                raise InfluxQLError("time dimension must have duration argument")
            if interval:
                raise InfluxQLError("multiple time dimensions not allowed")
            interval = True
            _check_offset(e)
        elif isinstance(e, Reference):
            if e.name.lower() == "time":
                raise InfluxQLError("time() is a function and expects at least one argument")
        elif not isinstance(e, Wildcard | Regex):
            raise InfluxQLError("only time and tag dimensions allowed")
    return interval


def _check_offset(time: Call) -> None:
    if len(time.arguments) < 2:
        return
    offset = time.arguments[1]
    if isinstance(offset, Call):
        if offset.name != "now":
            raise InfluxQLError("time dimension offset function must be now()")
        if offset.arguments:
            raise InfluxQLError("time dimension offset now() function requires no arguments")
    elif not _is(offset, "DurationLiteral"):
        raise InfluxQLError("time dimension offset must be duration or now()")


def _check_distinct(select: Select) -> None:
    found = [f for f in select.fields if isinstance(f, Distinct) or (isinstance(f, Call) and f.name == "distinct")]
    if not found:
        return
    if len(select.fields) > 1:
        raise InfluxQLError("aggregate function distinct() can not be combined with other functions or fields")
    if isinstance(found[0], Call) and len(found[0].arguments) != 1:
        some = "requires at least" if not found[0].arguments else "can only have"
        raise InfluxQLError(f"distinct function {some} one argument")


def _check_mixture(select: Select) -> None:
    """Aggregates stand alone; one selector may have fields and tags beside it."""
    calls = {call.name for field in select.fields for call in _calls(field)}
    aggregates = sum(any(_calls(field)) for field in select.fields)
    if calls <= _SELECTORS:
        if aggregates == 1:
            return
        if aggregates != len(select.fields):
            raise InfluxQLError("mixing multiple selector functions with tags or fields is not supported")
    if aggregates != len(select.fields):
        raise InfluxQLError("mixing aggregate and non-aggregate queries is not supported")


def _check_call(select: Select, call: Call, interval: bool) -> None:
    if call.name in _TRANSFORMS:
        _check_mixture(select)
        _check_transform(call)
        _check_inner(select, call, interval)
    elif call.name in _FORECASTS:
        _check_forecast(call, interval)
    elif call.name in ("top", "bottom"):
        _check_top(select, call)
    elif call.name in ("percentile", "sample"):
        _check_percentile(select, call)
    else:
        _check_mixture(select)
        if call.name == "count" and len(call.arguments) > 1 and isinstance(call.arguments[0], Distinct):
            raise InfluxQLError("count(distinct <field>) can only have one argument")
        _check_arguments(call, 1)
        _check_field(call, call.name)


def _check_transform(call: Call) -> None:
    name, arguments = call.name, call.arguments
    if name in _WITH_UNIT:
        if not 1 <= len(arguments) <= 2:
            text = f"invalid number of arguments for {name}, expected at least 1 but no more than 2"
            raise InfluxQLError(f"{text}, got {len(arguments)}")
        if len(arguments) == 2 and not _is(arguments[1], "DurationLiteral"):
            raise InfluxQLError(f"second argument to {name} must be a duration, got {_go_type(arguments[1])}")
    elif name == "moving_average":
        _check_arguments(call, 2)
        window = arguments[1]
        if not isinstance(window, Literal) or window.kind != "IntegerLiteral":
            raise InfluxQLError(f"second argument for moving_average must be an integer, got {_go_type(window)}")
        if int(window.value) <= 1:
            raise InfluxQLError(f"moving_average window must be greater than 1, got {window.value}")
    else:
        _check_arguments(call, 1)


def _check_inner(select: Select, call: Call, interval: bool) -> None:
    """What a transformation works on: a field, or where grouped by time an aggregate."""
    inner = call.arguments[0]
    if not isinstance(inner, Call):
        if interval:
            raise InfluxQLError(f"aggregate function required inside the call to {call.name}")
        return
    if not interval:
        raise InfluxQLError(f"{call.name} aggregate requires a GROUP BY interval")
    if inner.name in ("top", "bottom"):
        _check_top(select, inner)
    elif inner.name == "percentile":
        _check_percentile(select, inner)
    else:
        _check_arguments(inner, 1)
        _check_field(inner, call.name)


def _check_top(select: Select, call: Call) -> None:
    name, arguments = call.name, call.arguments
    if len(arguments) < 2:
        text = f"invalid number of arguments for {name}, expected at least 2, got {len(arguments)}"
        raise InfluxQLError(text)
    limit = arguments[-1]
    if not isinstance(limit, Literal) or limit.kind != "IntegerLiteral":
        raise InfluxQLError(f"expected integer as last argument in {name}(), found {call.texts[-1]}")
    if select.limit and int(limit.value) > select.limit:
        text = f"limit ({limit.value}) in {name} function can not be larger than the LIMIT ({select.limit})"
        raise InfluxQLError(f"{text} in the select statement")
    for argument, text in zip(arguments[:-1], call.texts, strict=False):
        if not isinstance(argument, Reference):
            raise InfluxQLError(f"only fields or tags are allowed in {name}(), found {text}")


def _check_percentile(select: Select, call: Call) -> None:
    _check_mixture(select)
    _check_arguments(call, 2)
    if not isinstance(call.arguments[0], Reference | Regex | Wildcard):
        raise InfluxQLError(f"expected field argument in {call.name}()")
    whole = call.name == "sample"
    if not _is(call.arguments[1], "IntegerLiteral") and (whole or not _is(call.arguments[1], "NumberLiteral")):
        raise InfluxQLError(f"expected {'integer' if whole else 'float'} argument in {call.name}()")


def _check_forecast(call: Call, interval: bool) -> None:
    _check_arguments(call, 3)
    inner, count, season = call.arguments
    if not isinstance(inner, Call):
        raise InfluxQLError(f"must use aggregate function with {call.name}")
    if not interval:
        raise InfluxQLError(f"{call.name} aggregate requires a GROUP BY interval")
    if not isinstance(count, Literal) or count.kind != "IntegerLiteral":
        raise InfluxQLError(f"expected integer argument as second arg in {call.name}")
    if int(count.value) <= 0:
        raise InfluxQLError(f"second arg to {call.name} must be greater than 0, got {count.value}")
    if not _is(season, "IntegerLiteral"):
        raise InfluxQLError(f"expected integer argument as third arg in {call.name}")


def _check_field(call: Call, outer: str) -> None:
    """The only argument is a field; count() also takes distinct ones."""
    field = call.arguments[0]
    if isinstance(field, Reference | Wildcard | Regex):
        return
    counted = outer == "count"
    if isinstance(field, Distinct) and counted:
        return
    if isinstance(field, Call) and field.name == "distinct" and counted:
        if len(field.arguments) != 1:
            raise InfluxQLError("count(distinct <field>) can only have one argument")
        if not isinstance(field.arguments[0], Reference):
            raise InfluxQLError("expected field argument in distinct()")
        return
    raise InfluxQLError(f"expected field argument in {call.name}()")


def _check_arguments(call: Call, wanted: int) -> None:
    got = len(call.arguments)
    if got != wanted:
        raise InfluxQLError(f"invalid number of arguments for {call.name}, expected {wanted}, got {got}")


def _bounds_time(e: Expression) -> bool:
    if isinstance(e, Paren):
        return _bounds_time(e.inner)
    if not isinstance(e, Binary):
        return False
    if e.operator in ("AND", "OR"):
        return _bounds_time(e.left) or _bounds_time(e.right)
    return isinstance(e.left, Reference) and e.left.name.lower() == "time"


def _is(e: Expression, kind: str) -> bool:
    return isinstance(e, Literal) and e.kind == kind


def _go_type(e: Expression) -> str:
    kind = e.kind if isinstance(e, Literal) else _GO_TYPES[type(e)]
    return f"*influxql.{kind}"


_GO_TYPES: dict[type, str] = {
    Reference: "VarRef",
    Wildcard: "Wildcard",
    Regex: "RegexLiteral",
    Distinct: "Distinct",
    Call: "Call",
    Binary: "BinaryExpr",
    Paren: "ParenExpr",
}
