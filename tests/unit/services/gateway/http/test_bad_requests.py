"""Every route and every command with what is no request for it: a clear error each time, and nothing is stored.

The tables are made of the OpenAPI and AsyncAPI documents, so that what is added later is held to the same.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.streams import EVENTS, WRITES
from services.bus.subjects import command_subject
from tests.unit.services.gateway.resources.test_tasks import DBRPS, TASKS, body

BASE = "/kapacitor/v1"
JSON = "application/json"
OURS = (
    *("/lint", "/traces", "/backtests", "/silences", "/silences/{id}", "/acknowledge"),
    *("/mutes", "/mutes/{id}", "/comments", "/topics/{id}"),
)
"""What paths end in of what Kapacitor does not have."""
_WHOLE = {"task": "there", "start": "2024-01-01T00:00:00Z"}
_SILENCE = {"matchers": ["host=a"], "end": "2100-01-01T00:00:00Z"}
_MUTE = {"matchers": ["host=a"], "intervals": [{"years": ["1999"]}]}
WHOLE = {
    "traces": _WHOLE,
    "backtests": _WHOLE,
    "silences": _SILENCE,
    "mutes": _MUTE,
    "comments": {"text": "x"},
}
"""Of requests that have to say something: what they say besides the key that is wrong."""
HANDLER = ("invalid handler json: ", "failed to unmarshal JSON: ", "invalid patch json: ", "failed to apply patch: ")
LONG = "x" * 10_000

NO_JSON = [
    b"{",
    b"\x00",
    b"{} and more",
    b"'id'",
    b"{'id': 'x'}",
    b'{"id": "x",}',
    b"NaN",
    b"1e999",
    b'{"id": 1e999}',
    b'{"id": ' + b"9" * 400 + b"}",
    b"[" * 10_000,
    b"[" * 10_000 + b"]" * 10_000,
    b'{"id":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"vars": {"x": {"type": "list", "value": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}}",
    b"\xff\xfe{}",
    b'{"id": "\xff"}',
    b'{"id": "\xed\xa0\x80"}',
    b'{"id": "\\ud800"}',
    b'{"id": "\\udc00\\ud800"}',
    b"\xef\xbb\xbf{}",
]
NO_OBJECTS = [b"[]", b"[{}]", b'"id"', b"1", b"-0.5", b"true"]  # null is one without keys, to Kapacitor too
NO_LISTS = [b"{}", b'{"op": "add"}', b'"id"', b"1", b"-0.5", b"true", b"null", b"[1]", b"[{}]", b"[null]", b"[[]]"]

WRONG: dict[str, list[Any]] = {
    "string": [1, 0, 1.5, True, [], ["x"], {}, {"x": 1}, 10**18],
    "integer": ["x", 1.5, [], ["x"], {}, {"x": 1}],
    "boolean": ["true", 1, 0, [], {}],
    "array": ["x", 1, True, {}, {"db": "a"}, [1], [None], [[]], [True]],
    "object": ["x", 1, True, [], [{}], [1]],
    "vars": ["x", 1, [], {"x": 1}, {"x": "y"}, {"x": []}, {"x": {"type": 1}}, {"x": {"type": "no"}}],
    "dbrps": [{"db": "a", "rp": "b"}, ["x"], [{"db": 1}], [{"rp": []}]],
}

# As they stand in a path, and as they are then read.
IDS = [
    (LONG, LONG),
    ("%00", "\0"),
    ("a%00b", "a\0b"),
    ("a%20b", "a b"),
    ("*", "*"),
    ("%3E", ">"),
    ("tickbus.event.%3E", "tickbus.event.>"),
    ("a%0D%0Ab", "a\r\nb"),
    ("a/b", "a/b"),
    ("a%2Fb", "a/b"),
    ("%2e%2e%2f%2e%2e%2fping", "../../ping"),
    ("%25", "%"),
    ("%zz", "%zz"),
    ("%FF", "\N{REPLACEMENT CHARACTER}"),
    ("%E2%80%AE", "\u202e"),
    ("%F0%9F%98%80", "\N{GRINNING FACE}"),
]
UP = ["..", "%2e%2e", "a/../../ping", "./x", "a//b"]

PARAMETERS = ["", "%00", LONG, "[", "%5Bz-a%5D", "%FF", "*", "999999999999999999999", "-1", "1e3", "%D9%A3", "true"]


@dataclass(frozen=True)
class Route:
    """A route as the OpenAPI document has it.

    keys: of its body where that is an object, each with the type that it should have. json: whether it is JSON. bare:
    whether it may come without one.
    """

    method: str
    path: str
    command: str
    names: list[str]
    parameters: list[str]
    keys: dict[str, str]
    json: bool
    bare: bool

    @property
    def there(self) -> dict[str, str]:
        """The names in the path, of what is there."""
        return dict.fromkeys(self.names, "tasks" if "/stores/" in self.path else "there")

    @property
    def url(self) -> str:
        """The path with these names."""
        return self.path.format(**self.there)


@pytest.fixture
async def routes(gateway: httpx.AsyncClient, bus: Bus, tmp_path: Path) -> AsyncIterator[list[Route]]:
    """All of them, with everything behind them that answers; each kind of thing has one called `there`."""
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service:
        handler = {"id": "there", "kind": "log", "options": {"path": "/dev/null"}}
        for path, more in (
            ("tasks", body("there")),
            ("templates", body("there")),
            ("users", {"name": "there", "type": "normal", "password": "there", "permissions": []}),
            ("alerts/topics/there/handlers", handler),
        ):
            created = await gateway.post(f"{BASE}/{path}", json=more)
            assert created.status_code == 200 or "exist" in created.text, (path, created.text)
        responders = AlertingResponders(bus, service)
        yield list(_routes((await gateway.get(f"{BASE}/openapi.json")).json()))
        responders.stop()


def _routes(document: Any) -> Iterator[Route]:
    for path, its in document["paths"].items():
        for method, operation in its.items():
            named = operation.get("parameters", [])
            content = operation.get("requestBody", {}).get("content", {})
            keys: dict[str, str] = {}
            if "$ref" in (schema := content.get(JSON, {}).get("schema", {})):
                shape = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                keys = {key: _type(its) for key, its in shape["properties"].items()}
            yield Route(
                method.upper(),
                path,
                operation.get("operationId", ""),
                [one["name"] for one in named if one["in"] == "path"],
                [one["name"] for one in named if one["in"] == "query"],
                keys,
                JSON in content,
                not operation.get("requestBody", {}).get("required", True),
            )


def _type(schema: Any) -> str:
    given = schema.get("type", "object")
    kind: str = given if isinstance(given, str) else next(one for one in given if one != "null")
    if "$ref" in schema.get("items", {}):
        return "dbrps"
    return "vars" if "$ref" in schema.get("additionalProperties", {}) else kind


async def command(bus: Bus, route: Route, question: bytes) -> tuple[int, Any]:
    subject = command_subject(*route.command.split("."))
    reply = orjson.loads(await bus.request(subject, question, 20.0))
    return reply["status"], reply["body"]


def invalid(status: int, shown: Any) -> bool:
    """Whether a request was told that it is none, in Kapacitor 1.5.7's words: of handlers it says more."""
    words = str(shown.get("error"))
    return status == 400 and shown.keys() == {"error"} and (words == "invalid JSON" or words.startswith(HANDLER))


