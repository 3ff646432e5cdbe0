"""An alert event as a CloudEvent 1.0, as other programs get it over NATS: in structured mode, all of it in the body.

Shape: schemas.notices.
"""

from __future__ import annotations

import json
import uuid

from grammar.golang.times import format_rfc3339_padded
from services.alerting.topics.alert_event import AlertEvent

CONTENT_TYPE = "application/cloudevents+json"

_NAMESPACE = uuid.UUID("0b7f64cf-2f0d-4c39-8d3a-7f1c9d1b6a55")


def cloud_event(event: AlertEvent) -> tuple[str, bytes]:
    """Its id, the same whenever and by whomever it is sent, and its body. Raises CallError where a value has no JSON
    (NaN)."""
    id = str(uuid.uuid5(_NAMESPACE, repr((event.topic, event.id, event.time, event.level, event.place))))
    attributes = {
        "specversion": "1.0",
        "id": id,
        "source": "tickbus",
        "type": "tickbus.alert",
        "time": format_rfc3339_padded(event.time),
        "datacontenttype": "application/json",
        "tickbustopic": event.topic,
        "tickbustask": event.task,
    }
    optional = {"subject": event.id, "tickbusreplay": event.replay.partition(":")[0]}
    attributes |= {name: value for name, value in optional.items() if value}
    head = json.dumps(attributes, separators=(",", ":"))
    return id, head[:-1].encode() + b',"data":' + event.json().rstrip() + b"}"
