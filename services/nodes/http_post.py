"""httpPost: post every point or batch to a URL.

In a run in which nothing is done outside a post is told instead of sent (services.runtime.effects.Withheld), as

    {"url", "headers": {name: value}, "body"}    and "endpoint", where the script names one of the configuration

Passwords in the URL, the header Authorization, and the values of headers that the configuration sets are starred out.
body: what JSON it holds, else its text. There is no answer to wait for: `codeField` is 0, as without an answer.
"""

from __future__ import annotations

import hashlib
import heapq
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from grammar.golang.errors import CallError
from grammar.golang.json_writer import encode
from grammar.gotemplate import Struct, Template, TemplateError
from grammar.gotemplate import parse as parse_template
from services.columns.column import Column, IntArray, Kind
from services.columns.frame import Barriers, Batches, Frame, Message
from services.columns.groups.keyed_state import KeyedState, NotByGroup, Partitioning
from services.columns.groups.series import SeriesTable
from services.columns.message_snapshot import message_from_state, message_state
from services.columns.places import Place, PlaceSequence, latest, rising
from services.columns.result_json import Row, batch_row, row_of_point
from services.columns.snapshot import State
from services.connectors.http_sender import Post, PostEndpoint, PostResult, Sender
from services.pipeline.spec import (
    Edge,
    NodeSpec,
    Properties,
    Type,
    appending,
    argument,
    flag,
    prop,
    putting,
)
from services.process.log import hidden
from services.runtime.context import Context
from services.runtime.effects import Output, Withheld
from services.runtime.errors import TaskFailed
from services.runtime.keyed.keyed_node import KeyedNode

_KEY = "Idempotency-Key"
_STARS = "********"
_NO_CAPTURE = "unknown error, use .captureResponse() to capture the HTTP response"


@dataclass
class HTTPPostProperties(Properties):
    urls: list[str] = argument(Type.STRING, variadic=True, doc="The URL; a template that sees Name, Tags and Values.")
    endpoints: list[str] = appending(Type.STRING, name="endpoint", doc="An endpoint of the configuration instead.")
    headers: dict[str, str] = putting(Type.STRING, name="header", doc="A header of every post.")
    code_field: str = prop(Type.STRING, default="", doc="A field that gets the answer's status; 0 if there was none.")
    capture_response: bool = flag(doc="Have the answer's body in the log where it refuses the post.")
    timeout: int = prop(Type.DURATION, default=0, doc="How long to wait for an answer; 30s unless set.")

    def needs_all_groups(self, wants: Edge) -> str:
        return "with .codeField() points of all groups wait for the answers to their posts" if self.code_field else ""

    def check(self) -> None:
        if len(self.urls) > 1:
            raise ValueError(f"httpPost expects 0 or 1 arguments, got {len(self.urls)}")
        if len(self.endpoints) > 1:
            raise ValueError(f"httpPost expects 0 or 1 endpoints, got {len(self.endpoints)}")
        if not self.urls and not self.endpoints:
            raise ValueError("must provide url or endpoint")
        if self.urls and self.endpoints:
            raise ValueError("only one endpoint and url may be specified")
        if any(name.upper() == "AUTHENTICATE" for name in self.headers):
            raise ValueError("cannot set 'authenticate' header")


@dataclass(slots=True)
class _Held:
    """A message that waits for the codes of its posts; `codes` are those that have come. Barriers wait in line."""

    message: Message
    codes: list[int]


