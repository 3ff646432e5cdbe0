"""All streams, buckets and object stores that tickbus has on a NATS, and what should be set otherwise there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.bus.account.kept import Wishes, kept
from services.bus.account.marks import is_earlier, is_ours, kind_of, recognised
from services.bus.streams import EVENTS
from services.bus.transport.link import Link

SYNC_ADVICE = (
    "the given NATS decides what survives a power cut: all that is acknowledged does with `sync_interval: always` in "
    "its section jetstream, else up to two minutes are lost"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One of them. max_age: seconds, max_bytes: bytes, 0 for no limit. first, last: sequences, and when the last
    was stored, as the server writes it. behind: its servers in a cluster that are away or not up to date.
    """

    name: str
    kind: str  # stream, bucket or objects
    messages: int
    bytes: int
    first: int
    last: int
    last_time: str
    replicas: int
    max_age: float
    max_bytes: int
    storage: str
    clustered: bool
    leader: str
    behind: tuple[str, ...]


async def listed(link: Link) -> list[Listed]:
    """All of this tickbus's: streams first, then buckets, then object stores, each by name. Raises BusError."""
    found = map(_listed, await ours(link))
    order = {"stream": 0, "bucket": 1, "objects": 2}
    return sorted(found, key=lambda one: (order[one.kind], one.name))


async def ours(link: Link) -> list[dict[str, Any]]:
    """What JetStream tells of each stream that is this tickbus's, those as well that an earlier one did not mark."""
    infos: list[dict[str, Any]] = []
    offset, total = 0, 1
    while offset < total:
        answer = await link.api("STREAM.LIST", {"offset": offset})
        infos += answer.get("streams") or []
        offset, total = offset + answer["limit"], answer["total"]
    shapes = {shape["name"]: shape for shape in kept(Wishes())}
    configs = {info["config"]["name"]: info["config"] for info in infos}
    earlier = EVENTS in configs and is_earlier(configs[EVENTS], shapes[EVENTS], link.names)

    def one_of_ours(config: dict[str, Any]) -> bool:
        shape = shapes.get(config["name"])
        return is_ours(config, link.names) or (
            shape is not None and recognised(config, shape, link.names, beside_earlier=earlier)
        )

    return [info for info in infos if one_of_ours(info["config"])]


def advice(found: Sequence[Listed], sync: str) -> list[str]:
    """What should be set otherwise. sync: the server's sync_interval, "" where it is not known."""
    hints = []
    if not sync:
        hints.append(SYNC_ADVICE)
    elif sync != "always":
        kept = '`sync = "always"` in [nats] keeps it'
        hints.append(f"what was acknowledged less than {sync} before a power cut may be lost: {kept}")
    once = [one.name for one in found if one.clustered and one.replicas == 1]
    if once:
        hints.append(f"on one server of the cluster alone: {', '.join(once)}; `replicas = 3` in [nats] keeps them on 3")
    fleeting = [one.name for one in found if one.storage != "file"]
    if fleeting:
        hints.append(f"in memory alone, and gone with its server: {', '.join(fleeting)}")
    for one in found:
        if one.behind:
            hints.append(f"{one.name} is not up to date on {', '.join(one.behind)}")
        if one.name == "WRITES" and not one.max_age and not one.max_bytes:
            hints.append("WRITES grows until the disk is full: `write-max-age` and `write-max-bytes` in [nats]")
    return hints


def _listed(info: dict[str, Any]) -> Listed:
    config, state, cluster = info["config"], info["state"], info.get("cluster") or {}
    name: str = config["name"]
    return Listed(
        name=name,
        kind=kind_of(name),
        messages=state["messages"],
        bytes=state["bytes"],
        first=state["first_seq"],
        last=state["last_seq"],
        last_time=state["last_ts"],
        replicas=config["num_replicas"],
        max_age=config.get("max_age", 0) / 1e9,
        max_bytes=max(config.get("max_bytes", 0), 0),
        storage=config["storage"],
        clustered=bool(cluster.get("name")),
        leader=cluster.get("leader", ""),
        behind=tuple(
            one["name"] for one in cluster.get("replicas") or () if not one.get("current") or one.get("offline")
        ),
    )
