"""What a user of NATS has to be permitted, and what its account has to have room for, so that tickbus can run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from services.bus.account.kept import Wishes, kept
from services.bus.transport.names import Names

_CONSUMERS = 64
_CONSUMERS_A_WORKER = 16


@dataclass(frozen=True, slots=True)
class Permissions:
    """The subjects that the user may publish and subscribe to, with wildcards."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the account's JetStream has to grant at least. streams: how many. consumers: of one stream, as many as may
    be there while services come and go. storage: bytes that are reserved on all servers together; EVENTS, buckets and
    object stores grow beside that with what is defined. memory: bytes."""

    streams: int
    consumers: int
    storage: int
    memory: int


def permissions(names: Names) -> Permissions:
    """Of a tickbus with these names."""
    ours = f"{names.prefix}.>"
    publish = [ours, "_INBOX.>", f"{names.api}.INFO", f"{names.api}.STREAM.LIST"]
    for shape in kept(Wishes()):
        publish += _of_stream(names, names.stream(shape["name"]))
        publish += [names.subject(subject) for subject in shape["subjects"] if subject.startswith("$")]
    return Permissions(tuple(publish), (ours, f"{names.inbox}.>"))


def limits(wishes: Wishes, workers: int) -> Limits:
    """Of a tickbus that keeps so much and has so many engine workers."""
    shapes = kept(wishes)
    storage = sum(max(0, shape["max_bytes"]) * shape["num_replicas"] for shape in shapes)
    return Limits(len(shapes), _CONSUMERS + _CONSUMERS_A_WORKER * workers, storage, 0)


def server_block(granted: Permissions) -> str:
    """The permissions as a user has them in the configuration file of nats-server."""
    lines = ["permissions {"]
    for what, subjects in (("publish", granted.publish), ("subscribe", granted.subscribe)):
        lines += [f"  {what} {{", "    allow: [", *(f"      {json.dumps(one)}" for one in subjects), "    ]", "  }"]
    return "\n".join([*lines, "}"])


def nsc_lines(granted: Permissions, room: Limits) -> str:
    """The permissions and limits as commands of nsc, for a user USER of an account ACCOUNT."""
    edit = "nsc edit user --account ACCOUNT --name USER"
    return "\n".join(
        [
            *(f"{edit} --allow-pub '{subject}'" for subject in granted.publish),
            *(f"{edit} --allow-sub '{subject}'" for subject in granted.subscribe),
            f"nsc edit account --name ACCOUNT --js-streams {room.streams} --js-consumer {room.consumers} "
            f"--js-disk-storage {room.storage} --js-mem-storage {room.memory}",
        ]
    )


def _of_stream(names: Names, stream: str) -> Iterator[str]:
    yield f"{names.api}.STREAM.*.{stream}"
    yield f"{names.api}.STREAM.MSG.*.{stream}"
    yield f"{names.api}.CONSUMER.*.{stream}.>"
    yield f"{names.api}.CONSUMER.MSG.NEXT.{stream}.*"
    yield f"{names.api}.DIRECT.GET.{stream}"
    yield f"{names.api}.DIRECT.GET.{stream}.>"
    yield f"$JS.SNAPSHOT.*.{stream}.*"
