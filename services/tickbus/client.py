"""A client of the HTTP API.

    from tickbus.client import Client
    from tickbus.shapes import Dbrp

    with Client("http://127.0.0.1:9092") as tickbus:
        tickbus.define("cpu", open("cpu.tick").read(), [Dbrp("telegraf")])
        tickbus.write("telegraf", "cpu,host=a usage_idle=3.5")
        for event in tickbus.events("cpu"):
            print(event.level, event.message)

The API is Kapacitor's, so that it serves for a Kapacitor as well.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tickbus.errors import Refused, Unavailable, Unreachable
from tickbus.shapes import PAGE, Dbrp, Event, Level, Precision, Task, Topic, definition

_BASE = "/kapacitor/v1"
NO_PROXY_HERE = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
"""Mounts of httpx by which a proxy of the environment is not asked for this machine itself."""

Parameters = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Body:
    """An answer that comes in pieces. length: of all of it in bytes, None where the server does not tell."""

    length: int | None
    pieces: Iterator[bytes]


class Client:
    """A server, by its URL. Use it as a context manager, or `close` it; it may be used from several threads.

    Every method raises Refused where the server says no, Unavailable where it does not answer in time or cannot now.
    """

    def __init__(
        self,
        url: str,
        user: str = "",
        password: str = "",
        token: str = "",
        timeout: float = 30.0,
        verify: bool = True,
    ) -> None:
        """user, password: where the server asks for them, may stand in the URL too; or token: a JSON Web Token.

        timeout: seconds. verify: whether the server's certificate has to be one that this machine trusts. A proxy of
        the environment is used, but not for this machine itself.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        auth = (user, password) if user else None
        # reading this machine's certificates takes as long as many a request
        trusted = ssl.create_default_context() if verify and url.startswith("https:") else False
        self._http = httpx.Client(
            base_url=url,
            auth=auth,
            headers=headers,
            timeout=timeout,
            verify=trusted,
            mounts=NO_PROXY_HERE,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def ping(self) -> None:
        """Whether the server is there: returns if so."""
        self._ask("GET", "/ping")

    def write(
        self, db: str, lines: str | bytes, rp: str = "autogen", precision: Precision = "n", idempotency_key: str = ""
    ) -> None:
        """Write line protocol; returns once it is stored.

        precision: of the times in it. idempotency_key: a repeat of it within two minutes is not stored twice.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        parameters = {"db": db, "rp": rp, "precision": precision}
        self._ask("POST", "/write", parameters, content=lines, headers=headers)

    def define(
        self,
        id: str,
        script: str = "",
        dbrps: Iterable[Dbrp] = (),
        *,
        template_id: str = "",
        vars: Mapping[str, Any] | None = None,
        enabled: bool = True,
    ) -> Task:
        """Define a task that is not there yet, by its script or of a template, and run it unless told otherwise.

        Of a task that is defined and cannot start Refused tells why, with status 500.
        """
        return Task.read(self._ask("POST", "/tasks", json=definition(id, script, dbrps, template_id, vars, enabled)))

    def enable(self, id: str) -> Task:
        """Have a task run; returns once it does."""
        return self._change(id, {"status": "enabled"})

    def disable(self, id: str) -> Task:
        """Have a task not run; returns once it has stopped."""
        return self._change(id, {"status": "disabled"})

    def delete(self, id: str) -> None:
        """Delete a task and stop it; no error where there is none."""
        self._ask("DELETE", f"/tasks/{quote(id)}")

    def task(self, id: str) -> Task:
        """A task."""
        return Task.read(self._ask("GET", f"/tasks/{quote(id)}"))

    def tasks(self, pattern: str = "") -> Iterator[Task]:
        """All tasks, by id. pattern: as of Go's path.Match."""
        return map(Task.read, self.pages("/tasks", "tasks", {"pattern": pattern}))

    def topics(self, pattern: str = "", min_level: Level = "OK") -> list[Topic]:
        """The topics whose worst event is of this level or above, by id."""
        response = self._ask("GET", "/alerts/topics", {"pattern": pattern, "min-level": min_level})
        return [Topic.read(one) for one in response["topics"]]

    def events(self, topic: str, min_level: Level = "OK") -> list[Event]:
        """The last event of each id in a topic, by id, of this level or above."""
        response = self._ask("GET", f"/alerts/topics/{quote(topic, safe='')}/events", {"min-level": min_level})
        return [Event.read(one) for one in response["events"]]

    def request(self, method: str, path: str, parameters: Parameters | None = None, body: Any = None) -> Any:
        """Any operation of the API that has no method here; gives the JSON of its answer, None where it has none.

        path: below /kapacitor/v1, or whole, as the links of the API have it; with what has to be quoted in it quoted.
        """
        return self._ask(method, path, parameters, **({} if body is None else {"json": body}))

    def pages(self, path: str, key: str, parameters: Parameters) -> Iterator[dict[str, Any]]:
        """All of a list that comes in pages, each as its JSON. key: what the list is called in the answer."""
        offset = 0
        while True:
            page = self._ask("GET", path, {**parameters, "offset": offset, "limit": PAGE})[key]
            yield from page
            if len(page) < PAGE:
                return
            offset += len(page)

    @contextlib.contextmanager
    def open(
        self, path: str, parameters: Parameters | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Body]:
        """The answer of a GET in pieces, as they come and for as long as they do: backups, streams of logs."""
        try:
            with self._http.stream(
                "GET", _whole(path), params=parameters, headers=headers, timeout=httpx.Timeout(30.0, read=None)
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    _check(answer)
                length = answer.headers.get("Content-Length", "")
                yield Body(int(length) if length.isdigit() else None, answer.iter_bytes())
        except httpx.RequestError as error:
            raise Unreachable(f"GET {path}: {error or type(error).__name__}") from error

    def _change(self, id: str, body: dict[str, Any]) -> Task:
        return Task.read(self._ask("PATCH", f"/tasks/{quote(id)}", json=body))

    def _ask(self, method: str, path: str, parameters: Parameters | None = None, **rest: Any) -> Any:
        """The JSON of an answer, None where it has no body."""
        try:
            answer = self._http.request(method, _whole(path), params=parameters, **rest)
        except httpx.RequestError as error:
            raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from error
        _check(answer)
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            text = "the answer is no JSON: the server is neither a tickbus nor a Kapacitor"
            raise Refused(answer.status_code, text) from error


def _whole(path: str) -> str:
    return path if path.startswith("/kapacitor/") else _BASE + path


def _check(answer: httpx.Response) -> None:
    if answer.status_code == 503:
        raise Unavailable(_error(answer))
    if not answer.is_success:
        raise Refused(answer.status_code, _error(answer))


def _error(answer: httpx.Response) -> str:
    try:
        text: str = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return answer.text.strip() or answer.reason_phrase
    return text