class HTTPPostNode(KeyedNode):
    """Posts {"series": [row]} for each point or batch, in order, and hands it on.

    A post is sent once; one that fails, is refused or is not answered in time is an error of the node. Data is handed
    on without waiting for answers, but with `codeField`, where the answer is part of it: then it goes on once its posts
    have been answered. What has not been answered is sent after a restart, what was answered is not sent again: only
    the post that was under way when the engine was killed may come twice. The same post has the same header
    `Idempotency-Key`, and no other has, unless the script or the endpoint sets one.
    """

    spec = NodeSpec(
        name="httpPost",
        type_name="HTTPPostNode",
        properties=HTTPPostProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        prefix="http_post",
        doc=__doc__ or "",
    )

    properties: HTTPPostProperties

    def __init__(self, properties: HTTPPostProperties, context: Context) -> None:
        super().__init__(properties, context)
        try:
            self._use(_endpoint(properties, context))
        except TemplateError as error:
            raise TaskFailed(f"error in url templating: {error}") from None
        self._closed = False
        self.keyed = KeyedState(context.table)
        self._groups = self.keyed.groups
        self._held: deque[_Held] = deque()
        self._places = PlaceSequence()
        self._delivered = context.environment.deliveries(context.node)
        guard = context.environment.guard
        self._sender = Sender(properties.timeout / 1e9, self._answered, self._delivered.may, guard)
        self._dry = context.environment.dry
        self._waits = False  # for the first tick, to send what was left
        self._ending = False

    def frame(self, frame: Frame) -> Sequence[Message]:
        self._groups.local(frame.group)
        table, points = self.context.table, frame.points
        times, numbers = points.time.tolist(), points.series.tolist()
        return self._send(
            frame,
            [
                row_of_point(table.series(number), time, fields)
                for time, number, fields in zip(times, numbers, points.rows(), strict=True)
            ],
        )

    def batches(self, batches: Batches) -> Sequence[Message]:
        self._groups.local(batches.group)
        return self._send(batches, [batch_row(batches, i, self.context.table) for i in range(len(batches))])

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        self.keyed.observe_barriers(barriers)
        if not self._held:
            return [barriers]
        self._held.append(_Held(barriers, []))
        return []

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        return self.barriers(barriers)

    def next_tick(self) -> int | None:
        return 1 if self._waits or (self._held and _complete(self._held[0])) else None

    def tick(self, now: int) -> Sequence[Message]:
        if self._waits:
            self._waits = False
            self._kick()
        return self._complete_ones()

    def has_pending(self) -> bool:
        return bool(self._held)

    def outstanding(self) -> int:
        return len(self._sender.waiting)

    async def hold(self) -> None:
        await self._sender.hold()

    def go_on(self) -> None:
        self._sender.go_on()

    def finish(self) -> Sequence[Message]:
        self._ending = True
        self._give_up_held()
        return self.tick(0)

    def close(self) -> None:
        self._sender.close(drain=self._ending)

    def state(self) -> State:
        table = self.context.table
        return {
            **super().state(),
            "waiting": [[p.url, dict(p.headers), p.body, p.place] for p in self._sender.waiting],
            "held": [[message_state(h.message, table), h.codes] for h in self._held],
            "places": self._places.state(),
        }

    def restore(self, state: State) -> None:
        super().restore(state)
        if "places" in state:
            self._places.restore(state["places"])
        table = self.context.table
        self._held.extend(_Held(message_from_state(m, table), list(codes)) for m, codes in state["held"])
        if self._dry:  # what waits is the live task's to send, and no answer to it will come here
            self._give_up_held()
            return
        for url, headers, body, *place in state["waiting"]:
            post = Post(url, headers, body, tuple(place[0]) if place and place[0] else None)
            if not self._was_answered(post.place):
                self._sender.waiting.append(post)
        self._waits = True

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        if state["held"]:
            raise NotByGroup("points of all groups wait for the answers to their posts")
        states = super().split_state(state, sharing)
        waiting = [state["waiting"], *([] for _ in states[1:])]
        places = {"places": state["places"]} if "places" in state else {}
        return [{**one, "held": [], "waiting": w, **places} for one, w in zip(states, waiting, strict=True)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        if any(state["held"] for state in states):
            raise NotByGroup("points of all groups wait for the answers to their posts")
        # whoever has all of it sends it in one order; of each part's own posts none overtakes another
        waits = (state["waiting"] for state in states)
        waiting = list(heapq.merge(*waits, key=lambda post: rising(post[3] if len(post) > 3 else None)))
        places = {"places": latest(s["places"] for s in states)} if all("places" in s for s in states) else {}
        return {**super().join_states(states, table), "held": [], "waiting": waiting, **places}

    def _use(self, endpoint: PostEndpoint) -> None:
        """Post to an endpoint from now on. Raises TemplateError, and then nothing has changed."""
        url = parse_template(endpoint.url, "body", json=True)
        self._body = parse_template(endpoint.row_template, "body", json=True) if endpoint.row_template else None
        self._url, self._endpoint = url, endpoint
        self._fixed_url = None if "{{" in endpoint.url else endpoint.url
        self._headers = _headers(endpoint, self.properties, self._body)
        self._keyed = any(name.lower() == _KEY.lower() for name in self._headers)

    def _follow(self) -> None:
        """Post to where the endpoint of this name is now, and nowhere while there is none. One whose URL is no template
        any more stays as it was."""
        if not self.properties.endpoints:
            return
        now = self.context.environment.post_endpoints.get(self.properties.endpoints[0])
        self._closed = now is None
        if now is not None and now != self._endpoint:
            try:
                self._use(now)
            except TemplateError as error:
                self._endpoint = now
                self.context.error(f"error in url templating: {error}")

    def _send(self, message: Frame | Batches, rows: list[Row]) -> Sequence[Message]:
        self._follow()
        context = self.context
        if self._dry:
            self._withhold(message, rows)
            if not self.properties.code_field:
                return [message]
            return [*self._complete_ones(), self._with_codes(_Held(message, [0] * len(rows)), message.origin)]
        places = self._places.of(context.step, message.origin, context.environment.epochs)
        if self.properties.code_field:
            self._held.append(_Held(message, []))
        for i, row in enumerate(rows):
            if not self._was_answered(places[i]):
                self._sender.add(self._post(row, places[i]))
        self._kick()
        return [] if self.properties.code_field else [message]

    def _kick(self) -> None:
        self.context.effect(Output(self._sender.kick))

    def _withhold(self, message: Frame | Batches, rows: list[Row]) -> None:
        """Tell of the posts that would have been sent."""
        times = message.points.time if isinstance(message, Frame) else message.tmax
        for row, time in zip(rows, times.tolist(), strict=True):
            post = self._post(row, None)
            if not post.url:
                self.context.error(f"failed to POST data: {post.body.decode()}")
                continue
            what: dict[str, Any] = {
                "url": hidden(post.url),
                "headers": self._shown_headers(),
                "body": _shown(post.body),
            }
            if self.properties.endpoints:
                what["endpoint"] = self.properties.endpoints[0]
            self.context.effect(Withheld(self.context.node, "post", time, what))

    def _shown_headers(self) -> dict[str, str]:
        configured = {name.lower() for name in self._endpoint.headers} - {n.lower() for n in self.properties.headers}
        secret = {"authorization", *configured}
        return {n: _STARS if n.lower() in secret else hidden(value) for n, value in self._headers.items()}

    def _complete_ones(self) -> list[Message]:
        """What waits for no answer any more, as far as nothing before it does."""
        out: list[Message] = []
        while self._held and _complete(self._held[0]):
            out.append(self._with_codes(self._held.popleft()))
        return out

    def _give_up_held(self) -> None:
        """No answer will come to what waits for one."""
        for held in self._held:
            held.codes += [0] * (_posts(held) - len(held.codes))

    def _was_answered(self, place: Place | None) -> bool:
        """Whether a post was answered before this worker went back to a snapshot. Its code, where it is wanted, is then
        given to the message that waits for it."""
        if place is None or not self._delivered.covers(place):
            return False
        if not self.properties.code_field:
            return True
        code = None if self._sender.waiting else self._delivered.code(place)
        if code is None:
            return False
        self._give(code)
        return True

    def _post(self, row: Row, place: Place | None) -> Post:
        if self._closed:
            return Post("", {}, b"endpoint was closed", place)
        try:
            url, body = self._url_for(row), self._body_for(row)
            headers = self._headers if self._keyed or place is None else {**self._headers, _KEY: self._key(place, body)}
            return Post(url, headers, body, place)
        except (TemplateError, ValueError, TypeError) as error:
            return Post("", {}, str(error).encode("utf-8", "replace"), place)

    def _key(self, place: Place, body: bytes) -> str:
        """What identifies a post, whoever sends it and however often."""
        context = self.context
        identity = f"{context.environment.replay}/{context.task}/{context.began}/{context.node}/{place}"
        digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass") + b"\0" + body).digest()
        return str(uuid.UUID(bytes=digest[:16], version=5))

    def _url_for(self, row: Row) -> str:
        return self._url.execute(_mapped(row)) if self._fixed_url is None else self._fixed_url

    def _body_for(self, row: Row) -> bytes:
        if self._body is not None:
            return self._body.execute(_mapped(row)).encode()
        try:
            return encode({"series": [row]}) + b"\n"
        except CallError as error:
            raise ValueError(f"failed to marshal row data json: {error}") from None

    def _answered(self, post: Post, answer: PostResult) -> None:
        if answer.code == 0:
            self.context.error(f"failed to POST data: {answer.text}")
        elif answer.code // 100 != 2:
            text = answer.text if self.properties.capture_response else _NO_CAPTURE
            self.context.error(f"POST returned non 2xx status code {answer.code}: {text}")
        if post.place is not None:
            self._delivered.done(post.place, code=answer.code if self.properties.code_field else None)
        self._give(answer.code)

    def _give(self, code: int) -> None:
        """Give an answer to the message that waits for it."""
        for held in self._held:
            if not _complete(held):
                held.codes.append(code)
                break

    def _with_codes(self, held: _Held, origin: IntArray | None = None) -> Message:
        """origin: of the step under way; None: it is a tick's."""
        codes: IntArray = np.array(held.codes, dtype=np.int64)
        message = held.message
        if isinstance(message, Barriers):
            return replace(message, origin=np.zeros(len(message.group), dtype=np.int64))
        origin = np.zeros(len(message), dtype=np.int64) if origin is None else origin
        name = self.properties.code_field
        if isinstance(message, Frame):
            frame = Frame(message.points, message.group, message.dimensions, origin)
            return frame.with_points(message.points.with_columns({name: Column(Kind.INT, codes)}))
        column = Column(Kind.INT, codes[message.batch_of_points()])
        batches = message.with_points(message.points.with_columns({name: column}))
        batches.origin = origin
        return batches


def _complete(held: _Held) -> bool:
    return len(held.codes) == _posts(held)


def _posts(held: _Held) -> int:
    return 0 if isinstance(held.message, Barriers) else len(held.message)


def _shown(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _endpoint(properties: HTTPPostProperties, context: Context) -> PostEndpoint:
    if properties.urls:
        return PostEndpoint(properties.urls[0])
    name = properties.endpoints[0]
    endpoint = context.environment.post_endpoints.get(name)
    if endpoint is None:
        raise TaskFailed(f"endpoint '{name}' does not exist")
    return endpoint


def _headers(endpoint: PostEndpoint, properties: HTTPPostProperties, body: Template | None) -> dict[str, str]:
    """The headers of every post: the script's win over the endpoint's, whatever their case."""
    headers = endpoint.authorization()
    own = {} if body is not None else {"Content-Type": "application/json"}
    for given in (endpoint.headers, own, properties.headers):
        for name, value in given.items():
            for known in [known for known in headers if known.lower() == name.lower()]:
                del headers[known]
            headers[name] = value
    return headers


class _MappedRow(Struct, go="kapacitor.mappedRow", pointer=True):
    """What templates see of a row."""

    Name: str
    Tags: dict[str, str]
    Values: list[dict[str, object]]


def _mapped(row: Row) -> _MappedRow:
    columns = row.get("columns", [])
    values = [dict(zip(columns, values, strict=True)) for values in row.get("values", [])]
    return _MappedRow(row["name"], row.get("tags", {}), values)
