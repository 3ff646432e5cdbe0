"""Alert events on the bus: one JSON message for all events of a node in a step, as columns.

Shape: task, node, topic, started, ids + id, messages + message, details, level, time, duration, seq, row, ordinal,
recoverable, series + of, columns {name: {kind, values, valid}}, data, server, of a replay's task: replay, of alerts
in a category: category, moment, and fresh: the numbers of events. Words as in services.engine.effects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.engine.column import DTYPES, Column, Kind
from services.engine.effects import Alerts

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS


def encode(alerts: Alerts, topic: str, started: int) -> bytes:
    """The message for one topic. `started`: sequence of the run.started or replay.started that names its handlers."""
    body = {
        "task": alerts.task,
        "node": alerts.node,
        "topic": topic,
        "started": started,
        "ids": alerts.ids,
        "id": alerts.id_of,
        "messages": alerts.messages,
        "message": alerts.message_of,
        "details": alerts.details,
        "level": alerts.level,
        "time": alerts.time,
        "duration": alerts.duration,
        "seq": alerts.seq,
        "row": alerts.row,
        "ordinal": alerts.ordinal,
        "recoverable": alerts.recoverable,
        "series": alerts.series,
        "of": alerts.series_of,
        "columns": {name: _column(c) for name, c in alerts.columns.items()},
        "data": alerts.data,
        "server": alerts.server,
    }
    if alerts.replay:
        body["replay"] = alerts.replay
    if alerts.fresh is not None and alerts.fresh.any():
        body["fresh"] = np.flatnonzero(alerts.fresh)
    if alerts.category:
        body |= {"category": alerts.category, "moment": alerts.moment}
    return orjson.dumps(body, default=_plain, option=_OPTIONS)


def decode(data: bytes) -> tuple[Alerts, int]:
    """Alerts (with the message's one topic) and `started`. ValueError, KeyError or TypeError for any other message."""
    body = orjson.loads(data)
    alerts = Alerts(
        task=body["task"],
        node=body["node"],
        topics=(body["topic"],),
        ids=body["ids"],
        id_of=np.array(body["id"], dtype=np.int32),
        messages=body["messages"],
        message_of=np.array(body["message"], dtype=np.int32),
        details=body["details"],
        level=np.array(body["level"], dtype=np.int8),
        time=np.array(body["time"], dtype=np.int64),
        duration=np.array(body["duration"], dtype=np.int64),
        seq=np.array(body["seq"], dtype=np.int64),
        row=np.array(body["row"], dtype=np.int64),
        ordinal=np.array(body["ordinal"], dtype=np.int64),
        recoverable=body["recoverable"],
        series=body["series"],
        series_of=np.array(body["of"], dtype=np.int32),
        columns={name: _from_json(c) for name, c in body["columns"].items()},
        data=body["data"],
        server=tuple(body["server"]),
        fresh=_fresh(body),
        replay=body.get("replay", ""),
        category=body.get("category", ""),
        moment=np.array(body["moment"], dtype=np.int64) if "moment" in body else None,
    )
    return alerts, int(body["started"])


def _fresh(body: dict[str, Any]) -> NDArray[np.bool_] | None:
    if "fresh" not in body:
        return None
    fresh = np.zeros(len(body["id"]), dtype=np.bool_)
    fresh[body["fresh"]] = True
    return fresh


def _column(column: Column) -> dict[str, Any]:
    values: Any = column.values
    if column.kind is Kind.FLOAT and not np.isfinite(column.values).all():
        # JSON has no words for these; Python's float() reads them back
        values = [v if np.isfinite(v) else str(v) for v in column.values.tolist()]
    elif column.values.dtype == np.object_:
        values = column.tolist()
    out = {"kind": column.kind.value, "values": values}
    if column.valid is not None:
        out["valid"] = column.valid
    return out


def _from_json(body: dict[str, Any]) -> Column:
    kind = Kind(body["kind"])
    values = np.empty(len(body["values"]), dtype=DTYPES[kind])
    values[:] = [float(v) for v in body["values"]] if kind is Kind.FLOAT else body["values"]
    valid = body.get("valid")
    return Column(kind, values, None if valid is None else np.array(valid, dtype=np.bool_))


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")
