"""What a task is given of the world around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.bus.epochs import Epochs
from services.connectors.http_sender import PostEndpoint
from services.connectors.influxdb import InfluxDBClient
from services.process.permissions import OPEN, Guard
from services.runtime.limits import UNLIMITED, TaskLimits
from services.runtime.progress.deliveries import Delivered


@dataclass(frozen=True, slots=True)
class TaskEnvironment:
    """What a task's nodes are given of the world: who serves, and how alert topics stood when the task started.

    levels: topic -> alert id -> (level 0…3, time ns of the event, duration ns).
    post_endpoints: where httpPost nodes may post to by name.
    influxdb: the clusters by name, "" for the default one.
    clusters: what the autoscale nodes scale: kubernetes, swarm and ec2, each its configuration sections by id.
    replay: the id of the replay that the task runs in, "" for the live task.
    group_idle_age: after how long (ns) without a point a group is forgotten; 0: never.
    limits: how much the task may keep.
    epochs: of the log that steps are of. deliveries(node): what a node of this name has sent in this run before.
    guard: what may be done on this machine.
    dry: nothing is to be done outside: a node that would do something by itself says so, by the effect Withheld, and
    waits for nothing. What is only read from outside is read: what sideload nodes look into, queries. And functions of
    the user's (UDFs) run, since data flows through them. An endpoint or InfluxDB that a node names must be configured.
    """

    hostname: str = "localhost"
    cluster_id: str = ""
    server_id: str = ""
    levels: Mapping[str, Mapping[str, tuple[int, int, int]]] = field(default_factory=dict)
    post_endpoints: Mapping[str, PostEndpoint] = field(default_factory=dict)
    influxdb: Mapping[str, InfluxDBClient] = field(default_factory=dict)
    clusters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    replay: str = ""
    group_idle_age: int = 0
    limits: TaskLimits = UNLIMITED
    epochs: Epochs = field(default_factory=Epochs)
    deliveries: Callable[[str], Delivered] = lambda node: Delivered()
    guard: Guard = OPEN
    dry: bool = False
