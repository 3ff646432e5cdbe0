"""What a server keeps: one by its path, or those of a kind by patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from services.cli.output.printing import note
from services.cli.server.connecting import handlers_path, is_page
from tickbus.client import Client, Parameters
from tickbus.errors import Refused

View = dict[str, Any]

PAGED = ("tasks", "templates", "recordings", "replays", "traces", "backtests")
_TOPICS = "/alerts/topics"


def find(client: Client, path: str, parameters: Parameters | None = None) -> View | None:
    """What stands at a path; None where there is nothing."""
    try:
        found: View = client.request("GET", path, parameters)
    except Refused as error:
        if error.status != 404 or is_page(str(error)):
            raise
        return None
    return found


def matching(client: Client, kind: str, patterns: Sequence[str], fields: Sequence[str] = ()) -> Iterator[View]:
    """Those of a kind, one of PAGED, `topics` or `service-tests`, whose ids fit one of the patterns.

    patterns: as of Go's path.Match; an id is one that fits itself, "" is one that everything fits. fields: which are
    asked for of those of PAGED; all without.
    """
    for pattern in patterns:
        if kind in PAGED:
            yield from client.pages(f"/{kind}", kind, {"pattern": pattern, **({"fields": fields} if fields else {})})
        elif kind == "topics":
            yield from client.request("GET", _TOPICS, {"pattern": pattern, "min-level": "OK"})["topics"]
        else:
            # null where none fits
            yield from client.request("GET", "/service-tests", {"pattern": pattern or "*"})["services"] or ()


def handlers(client: Client, topic: str, patterns: Sequence[str]) -> Iterator[View]:
    """The handlers of the topics that fit a pattern, each with its `topic`."""
    for one in matching(client, "topics", [topic]):
        for pattern in patterns:
            found = client.request("GET", handlers_path(one["id"]), {"pattern": pattern})
            for handler in found["handlers"]:
                yield {"topic": one["id"], **handler}


def handlers_of(client: Client, topic: str, patterns: Sequence[str]) -> Iterator[View]:
    """The handlers of one topic, which need not have had an event."""
    for pattern in patterns:
        yield from client.request("GET", handlers_path(topic), {"pattern": pattern})["handlers"]


def change_each(client: Client, kind: str, patterns: Sequence[str], change: Callable[[View], object]) -> None:
    """Change what fits each pattern, and say of a pattern that nothing fits that it is so."""
    for pattern in patterns:
        # all are found before the first is changed: a change may take one out of the pages
        found = list(matching(client, kind, [pattern], ("link",) if kind in PAGED else ()))
        each(found, change, f"no {kind} match {pattern}")


def each(found: Iterable[View], change: Callable[[View], object], nothing: str) -> None:
    """Change each; where there is none say so."""
    empty = True
    for one in found:
        change(one)
        empty = False
    if empty:
        note(nothing)
