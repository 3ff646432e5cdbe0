"""Making streams, buckets and object stores where they are not there, and taking those that are."""

from __future__ import annotations

import contextlib

from services.bus.account.kept import Wishes, main_streams
from services.bus.account.marks import (
    EARLIER,
    called,
    foreign,
    is_earlier,
    is_ours,
    kind_of,
    mark,
    recognised,
)
from services.bus.account.shapes import Shape, stream_shape
from services.bus.errors import ApiError, BusError, Foreign, NoRoom, NotPermitted
from services.bus.streams import EVENTS, StreamLimits
from services.bus.subjects import EVENTS as EVENT_SUBJECTS
from services.bus.transport.link import Link
from services.process import log

_log = log.get("bus")

_NAME_IN_USE, _OVERLAPS = 10058, 10065
_NO_ROOM = frozenset({10002, 10027, 10028, 10047})
_NOT_FOUND = 404


async def ensure_streams(link: Link, wishes: Wishes) -> None:
    """Make WRITES, EVENTS and ALERTS where they are not there; any number of services may do so at once.

    Errors as in `ensure_stream`; what was made until then is deleted again.
    """
    made: list[str] = []
    try:
        for wanted in main_streams(wishes):
            made += [wanted["name"]] if await ensure_stream(link, wanted) else []
    except (Foreign, NoRoom, NotPermitted):
        for name in made:
            with contextlib.suppress(BusError):
                await link.api(f"STREAM.DELETE.{name}")
        raise


async def ensure_stream(link: Link, wanted: Shape) -> bool:
    """Make one where it is not there; gives whether it was. One that is there stays as it is, but for our mark.

    Foreign where there is one that is not ours, NoRoom where the account may not have one more.
    """
    name = wanted["name"]
    try:
        answer = await link.api(f"STREAM.CREATE.{name}", wanted | {"metadata": mark(name, link.names)})
        return bool(answer.get("did_create"))
    except ApiError as error:
        if error.err_code == _NAME_IN_USE:
            await take(link, (await link.api(f"STREAM.INFO.{name}"))["config"], wanted)
            return False
        if error.err_code == _OVERLAPS:
            raise Foreign(
                f"another stream on this NATS has subjects of {', '.join(map(link.names.stored, wanted['subjects']))}: "
                "another `prefix` in [nats] gives this tickbus subjects of its own"
            ) from error
        if error.err_code in _NO_ROOM:
            raise NoRoom(f"NATS has no room for the {called(name, link.names)}: {error.description}") from error
        raise


async def take(link: Link, present: Shape, wanted: Shape) -> None:
    """See that what is there is ours, and mark it where a tickbus made it that did not mark. Raises Foreign."""
    if is_ours(present, link.names):
        return
    if not recognised(present, wanted, link.names, await beside_earlier(link, wanted)):
        raise foreign(present, wanted["name"], link.names)
    await link.api(f"STREAM.UPDATE.{wanted['name']}", marked_earlier(present, link))
    _log.info("marked as tickbus's what an earlier tickbus made", name=link.names.stream(wanted["name"]))


def marked_earlier(config: Shape, link: Link) -> Shape:
    """The configuration of what a tickbus made that did not mark, with the mark."""
    return config | {"metadata": (config.get("metadata") or {}) | mark(config["name"], link.names, EARLIER)}


async def beside_earlier(link: Link, wanted: Shape) -> bool:
    """Whether a tickbus was here that did not mark; asked only of what is not recognised by itself."""
    if kind_of(wanted["name"]) == "stream":
        return False
    try:
        events = (await link.api(f"STREAM.INFO.{EVENTS}"))["config"]
    except ApiError as error:
        if error.code == _NOT_FOUND:
            return False
        raise
    return is_earlier(events, stream_shape(EVENTS, [EVENT_SUBJECTS], StreamLimits()), link.names)
