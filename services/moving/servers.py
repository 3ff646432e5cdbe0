"""The two servers, over HTTP."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from tickbus.client import NO_PROXY_HERE

BASE, PREVIEW = "/kapacitor/v1", "/kapacitor/v1preview"

_SECONDS = 60.0  # for an answer: enabling a task takes ten
_PAGE = 100
_GONE = frozenset({502, 504})  # of a proxy before a server that is away
_BUSY = 503
_CLOSED = frozenset({401, 407})
_NO_URL = "is no URL of a server: http://HOST:PORT is expected"
_NO_CREDENTIALS = "needs a user and password, in its URL or in the environment (`tickbus import --help`)"
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


class Refused(Exception):
    """A server has answered with an error. str() is what it says; asked: what it was asked for, as a URL."""

    def __init__(self, status: int, text: str, asked: str = "") -> None:
        super().__init__(text)
        self.status, self.asked = status, asked


class CannotGoOn(Exception):
    """A server is away, or lets nobody in; str() says which."""


class Busy(CannotGoOn):
    """A server cannot do now what it is asked for."""


class Server:
    """One of the two. Every method raises Refused and CannotGoOn."""

    def __init__(self, url: str, user: str = "", password: str = "", verify: bool = True) -> None:
        """url: `http://host:port`, maybe with a user and a password. ValueError where it is none."""
        try:
            whole = httpx.URL(url)
            whole.host.encode("idna")  # as it is looked up
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ValueError(_NO_URL) from error
        if whole.scheme not in ("http", "https") or not whole.host:
            raise ValueError(_NO_URL)
        self.url = str(whole.copy_with(username=None, password=None)).rstrip("/")
        auth = (user, password) if user else (whole.username, whole.password) if whole.username else None
        self._client = httpx.Client(base_url=self.url, auth=auth, verify=verify, timeout=_SECONDS, mounts=NO_PROXY_HERE)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def greet(self) -> None:
        """Find out whether it is there, and a Kapacitor at all."""
        with contextlib.suppress(Refused):  # which says that somebody is there
            self._ask("GET", f"{BASE}/ping")

    def get(self, path: str, base: str = BASE, **parameters: Any) -> Any:
        """The JSON of an answer."""
        return self._ask("GET", base + path, params=_named(parameters)).json()

    def find(self, path: str, missing: int = 404, **parameters: Any) -> Any:
        """The same, None where there is no such thing. missing: the status that says so."""
        try:
            return self.get(path, **parameters)
        except Refused as error:
            if error.status == missing:
                return None
            raise

    def all(self, path: str, **parameters: Any) -> Iterator[Any]:
        """The things of a list that is told in pages, `/tasks` those under the key `tasks`."""
        offset = 0
        while True:
            page = self.get(path, offset=offset, limit=_PAGE, **parameters)[path.strip("/")]
            yield from page
            offset += _PAGE
            if len(page) < _PAGE:
                return

    def change(self, method: str, path: str, body: Any) -> Any:
        """Ask for a change; the JSON of the answer, None where it has none."""
        answer = self._ask(method, BASE + path, json=body)
        return answer.json() if answer.content else None

    def send(self, path: str, content: Any, **parameters: Any) -> Any:
        """Post what is no JSON; the JSON of the answer."""
        return self._ask("POST", BASE + path, params=_named(parameters), content=content).json()

    def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **what)
        except httpx.RequestError as error:
            reason = _ERRNO.sub("", str(error)) or type(error).__name__
            raise CannotGoOn(f"{self.url} does not answer: {reason}") from error
        if answer.status_code in _GONE:
            raise CannotGoOn(f"{self.url} does not answer: {answer.status_code} {answer.reason_phrase}")
        if answer.status_code in _CLOSED:
            given = "does not take this user and password" if self._client.auth else _NO_CREDENTIALS
            raise CannotGoOn(f"{self.url} {given}: {_error(answer)}")
        if answer.status_code == _BUSY:
            raise Busy(f"{self.url} says: {_error(answer)}")
        if answer.status_code >= 300:
            if method == "GET" and is_page(answer.text):
                raise CannotGoOn(f"{self.url} is no Kapacitor: it answers {path} with {answer.status_code} and a page")
            raise Refused(answer.status_code, _error(answer), f"{self.url}{path}")
        try:
            answer.json()
        except ValueError:
            if answer.content:
                raise CannotGoOn(f"{self.url} answers {path} with what is no JSON: is it a Kapacitor?") from None
        return answer


def is_page(text: str) -> bool:
    """Whether an answer is a page for a browser, as no Kapacitor gives."""
    return text.lstrip()[:1] == "<"


def in_path(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe=":")


def _named(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name.rstrip("_").replace("_", "-"): value for name, value in parameters.items()}


def _error(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"
