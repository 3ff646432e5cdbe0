"""The AsyncAPI document of the bus: commands, and the subjects that other programs may publish to or read."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from marshmallow import Schema

import schemas.events
from schemas.api.operations import ErrorSchema
from schemas.notices import NoticeSchema
from schemas.requests.process import LOGS
from services.bus.subjects import command_subject
from services.gateway.openapi.shapes import JSON, Document, Shapes
from services.gateway.operations.operation import Operation, Shape

_ABOUT = (
    "The NATS subjects of tickbus. Names in subjects are escaped: A-Z a-z 0-9 _ and - stand for themselves, every "
    "other byte is = and two hex digits, an empty name is a lone =. A command is a request whose reply holds the "
    "status and the body that HTTP would have. Its header Tickbus-User names in the audit log who asks."
)
_WRITE = "Line protocol. Its times are nanoseconds unless a header `precision` says n, u, ms, s, m or h."
_ALERT = (
    "Level changes of a topic, as engine workers and handlers publish them; beside them what else happens to it there: "
    "`deleted` forgets its events, `handlers` changes its handlers, `takes-up` has it take alerts up from another, "
    "`brings-in` has it take over how alerts stood in another server."
)
_NOTICE = (
    "A change of an alert's level, as a CloudEvent 1.0 in structured mode. The stream NOTICES keeps them; the header "
    "Nats-Msg-Id is the event's id."
)
_LOG = "Log lines of a service, in logfmt; told while somebody listens."


def make_asyncapi(
    title: str, version: str, operations: Iterable[Operation], physical: Callable[[str], str] = str
) -> Document:
    """The document, as JSON holds it. physical: gives what the NATS calls a subject."""
    shapes = Shapes(title, version)
    channels: Document = {}
    actions: Document = {}
    for operation in operations:
        _add_command(shapes, channels, actions, operation)
    for kind, what, schema in stored_events():
        _add_event(shapes, channels, actions, kind, what, schema)
    _add_plain(channels, actions, "write", "tickbus.write.{db}.{rp}", "receive", "text/plain", _WRITE)
    _add_plain(channels, actions, "alert", "tickbus.alert.{topic}", "send", JSON, _ALERT)
    _add_notice(shapes, channels, actions)
    _add_plain(channels, actions, "log", LOGS.replace(">", "{service}"), "send", "application/logfmt", _LOG)
    for channel in channels.values():
        channel["address"] = channel["address"] and physical(channel["address"])
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": _ABOUT},
        "defaultContentType": JSON,
        "channels": channels,
        "operations": actions,
        "components": {"schemas": shapes.document()["components"]["schemas"]},
    }


def stored_events() -> Iterator[tuple[str, str, type[Schema]]]:
    """Kind, what and shape of all facts: those of every module of schemas.events that has SCHEMAS."""
    for module in pkgutil.iter_modules(schemas.events.__path__):
        found: Mapping[str, type[Schema]] = getattr(
            importlib.import_module(f"schemas.events.{module.name}"), "SCHEMAS", {}
        )
        for what, schema in found.items():
            yield module.name, what, schema


def _add_command(shapes: Shapes, channels: Document, actions: Document, operation: Operation) -> None:
    name = f"{operation.kind}.{operation.verb}"
    channels[f"command.{name}"] = {
        "address": command_subject(operation.kind, operation.verb),
        "messages": {"command": _message(_asked(shapes, operation))},
    }
    channels[f"reply.{name}"] = {"address": None, "messages": {"reply": _message(_reply(shapes, operation))}}
    actions[name] = {
        "action": "receive",
        "summary": operation.about,
        "channel": {"$ref": f"#/channels/command.{name}"},
        "reply": {
            "address": {"location": "$message.header#/reply"},
            "channel": {"$ref": f"#/channels/reply.{name}"},
        },
    }


def _asked(shapes: Shapes, operation: Operation) -> Document:
    """What over_bus.py reads: the body, or one object with the names of the path and the body or the parameters."""
    body = shapes.ref(operation.body) if _is_schema(operation.body) else None
    if body and not operation.names:
        return body
    properties: Document = {name: {"type": "string"} for name in operation.names}
    required = list(operation.names)
    if body:
        properties["body"] = body
        required += [] if operation.bare else ["body"]
    elif operation.parameters:
        for parameter in shapes.parameters(operation.parameters):
            properties[parameter["name"]] = parameter["schema"]
    return {"type": "object", "properties": properties, "required": required}


def _reply(shapes: Shapes, operation: Operation) -> Document:
    replies = [_one_reply(status, _shape(shapes, shape)) for status, shape in operation.answers.items()]
    replies += [_one_reply(200, {"type": "string"})] if operation.also else []
    error = shapes.ref(ErrorSchema)
    errors = sorted({400, *operation.errors, 503})
    return {"oneOf": [*replies, *(_one_reply(status, error) for status in errors)]}


def _one_reply(status: int, body: Document) -> Document:
    properties = {"status": {"type": "integer", "const": status}, "body": body}
    return {"type": "object", "properties": properties, "required": ["status", "body"]}


def _shape(shapes: Shapes, shape: Any) -> Document:
    return shapes.ref(shape) if _is_schema(shape) else {"type": "null"}


def _is_schema(shape: Shape) -> TypeGuard[type[Schema] | list[type[Schema]]]:
    return isinstance(shape, type | list)


def _add_event(
    shapes: Shapes, channels: Document, actions: Document, kind: str, what: str, schema: type[Schema]
) -> None:
    name = f"event.{kind}.{what}"
    channels[name] = {
        "address": f"tickbus.event.{kind}.{{id}}.{what}",
        "parameters": {"id": {"description": "Escaped."}},
        "description": "A CloudEvent 1.0 in the NATS binding: its attributes are ce-* headers. Who asked for it say "
        "ce-authtype, ce-authid and ce-tickbusvia.",
        "messages": {"fact": _message(shapes.ref(schema))},
    }
    actions[name] = {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}


def _add_notice(shapes: Shapes, channels: Document, actions: Document) -> None:
    channels["notice"] = {
        "address": "tickbus.alerts.{topic}",
        "parameters": {"topic": {"description": "Escaped."}},
        "messages": {
            "notice": {"contentType": "application/cloudevents+json", "payload": shapes.ref(NoticeSchema)},
        },
    }
    actions["notice"] = {"action": "send", "channel": {"$ref": "#/channels/notice"}, "summary": _NOTICE}


def _add_plain(
    channels: Document, actions: Document, name: str, address: str, action: str, content: str, about: str
) -> None:
    parameters = [part[1:-1] for part in address.split(".") if part.startswith("{")]
    channels[name] = {
        "address": address,
        "parameters": {parameter: {"description": "Escaped."} for parameter in parameters},
        "messages": {name: {"contentType": content, "summary": about}},
    }
    actions[name] = {"action": action, "channel": {"$ref": f"#/channels/{name}"}, "summary": about}


def _message(payload: Document) -> Document:
    return {"contentType": JSON, "payload": payload}
