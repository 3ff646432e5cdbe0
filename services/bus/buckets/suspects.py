"""What processes hung or died in, counted on the bus, so that nothing ends one process after another for ever.

Bucket `suspects`. `<kind>.<id>`: what a process was at when it ended, how often in a row at the same place. It is gone
as soon as somebody comes past that place. `aside.<stream>.<sequence>`: a message that is skipped from now on.

A process that hung has been seen to; one that died may have been killed by somebody who meant no harm. Therefore the
first counts at once, the second only where it happens again and again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from services.bus.buckets.kv import Bucket, Entry
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.streams import ALERTS, EVENTS, WRITES
from services.bus.subjects import escape
from services.process import log
from services.process.flight_recorder import FLIGHT_RECORDER, FatalMessage, RecordedWork

_log = log.get("bus")

BUCKET = "suspects"
TRIES = 3
"""How often processes may die in the same place before it is seen as the cause."""

_ASIDE = "aside"
_MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Suspect:
    """What one or more processes were at when they ended.

    what: as it was noted, with `kind` and `id`. first, last: the place, as far as it is known by now. deaths: how often
    in a row; hung: the last of them because it did not get on. stored: of a message that is set aside, when its stream
    took it (ns), 0 where that is not known.
    """

    what: Mapping[str, Any]
    first: int
    last: int
    deaths: int
    hung: bool
    by: str = ""
    time_ns: int = 0
    stored: int = 0
    key: str = field(default="", compare=False)

    @property
    def condemned(self) -> bool:
        """Whether it is not to be tried again."""
        return self.hung or self.deaths >= TRIES

    @property
    def why(self) -> str:
        """What happened, for a person."""
        times = "once" if self.deaths == 1 else f"{self.deaths} times in a row"
        return f"{self.by} {'did not get on' if self.hung else 'died'} in it ({times})"


class Suspects:
    """The bucket."""

    def __init__(self, bus: Bus, bucket: Bucket) -> None:
        self._bus, self._bucket = bus, bucket

    @classmethod
    async def open(cls, bus: Bus, replicas: int = 1) -> Suspects:
        """Raises BusError. replicas: on how many servers of a cluster it lies."""
        return cls(bus, await bus.bucket(BUCKET, replicas=replicas))

    async def add(self, work: RecordedWork, hung: bool, by: str) -> Suspect:
        """Count that a process ended in this. Raises BusError; ValueError where the note names nothing."""
        key = _key(work.what)
        entry = await self._bucket.get(key)
        before = None if entry is None else _suspect(entry)
        first, last, deaths = work.first, work.last, 1
        if before is not None and before.what == work.what and max(first, before.first) <= min(last, before.last):
            first, last, deaths = max(first, before.first), min(last, before.last), before.deaths + 1
        suspect = Suspect(work.what, first, last, deaths, hung, by, time.time_ns(), key=key)
        if work.what["kind"] == _MESSAGE and first == last and deaths > 1 and suspect.condemned:
            message = await self._bus.get_message(work.what["id"], first)
            suspect = replace(suspect, stored=message.time_ns if message is not None else 0)
            # the stream may have a second one of the kind
            await self._bucket.put(f"{_ASIDE}.{escape(work.what['id'])}.{first}", _packed(suspect))
            await self.clear(suspect)
        else:
            await self._bucket.put(key, _packed(suspect))
        return suspect

    async def all(self) -> list[Suspect]:
        """All that is suspected; what cannot be read is left out. Raises BusError."""
        found = [_suspect(entry) for entry in await self._bucket.entries() if not entry.key.startswith(f"{_ASIDE}.")]
        return [suspect for suspect in found if suspect is not None]

    async def of(self, kind: str, id: str) -> Suspect | None:
        """What is suspected of this kind and id, None where nothing is. Raises BusError."""
        entry = await self._bucket.get(f"{escape(kind)}.{escape(id)}")
        return None if entry is None else _suspect(entry)

    async def clear(self, suspect: Suspect) -> None:
        """It is not, or it is seen to. Raises BusError."""
        await self._bucket.delete(suspect.key)

    async def note(self) -> None:
        """Have this process skip the messages that are set aside, and be careful with those that may be. Raises
        BusError."""
        FLIGHT_RECORDER.suspected = {
            s.what["id"]: (s.first, s.last) for s in await self.all() if s.what["kind"] == _MESSAGE
        }
        first = {}
        for stream in (WRITES, EVENTS, ALERTS):
            with contextlib.suppress(BusError):
                first[stream] = (await self._bus.stream_state(stream)).first_seq
        for entry in await self._bucket.entries(f"{_ASIDE}.>"):
            suspect = _suspect(entry)
            if suspect is None:
                continue
            stream, seq = suspect.what["id"], suspect.first
            if seq < first.get(stream, 0):
                await self._bucket.delete(entry.key)
            else:
                FLIGHT_RECORDER.aside[stream][seq] = FatalMessage(f"set aside: {suspect.why}", suspect.stored)


def _key(what: Mapping[str, Any]) -> str:
    try:
        return f"{escape(what['kind'])}.{escape(what['id'])}"
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a note that names nothing: {what}") from error


def _packed(suspect: Suspect) -> bytes:
    return orjson.dumps(
        {
            "what": suspect.what,
            "first": suspect.first,
            "last": suspect.last,
            "deaths": suspect.deaths,
            "hung": suspect.hung,
            "by": suspect.by,
            "time": suspect.time_ns,
            "stored": suspect.stored,
        }
    )


def _suspect(entry: Entry) -> Suspect | None:
    try:
        record = orjson.loads(entry.value)
        what = record["what"]
        first, last, deaths, when = (int(record[name]) for name in ("first", "last", "deaths", "time"))
        if not isinstance(what["kind"], str) or not isinstance(what["id"], str):
            raise TypeError("kind and id are text")
        stored = int(record.get("stored", 0))
        return Suspect(what, first, last, deaths, bool(record["hung"]), str(record["by"]), when, stored, entry.key)
    except (ValueError, KeyError, TypeError) as error:
        _log.limited("suspect").warn("an entry in the bucket of suspects cannot be read", key=entry.key, err=error)
        return None
