"""What alert templates see. Field order is that of the JSON which `{{ json . }}` gives."""

from __future__ import annotations

from grammar.gotemplate import Duration, NilMap, Struct, Time

LEVELS = ("OK", "INFO", "WARNING", "CRITICAL")


class ServerInfo(Struct, go="kapacitor.serverInfo"):
    Hostname: str
    ClusterID: str
    ServerID: str


class IDInfo(Struct, go="kapacitor.idInfo"):
    """For ids. Group is `nil` where points are not grouped; Tags are the point's (a batch's: its group's)."""

    Name: str
    TaskName: str
    Group: str
    Tags: dict[str, str]
    ServerInfo: ServerInfo


class MessageInfo(IDInfo, go="kapacitor.messageInfo"):
    """For messages."""

    ID: str
    Fields: dict[str, object]
    Level: str
    Time: Time
    Duration: Duration


class DetailsInfo(MessageInfo, go="kapacitor.detailsInfo"):
    """For details."""

    Message: str


def nil_as_none(tags: dict[str, str]) -> dict[str, str] | None:
    """Tags as the bus carries them: null where there are none at all."""
    return None if isinstance(tags, NilMap) else tags


def none_as_nil(tags: dict[str, str] | None) -> dict[str, str]:
    """Tags as the bus carries them, for templates."""
    return NilMap() if tags is None else tags


def group_name(group_id: str) -> str:
    """`.Group` of a group id."""
    return group_id or "nil"