def told_of(key: str) -> Callable[[int, Any], bool]:
    """Whether a request was told that it is none for a key: of what Kapacitor does not have the key is named."""
    return lambda status, shown: (
        status == 400 and shown.keys() == {"error"} and shown["error"].startswith((f"{key}: ", f"{key}."))
    )


def fine(status: int, text: str) -> bool:
    """Whether an answer is no failure of ours. Some 500s are Kapacitor's own words for what is not there."""
    own = ("unknown topic", "no recording exists")
    return "internal error" not in text and (status < 500 or any(words in text for words in own))


@pytest.fixture
async def nothing_stored(routes: list[Route], bus: Bus, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Holds the test to it that no fact comes into the log of events, and no failure into the one that people read."""
    before = await bus.last_sequence(EVENTS)
    yield
    assert await bus.last_sequence(EVENTS) == before
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.usefixtures("worker", "nothing_stored")
async def test_bodies_that_are_no_json_object(routes: list[Route], gateway: httpx.AsyncClient, bus: Bus) -> None:
    with_bodies = [route for route in routes if route.json]
    assert len(with_bodies) >= 12
    for route in with_bodies:
        others = NO_OBJECTS if route.keys else NO_LISTS
        for sent in [*([] if route.bare else [b""]), *NO_JSON, *others]:
            answer = await gateway.request(route.method, route.url, content=sent)
            assert invalid(answer.status_code, answer.json()), (route, sent[:50], answer.text)
        for sent in [*NO_JSON, *others]:
            asked = b"{%b, " % orjson.dumps(route.there)[1:-1] + b'"body": ' + sent + b"}" if route.names else sent
            assert invalid(*await command(bus, route, asked)), (route, sent[:50])
        for sent in NO_JSON:
            assert invalid(*await command(bus, route, sent)), (route, sent[:50])


@pytest.mark.usefixtures("worker", "nothing_stored")
async def test_keys_of_a_wrong_type(routes: list[Route], gateway: httpx.AsyncClient, bus: Bus) -> None:
    for route in routes:
        for key, kind in route.keys.items():
            for value in WRONG[kind]:
                ns = ("start", "stop", "end", "duration", "warm-up")
                if route.path.endswith(OURS) and key in ns and type(value) is int:
                    continue
                asked = {
                    **WHOLE.get(route.path.rpartition("/")[2], body("wrong") if route.url == TASKS else {}),
                    key: value,
                }
                answer = await gateway.request(route.method, route.url, json=asked)
                told = told_of(key) if route.path.endswith(OURS) else invalid
                assert told(answer.status_code, answer.json()), (route, key, value, answer.text)
                question = {**route.there, "body": asked} if route.names else asked
                assert told(*await command(bus, route, orjson.dumps(question))), (route, key, value)


@pytest.mark.usefixtures("worker")
async def test_unknown_keys_are_ignored_and_of_two_of_a_name_the_last_counts(gateway: httpx.AsyncClient) -> None:
    """As Kapacitor 1.5.7 reads its requests."""
    more = {"nonsense": {"deep": [1]}, "\0": 1, "__class__": "x", LONG: None, "script ": "no", "id\0": "no"}
    shown = (await gateway.post(TASKS, json={**body("unknown"), **more})).json()
    assert shown.keys() == (await gateway.get(f"{TASKS}/unknown")).json().keys()
    changed = await gateway.patch(f"{TASKS}/unknown", content=b'{"script": 5, "script": "stream|from()", "x": {}}')
    assert changed.json()["script"] == "stream\n    |from()\n"
    assert (await gateway.delete(f"{TASKS}/unknown")).status_code == 204


@pytest.mark.usefixtures("worker", "nothing_stored")
async def test_ids_in_paths(routes: list[Route], gateway: httpx.AsyncClient, bus: Bus) -> None:
    for route in routes:
        if "/debug/pprof" in route.path or not route.names or ("topics" in route.path and route.method == "DELETE"):
            continue
        if route.path.endswith(("/why", "/why-not")):
            continue  # no recorder is there that could be asked
        for written, read in IDS:
            url = route.path
            for name in route.names:
                url = url.replace(f"{{{name}}}", written)
            answer = await gateway.request(route.method, url, content=b"{}" if route.json else None)
            assert answer.status_code in ((204, 404) if route.method == "DELETE" else (200, 400, 404, 500)), (
                route,
                read,
            )
            assert fine(answer.status_code, answer.text), (route, read, answer.text)
            if route.command:
                asked = {**dict.fromkeys(route.names, read), **({"body": {}} if route.json else {})}
                status, shown = await command(bus, route, orjson.dumps(asked))
                assert fine(status, str(shown)), (route, read, shown)
                assert (status >= 400) == (shown is not None and "error" in shown) or status == 200, (route, shown)
        for way in UP:
            # they are sent on to where they lead, and do nothing where they were asked for
            url = route.path.replace(f"{{{route.names[-1]}}}", way).replace("{topic}", "there")
            head = f"{route.method} {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
            assert (await raw(gateway, head.encode() + b"{}")).startswith(b"HTTP/1.1 301 "), (route, way)


@pytest.mark.usefixtures("worker", "nothing_stored")
async def test_ids_in_bodies(gateway: httpx.AsyncClient) -> None:
    """Of all that takes a new id: an id that cannot be is refused before anything else is looked at."""
    given: dict[str, dict[str, Any]] = {
        "tasks": {"dbrps": DBRPS, "script": "stream|from()"},
        "templates": {"script": "stream|from()"},
        "recordings/stream": {"task": "there"},
        "recordings/batch": {"task": "there", "start": "2026-01-01T00:00:00Z"},
        "recordings/query": {"query": "SELECT 1", "type": "batch"},
        "replays": {"task": "there", "recording": "none"},
        "replays/batch": {"task": "there", "start": "2026-01-01T00:00:00Z"},
        "replays/query": {"task": "there", "query": "SELECT 1"},
        "alerts/topics/there/handlers": {"kind": "log", "options": {"path": "/dev/null"}},
    }
    for path, more in given.items():
        for id in (LONG, ".", "..", "a/b", "../x", "a b", "*", ">", "a\0", "\n", "\u202e", "٣", "x" * 1201, "ü" * 201):
            answer = await gateway.post(f"{BASE}/{path}", json={**more, "id": id})
            assert answer.status_code == 400, (path, id)
            words = answer.json()["error"]
            assert "must" in words or "too long" in words, (path, words)
    user = {"type": "normal", "password": "x"}
    for id in ("..", "a/b", "a b", "a\0", LONG):
        for path in ("tasks", "templates"):
            assert (await gateway.patch(f"{BASE}/{path}/there", json={"id": id})).status_code == 400
        patch = [{"op": "replace", "path": "/id", "value": id}]
        assert (await gateway.patch(f"{BASE}/alerts/topics/there/handlers/there", json=patch)).status_code == 400
        assert (await gateway.post(f"{BASE}/users", json={**user, "name": id})).status_code == 400


@pytest.mark.usefixtures("worker", "nothing_stored")
async def test_parameters(routes: list[Route], gateway: httpx.AsyncClient) -> None:
    for route in routes:
        if "/debug/pprof" in route.path or route.path.endswith(("/write", "/write_lp")):
            continue
        if route.path == "/readyz" or route.path.endswith(("/why", "/why-not", "/history")):
            continue  # not all services are there, and it says so
        if route.path.endswith("/live"):
            continue  # it goes on for ever
        for name in route.parameters:
            for value in PARAMETERS:
                if route.method == "DELETE" and not value:
                    continue  # that is none, and the resource would be deleted
                answer = await gateway.request(route.method, f"{route.url}?{name}={value}")
                assert fine(answer.status_code, answer.text), (route, name, value, answer.text)
                # 409: the task does not run
                assert answer.status_code in (200, 202, 400, 404, 409, 500), (route, name, value)
                if answer.status_code == 400:
                    assert answer.json()["error"]
                if name in ("limit", "offset"):
                    right = value in ("", "-1")
                    if route.path.endswith(("/history", "/report")):
                        assert answer.status_code == (400 if value else 200), (route, name, value)
                    elif route.path.endswith(("/results", "/effects")):
                        assert answer.status_code in (404, 400), (route, name, value)  # of what is not there
                    else:
                        assert answer.status_code == (200 if right else 400), (route, name, value)
            both = await gateway.request(route.method, f"{route.url}?{name}=a&{name}=b&{name}[]=c&{name}%00=d")
            assert fine(both.status_code, both.text), (route, name)


GOOD = b"cpu v=1 1"
ZIPPED = gzip.compress(GOOD)
GZIP = "Content-Encoding: gzip"


def sized(size: int | str, *more: str) -> list[str]:
    return [f"Content-Length: {size}", *more]


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


WIRE: list[tuple[str, list[str], bytes, bytes]] = [
    # what, headers, body, how the answer begins; without one the client is left to itself: it has hung up
    ("shorter than it says", sized(100), GOOD, b""),
    ("longer than it says", sized(6), GOOD, b"HTTP/1.1 400 "),
    ("no number", sized("nine"), GOOD, b"HTTP/1.1 400 "),
    ("negative", sized(-9), GOOD, b"HTTP/1.1 400 "),
    ("two lengths", [*sized(9), *sized(8)], GOOD, b"HTTP/1.1 400 "),
    ("a length of thirty digits", sized("9" * 30), GOOD, b"HTTP/1.1 400 "),
    ("chunks that end in the middle", ["Transfer-Encoding: chunked"], b"20\r\ncpu v=1", b""),
    ("chunks without an end", ["Transfer-Encoding: chunked"], chunked(GOOD, end=b""), b""),
    ("chunks of no size", ["Transfer-Encoding: chunked"], b"zz\r\ncpu v=1 1\r\n0\r\n\r\n", b"HTTP/1.1 400 "),
    ("a negative chunk", ["Transfer-Encoding: chunked"], b"-9\r\ncpu v=1 1\r\n0\r\n\r\n", b"HTTP/1.1 400 "),
    ("an endless chunk", ["Transfer-Encoding: chunked"], b"f" * 40 + b"\r\ncpu v=1 1", b"HTTP/1.1 400 "),
    ("an encoding that is none", ["Transfer-Encoding: gzip"], ZIPPED, b"HTTP/1.1 501 "),
    ("a header with a NUL", sized(9, "X: a\0b"), GOOD, b"HTTP/1.1 400 "),
    ("a header that is none", sized(9, "X"), GOOD, b"HTTP/1.1 400 "),
    ("gzip without its end", sized(len(ZIPPED) - 6, GZIP), ZIPPED[:-6], b"HTTP/1.1 400 "),
    ("gzip that breaks off in its head", sized(12, GZIP), ZIPPED[:12], b"HTTP/1.1 400 "),
    ("gzip with another checksum", sized(len(ZIPPED), GZIP), ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], b"HTTP/1.1 400 "),
    (
        "gzip with something inside turned",
        sized(len(ZIPPED), GZIP),
        ZIPPED[:14] + b"\xff\xff" + ZIPPED[16:],
        b"HTTP/1.1 400 ",
    ),
    ("gzip with something behind", sized(len(ZIPPED) + 3, GZIP), ZIPPED + b"abc", b"HTTP/1.1 400 "),
    ("gzip that is none", sized(9, GZIP), GOOD, b"HTTP/1.1 400 "),
    ("gzip of nothing", sized(0, GZIP), b"", b"HTTP/1.1 400 "),
    ("another compression", sized(len(ZIPPED), "Content-Encoding: br"), ZIPPED, b"HTTP/1.1 400 "),
]


@pytest.mark.usefixtures("worker", "nothing_stored")
@pytest.mark.parametrize("path", ["/write?db=a&rp=b", "/write?db=a&rp=b&x=%", TASKS], ids=["plain", "usual", "task"])
async def test_requests_that_are_broken_on_the_wire(gateway: httpx.AsyncClient, bus: Bus, path: str) -> None:
    before = await bus.last_sequence(WRITES)
    for what, headers, sent, begins in WIRE if path != TASKS else WIRE[:14]:
        head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""])
        answer = await raw(gateway, head.encode() + sent)
        assert answer.startswith(begins) and bool(answer) == bool(begins), (what, answer[:200])
    assert await bus.last_sequence(WRITES) == before
    assert (await gateway.get(f"{BASE}/ping")).status_code == 204


async def test_long_urls_and_headers(gateway: httpx.AsyncClient, bus: Bus) -> None:
    """What is longer than any sensible client sends is refused or taken, and harms nobody."""
    for name, size in (("X-Long", 60_000), ("Authorization", 60_000), ("Idempotency-Key", 60_000), ("X", 4 << 20)):
        headers = [
            f"POST /write?db=a&rp={size} HTTP/1.1",
            "Host: localhost",
            f"{name}: {'a' * size}",
            *sized(9),
            "Connection: close",
        ]
        answer = await raw(gateway, "\r\n".join([*headers, "", ""]).encode() + GOOD)
        assert answer.startswith((b"HTTP/1.1 204 ", b"HTTP/1.1 431 ")) or (not answer and size > 1 << 20), answer[:100]
    for size in (60_000, 4 << 20):
        answer = await raw(
            gateway,
            f"GET {BASE}/tasks/{'a' * size} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
            stays=True,
        )
        assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 431 ")) or (not answer and size > 1 << 20), answer[:100]
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\r\n" * 1000, b"GET\r\n\r\n", b"\x00" * 1000):
        answer = await raw(gateway, garbage)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), (garbage[:20], answer[:100])
    assert (await gateway.get(f"{BASE}/ping")).status_code == 204


async def raw(gateway: httpx.AsyncClient, data: bytes, stays: bool = False) -> bytes:
    """What comes back for some bytes, behind which the client sends no more, and is taken for gone unless it stays."""
    reader, writer = await asyncio.open_connection(gateway.base_url.host, gateway.base_url.port)
    try:
        writer.write(data)
        if not stays:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    except (ConnectionResetError, BrokenPipeError):
        return b""
    finally:
        writer.close()
