"""The data that Kapacitor gives to the templates of an alert, as structs."""

from typing import Annotated

from grammar.golang.json_writer import to_json
from grammar.gotemplate import Duration, Level, Struct, Time

SECOND = 1_000_000_000


class ServerInfo(Struct, go="kapacitor.serverInfo"):
    Hostname: str
    ClusterID: str
    ServerID: str


class IDInfo(Struct, go="kapacitor.idInfo"):
    Name: str
    TaskName: str
    Group: str
    Tags: dict[str, str]
    ServerInfo: ServerInfo


class MessageInfo(IDInfo, go="kapacitor.messageInfo"):
    ID: str
    Fields: dict[str, object]
    Level: str
    Time: Time
    Duration: Duration


class DetailsInfo(MessageInfo, go="kapacitor.detailsInfo"):
    Message: str


class Row(
    Struct,
    go="models.Row",
    pointer=True,
    json={name: f"{name.lower()},omitempty" for name in ("Name", "Tags", "Columns", "Values")},
):
    Name: str
    Tags: dict[str, str]
    Columns: list[str]
    Values: list[list[object]]


class Result(Struct, go="models.Result", json={"Series": "series", "Err": "error,omitempty"}):
    Series: Annotated[list[Row], "models.Rows"]
    Err: object

    def go_string(self) -> str:
        return to_json(self)


class Data(
    Struct,
    go="alert.Data",
    json={
        **{name: name.lower() for name in ("ID", "Message", "Details", "Time", "Duration", "Level", "Data")},
        "PreviousLevel": "previousLevel",
        "Recoverable": "recoverable",
    },
):
    ID: str
    Message: str
    Details: str
    Time: Time
    Duration: Duration
    Level: Level
    Data: Result
    PreviousLevel: Level
    Recoverable: bool


def details(
    *,
    name: str = "cpu",
    group: str = "nil",
    tags: dict[str, str] | None = None,
    fields: dict[str, object] | None = None,
    level: str = "CRITICAL",
    ns: int = 1_700_000_000 * SECOND,
    duration: int = 0,
    alert_id: str = "x",
    message: str = "m",
) -> DetailsInfo:
    """What the details template of an alert sees; id and message templates see the first fields of it."""
    server = ServerInfo("localhost", "c-1", "s-1")
    when, lasted = Time(ns), Duration(duration)
    return DetailsInfo(name, "t", group, tags or {}, server, alert_id, fields or {}, level, when, lasted, message)


def event() -> Data:
    """What an alert-template of httppost sees."""
    when = Time(1_700_000_000 * SECOND)
    row = Row("cpu", {"host": "a"}, ["time", "s", "v"], [[when, "x", 2]])
    return Data("c", 'hello "cpu" <b>', "d CRITICAL", when, Duration(0), Level(3), Result([row], None), Level(0), True)
