"""What is kept on a NATS beside what is wanted of it: told, and changed only where somebody asks for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from grammar.golang.durations import format_go_duration
from services.bus.account.ensure import beside_earlier, marked_earlier
from services.bus.account.kept import Wishes, kept
from services.bus.account.marks import LATER, called, differing, foreign, is_ours, recognised
from services.bus.account.shapes import Shape
from services.bus.errors import ApiError
from services.bus.transport.link import Link

_NOT_FOUND = 404
_DURATIONS = frozenset({"max_age", "duplicate_window", "subject_delete_marker_ttl"})
_SETTINGS = {"num_replicas": "replicas", "duplicate_window": "duplicate window"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of something that is kept, as it is and as it is wanted, for people. name: as the NATS knows it."""

    name: str
    setting: str
    present: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.name} has {self.setting} {self.present}, wanted is {self.wanted}"


@dataclass(frozen=True, slots=True)
class Survey:
    """missing: what is not there yet, by its name on the NATS. differences: of what is there."""

    missing: tuple[str, ...]
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.differences))


async def survey(link: Link, wishes: Wishes) -> Survey:
    """Compare what is kept with what is wanted. Raises Foreign where something that is needed is not ours, BusError."""
    missing: list[str] = []
    differences: list[Difference] = []
    for present, wanted in await _found(link, wishes):
        if present is None:
            missing.append(link.names.stream(wanted["name"]))
        else:
            differences += _differences(link, present, wanted)
    return Survey(tuple(missing), tuple(differences))


async def apply(link: Link, wishes: Wishes) -> AsyncIterator[Difference]:
    """Bring what is there to what is wanted; gives what has changed, once it has.

    Errors as in `survey`, before anything is changed; where the server refuses a change, those before it stay. Whoever
    breaks off in between may begin again.
    """
    for present, wanted in await _found(link, wishes):
        if present is None:
            continue
        ours = is_ours(present, link.names)
        differences = _differences(link, present, wanted)
        if ours and not differences:
            continue
        config = present if ours else marked_earlier(present, link)
        settings = {key: wanted[key] for key in _keys(link, present, wanted)}
        try:
            await link.api(f"STREAM.UPDATE.{wanted['name']}", config | settings)
        except ApiError as error:
            text = f"the {called(wanted['name'], link.names)} stays as it is: {error.description}"
            raise ApiError(error.code, error.err_code, text) from error
        for one in differences:
            yield one


async def _found(link: Link, wishes: Wishes) -> list[tuple[Shape | None, Shape]]:
    """How each of all is kept, beside how it is wanted. Errors as in `survey`, of the first in the order of `kept`."""
    every = kept(wishes)
    found = await asyncio.gather(*(_present(link, wanted) for wanted in every), return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [(None if isinstance(one, BaseException) else one, wanted) for one, wanted in zip(found, every, strict=True)]


async def _present(link: Link, wanted: Shape) -> Shape | None:
    """How something is kept, None where it is not there. Raises Foreign where it is not ours."""
    try:
        present: Shape = (await link.api(f"STREAM.INFO.{wanted['name']}"))["config"]
    except ApiError as error:
        if error.code == _NOT_FOUND:
            return None
        raise
    if not is_ours(present, link.names) and not recognised(
        present, wanted, link.names, await beside_earlier(link, wanted)
    ):
        raise foreign(present, wanted["name"], link.names)
    return present


def _differences(link: Link, present: Shape, wanted: Shape) -> Sequence[Difference]:
    name = link.names.stream(wanted["name"])
    return [
        Difference(
            name, _SETTINGS.get(key, key.replace("_", " ")), _text(key, present.get(key)), _text(key, wanted[key])
        )
        for key in _keys(link, present, wanted)
    ]


def _keys(link: Link, present: Shape, wanted: Shape) -> list[str]:
    later = link.client.connected_server_version
    knows = (later.major, later.minor) >= (2, 11)
    return [key for key in differing(present, wanted) if knows or key not in LATER]


def _text(key: str, value: Any) -> str:
    if key in _DURATIONS and value:
        return format_go_duration(value)
    if isinstance(value, list):
        return ", ".join(value)
    return "none" if value in (None, 0, -1) and not isinstance(value, bool) else str(value).lower()
