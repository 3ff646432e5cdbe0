"""What a graph wants done outside itself. Nodes only say it; the worker does it once the step is over.

Alerts and writes tell what caused them, so that doing them again after a crash can be told from doing them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.bus.positions import PartOf
from services.columns.column import Column, IntArray
from services.columns.output_sequence import EventIds


@dataclass(frozen=True, slots=True)
class Alerts:
    """Alert events of one node in one step, as columns; n events in order.

    ids, messages, series: distinct values; *_of: int32[n] index into them. level: int8[n] (0 OK … 3 CRITICAL).
    time, duration: int64[n] ns. seq, row, ordinal: int64[n], what identifies each event (see Step).
    recoverable: bool for all. details: rendered text per event, or None where it is the default (the event as JSON).
    fresh: bool[n], which events the first point of its group raised; None: none.
    """

    task: str
    node: str
    topics: tuple[str, ...]
    ids: list[str]
    id_of: NDArray[np.int32]
    messages: list[str]
    message_of: NDArray[np.int32]
    details: list[str] | None
    level: NDArray[np.int8]
    time: IntArray
    duration: IntArray
    seq: IntArray
    row: IntArray
    ordinal: IntArray
    recoverable: bool
    series: list[dict[str, Any]]  # {"name": …, "tags": {…}} as in a result
    series_of: NDArray[np.int32]
    columns: dict[str, Column] = field(default_factory=dict)  # a stream's fields, a row each
    data: list[dict[str, Any]] | None = None  # a batch's: the whole result series for each event
    server: tuple[str, str, str] = ("", "", "")  # hostname, cluster id, server id, as default details show them
    fresh: NDArray[np.bool_] | None = None
    replay: str = ""  # the id of the replay that the task runs in
    category: str = ""  # which other alerts may inhibit
    processing_time: IntArray | None = None  # of alerts in a category: int64[n] ns, when what caused them came
    part: PartOf | None = None  # of the task, which has raised them; None: it runs whole


@dataclass(frozen=True, slots=True)
class Inhibition:
    """From when on an alert of one node inhibits others, and from when on no more: n changes in order.

    keys: which of the node's inhibitors, and of its groups. categories, tags: of the alerts that it inhibits.
    """

    task: str
    node: str
    keys: list[str]
    categories: list[str]
    tags: list[dict[str, str]]
    on: list[bool]
    event_ids: EventIds


@dataclass(frozen=True, slots=True)
class TakeUp:
    """A topic takes alerts up from another topic of the node, silently: n alerts in order.

    stood: level, time (ns) and duration (ns) of each. category: as of the node's events.
    """

    task: str
    node: str
    topic: str
    source: str
    ids: list[str]
    stood: list[tuple[int, int, int]]
    event_ids: EventIds
    category: str = ""
    part: PartOf | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Line protocol to be written back to the bus: kapacitorLoopback.

    loopbacks: how many loopbacks its points have come through, this one included. writer, reached: as headers of the
    message tell them, see services.runtime.progress.loopbacks.
    """

    database: str
    retention_policy: str
    lines: bytes
    message_id: str
    loopbacks: int = 1
    writer: str = ""
    reached: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """Something that leaves by a way of the node's own: a post, a line in a file, points for InfluxDB.

    `do` must not block: it hands over to a sender that works outside the data path.
    """

    do: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Withheld:
    """What a node would have done outside by itself, in a run in which nothing is done there (TaskEnvironment.dry).

    kind: "post", "influxdb", "log" or "scale". time: ns, of the point or batch that it is about. what: plain data by
    the kind; see services/nodes/ for its keys: http_post.py, influxdb_out.py, log.py, autoscale/node.py.
    """

    node: str
    kind: str
    time: int
    what: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """The task is over, with this error, once all that it has emitted until then is done. Always the last effect."""

    reason: str


ForAlerting = Alerts | Inhibition | TakeUp
"""What goes to the stream of alerts."""

Effect = ForAlerting | Write | Output | Withheld | Failure
