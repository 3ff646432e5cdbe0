"""The event that tells of a group, and what its templates see."""

from __future__ import annotations

from grammar.golang.errors import CallError
from grammar.gotemplate import Struct, TemplateError, parse
from services.alerting.declarations.templates import EventData, data_of
from services.alerting.errors import Rejected
from services.alerting.grouping.group import TOLD, Group, told_text
from services.alerting.topics.alert_event import AlertEvent, rows_of
from services.alertlog.info import LEVELS

MESSAGE = "{{ .ID }} is {{ .Level }}: {{ len .Firing }} firing, {{ len .Resolved }} resolved"
DETAILS = "{{ range .Firing }}{{ .Message }}\n{{ end }}{{ range .Resolved }}{{ . }} is OK\n{{ end }}"

_MOST_ROWS = 100  # series of alerts that a digest carries as its data


class DigestData(Struct, go="alert.Digest"):
    """What the templates of a digest see.

    Group: the values of the tags by which is grouped. Firing: the alerts that are not OK, as templates of handlers see
    one, the worst first. Resolved: the ids that were told before and are OK since.
    """

    ID: str
    Topic: str
    Level: str
    Group: dict[str, str]
    Firing: list[EventData]
    Resolved: list[str]


def digest(group: Group, topic: str, into: str, message: str, details: str, now: int) -> AlertEvent:
    """The event. topic: of the alerts; into: where it goes. now: ns. Rejected where a template fails with it."""
    firing = sorted(group.firing.values(), key=lambda event: (-event.level, event.time, event.id))
    level = max(group.levels().values(), default=0)
    seen = DigestData(
        group.id, topic, LEVELS[level], dict(group.labels), [data_of(event) for event in firing], group.resolved()
    )
    try:
        texts = parse(message, "message").execute(seen), parse(details, "details").execute(seen)
    except (TemplateError, CallError) as error:
        raise Rejected(str(error)) from error
    return AlertEvent(
        topic=into,
        task="",
        id=group.id,
        message=texts[0],
        given_details=texts[1],
        level=level,
        previous=0,
        time=now,
        duration=max((event.duration for event in firing), default=0),
        recoverable=True,
        name="",
        group="",
        tags=dict(group.labels),
        fields={"firing": len(firing), "resolved": len(group.resolved()), TOLD: told_text(group.levels())},
        rows=[row for event in firing[:_MOST_ROWS] for row in rows_of(event)],
        server=("", "", ""),
    )


def check(message: str, details: str) -> None:
    """ValueError where these are no templates, or see what there is not."""
    try:
        digest(Group("id", {}), "", "", message, details, 0)
    except Rejected as error:
        raise ValueError(str(error)) from None
