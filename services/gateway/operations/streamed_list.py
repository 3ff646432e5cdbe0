"""Answers with long lists: made, encoded and sent slice by slice, so that what else is asked meanwhile has its turn.

Their bytes are those of the same answer made at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from grammar.golang.json_writer import encode
from services.gateway.operations.text_body import TextBody
from services.gateway.operations.time_slice import TimeSlice

T = TypeVar("T")

Slices = AsyncGenerator[Sequence[Any], None]


@dataclass(frozen=True, slots=True)
class StreamedList:
    """A body whose last key holds a list. before: the keys before it. slices: the list, in parts."""

    key: str
    slices: Slices
    before: Mapping[str, Any]


def streamed_list(
    key: str,
    of: Iterable[T],
    make: Callable[[T], Any],
    before: Mapping[str, Any] | None = None,
    ready: Callable[[T], Awaitable[None]] | None = None,
) -> StreamedList:
    """A body with a list of what `make` makes of each. ready: what must be waited for before one is made."""
    return StreamedList(key, sliced(of, make, ready), before or {})


async def sliced(
    of: Iterable[T], make: Callable[[T], Any], ready: Callable[[T], Awaitable[None]] | None = None
) -> Slices:
    """What `make` makes of each, as much in a slice as can be made in a moment; others have their turn after each.

    ready: what must be waited for before one is made.
    """
    made: list[Any] = []
    time_slice = TimeSlice()
    for one in of:
        if ready is not None:
            await ready(one)
        made.append(make(one))
        if time_slice.over:
            yield made
            made = []
            await time_slice.yield_if_over()
    if made:
        yield made


async def whole(body: Any) -> bytes:
    """A body as JSON on one line, whatever it is."""
    if not isinstance(body, StreamedList):
        return encode(body.text if isinstance(body, TextBody) else body)
    return b"".join([chunk async for chunk in chunks(body, indented=False)])


async def chunks(body: StreamedList, *, indented: bool) -> AsyncGenerator[bytes, None]:
    """The JSON of a body. A line end stands nowhere in it but in the layout."""
    empty = encode({**body.before, body.key: []}, indented=indented)
    end = b"]\n}" if indented else b"]}"
    head, between = empty[: -len(end)], b""
    async with contextlib.aclosing(body.slices) as slices:
        async for made in slices:
            text = encode(made, indented=indented)
            # a list of its own stands two columns to the left of one that is a value in an object
            text = text[1:-2].replace(b"\n", b"\n  ") if indented else text[1:-1]
            yield head + between + text
            head, between = b"", b","
    yield head + (b"\n  " if indented and between else b"") + end
