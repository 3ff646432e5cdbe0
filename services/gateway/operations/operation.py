"""One thing that can be asked of the gateway, declared once.

The HTTP route (http/over_http.py), the command on the bus (commands/over_bus.py) and what the OpenAPI and AsyncAPI
documents say (openapi/) are made of the declaration: they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema

Reply = tuple[int, Any]
"""Status as over HTTP, and the body: anything that JSON holds, None for an empty one, a StreamedList (see
streamed_list.py) for a long list, a TextBody (text_body.py) for what is no JSON."""

Shape = type[Schema] | list[type[Schema]] | tuple[str, ...] | None
"""Of a body: a schema (JSON), a list with one (an array of such), the content types that anything else may have, None
for an empty one."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What is asked for. names: what stands in the path, by name. parameters: of the query; repeated ones are lists.

    link: the path and query as they were asked for over HTTP; over the bus, as they would have been asked for there.
    accept: the content types that are wished for, as HTTP's header says it. beyond: what stands in the path behind a
    last name that is one segment.
    """

    names: Mapping[str, str]
    parameters: Mapping[str, Any]
    body: Any
    link: str
    accept: str = ""
    beyond: str = ""

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.names["id"]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the documents say of a route."""

    about: str
    parameters: type[Schema] | None = None
    body: Shape = None
    answers: Mapping[int, Shape] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    """Content types that a 200 may have in place of JSON; over the bus it then is a string."""
    events: Mapping[str, type[Schema]] = field(default_factory=dict)
    """Of a stream of server-sent events: the shape of each one's data, by its name."""
    errors: tuple[int, ...] = (400,)
    """Statuses that answer a mistake of the caller's, or one of his tasks; 503 and 401 may stand for any."""


@dataclass(frozen=True, kw_only=True)
class Operation(Description):
    """`tickbus.command.<kind>.<verb>`, and METHOD /kapacitor/v1<path>; without a method, over the bus alone.

    path: names in braces, `/tasks/{id}`; the last one takes all that is left, slashes included, the others one segment,
    in which a slash is written %2F.
    run: the deciding; raises OperationError. noun: what an empty last name is told that is missing; "" where
    it may be empty. slashes: the last name takes slashes though more of the path follows it. segment: the
    last name is one segment, what stands behind it counts for little. bare: it may come without
    its body, which is then None.
    """

    kind: str
    verb: str
    method: str = ""
    path: str = ""
    run: Callable[[OperationRequest], Awaitable[Reply]]
    noun: str = ""
    slashes: bool = False
    segment: bool = False
    bare: bool = False

    @property
    def names(self) -> list[str]:
        """The names in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


Route = tuple[str, str, Description]
"""Method, path with names in braces, and what the documents say of it."""
