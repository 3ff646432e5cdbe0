"""Requests about the server itself."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

STORES = ("handler-specs", "topic-states", "tasks", "recordings", "replays", "overrides", "load")
"""What the API calls stores; here all of them are folds over the bus's log."""

LEVELS = ("DEBUG", "INFO", "ERROR")
"""Kapacitor 1.5.7 takes no WARN here."""

ACTIONS = ("rebuild",)


class LogLevelSchema(Schema):
    """POST /loglevel: the level of every process's log, until it ends."""

    class Meta:
        unknown = EXCLUDE

    level = fields.String(load_default="", metadata={"doc": "DEBUG, INFO or ERROR, in either case."})


class StorageActionSchema(Schema):
    """POST /storage/stores/NAME."""

    class Meta:
        unknown = EXCLUDE

    action = fields.String(load_default="", metadata={"doc": "rebuild"})
