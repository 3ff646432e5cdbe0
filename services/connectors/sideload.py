"""What sideload nodes look values up in: a folder of YAML and JSON files, or one such document behind a URL."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import sys
import threading
import time
import urllib.parse
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any

from grammar.golang.numbers import float_of, parse_bool, parse_int, plain_float
from grammar.golang.quoting import quote
from services.connectors.http_sender import PostEndpoint
from services.connectors.sideload_files import Files, Values, folder, parsed
from services.connectors.sideload_http import document
from services.process.helper import Helper, HelperFailed
from services.process.log import hidden
from services.process.permissions import OPEN, Guard, NotPermitted
from services.process.pools import Pool

SECONDS, PARSE_SECONDS = 8.0, 15.0
"""For a source to be read, and for what is in it to be parsed. The gateway waits longer than both for a reload."""

_AT_ONCE = 8  # sources
_SMALL = 32 << 10  # bytes that are parsed at once, and a hundredth as many files: some milliseconds

_threads = Pool("sideload", _AT_ONCE)

SourceAddress = tuple[str, Mapping[str, str]]
"""Where a source is: its URL, and the headers to ask it with."""

_Key = tuple[str, frozenset[tuple[str, str]]]


class SideloadError(ValueError):
    """A source that cannot be read, in Kapacitor's words where it has any."""


def _helper() -> Helper:
    # as many wait as there are sources: a task whose source is refused would have failed
    modules = "services.connectors.sideload_files", "grammar.golang.yaml_reader"
    return Helper("sideload", *modules, most_waiting=sys.maxsize)


class SideloadSource:
    """Values by path and key, as they were when last read. `version` grows with every reading."""

    def __init__(self, url: str, headers: Mapping[str, str], guard: Guard = OPEN) -> None:
        """guard: says which files may be read, and which addresses nobody may speak to."""
        self.url = url
        self.key = _key(url, headers)
        self.users = 0
        self.version = 0
        self.known = False
        self.reading = asyncio.Lock()
        self._base = path_of(url) if urllib.parse.urlsplit(url).scheme == "file" else None
        self.name = self._base or hidden(url)
        self._headers, self._guard = dict(headers), guard
        self._values: Mapping[str, Values] = {}

    async def read(self, helper: Helper) -> None:
        """Read everything anew: in a thread or over the network, and what is large is parsed in a helper process.

        Raises SideloadError; what was known then stays.
        """
        with self._failing():
            if self._base is not None:
                files = await _threads.run_within(SECONDS, self.name, self._folder)
            else:
                files = await document(self.url, self._headers, SECONDS, self._guard)
            if sum(len(data) for _, data in files) + 100 * len(files) <= _SMALL:
                self._take(parsed(files, self._base))
            else:
                self._take(await helper.run(PARSE_SECONDS, parsed, files, self._base))

    def read_here(self) -> None:
        """The same, for which the caller waits."""
        if self._base is not None:
            with self._failing():
                self._take(parsed(self._folder(), self._base))
        else:
            _waited_for(self._read_once())

    async def _read_once(self) -> None:
        helper = _helper()
        try:
            await self.read(helper)
        finally:
            await helper.close()

    def lookup(self, paths: Sequence[str], key: str) -> Any:
        """The value of a key in the first of these paths that has it; None where none has."""
        key = _clean(key)
        for path in paths:
            values = self._values.get(path)
            if values is not None and key in values:
                return values[key]
        return None

    def _folder(self) -> Files:
        check_source(self.url, self._guard)
        return folder(path_of(self.url), time.monotonic() + SECONDS, self._guard.readable)

    def _take(self, values: Mapping[str, Values]) -> None:
        self._values = values
        self.version += 1
        self.known = True

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, HelperFailed) as error:
            raise SideloadError(f"failed to update sideload cache for source {quote(self.name)}: {error}") from None


class Sources:
    """The sources that are in use in this process; a task that uses one that is known shares it."""

    def __init__(self) -> None:
        self._sources: dict[_Key, SideloadSource] = {}
        self._helper = _helper()

    @contextlib.asynccontextmanager
    async def prepared(self, places: Iterable[SourceAddress], guard: Guard) -> AsyncIterator[None]:
        """What a task's nodes are going to `take` is read before, so that they find it; others go on meanwhile.

        Raises SideloadError where it cannot be read.
        """
        taken: list[SideloadSource] = []
        try:
            for url, headers in places:
                taken.append(await self._prepared(url, headers, guard))
            yield
        finally:
            for source in taken:
                self.release(source)

    def take(self, url: str, headers: Mapping[str, str], guard: Guard = OPEN) -> SideloadSource:
        """A source by its URL and headers, read if it is new. Raises SideloadError.

        guard: says what may be read, whoever has read it before.
        """
        source = self._hold(url, headers, guard)
        if not source.known:
            try:
                source.read_here()
            except SideloadError:
                self.release(source)
                raise
        return source

    def release(self, source: SideloadSource) -> None:
        """A task no longer uses a source."""
        source.users -= 1
        if not source.users:
            self._sources.pop(source.key, None)

    async def reload(self) -> None:
        """Read all sources anew. Raises SideloadError for the first that cannot be read, once all have been tried."""
        sources = list(self._sources.values())
        read = await asyncio.gather(*(source.read(self._helper) for source in sources), return_exceptions=True)
        for source, problem in zip(sources, read, strict=True):
            if isinstance(problem, SideloadError):
                raise SideloadError(f"failed to update source {quote(source.name)}: {problem}")
            if isinstance(problem, BaseException):
                raise problem

    async def close(self) -> None:
        """Let go of the helper process."""
        await self._helper.close()

    async def _prepared(self, url: str, headers: Mapping[str, str], guard: Guard) -> SideloadSource:
        source = self._hold(url, headers, guard)
        try:
            async with source.reading:
                if not source.known:
                    await source.read(self._helper)
        except BaseException:
            self.release(source)
            raise
        return source

    def _hold(self, url: str, headers: Mapping[str, str], guard: Guard) -> SideloadSource:
        url = _checked(url, guard)
        source = self._sources.get(_key(url, headers))
        if source is None:
            source = SideloadSource(url, headers, guard)
            self._sources[source.key] = source
        source.users += 1
        return source


SOURCES = Sources()


def address_of(source: str, endpoints: Mapping[str, PostEndpoint]) -> SourceAddress:
    """The URL that a node's `source` stands for, and the headers to ask it with: it may be an endpoint's name."""
    endpoint = endpoints.get(source)
    return (source, {}) if endpoint is None else (endpoint.url, _headers(endpoint))


def _key(url: str, headers: Mapping[str, str]) -> _Key:
    return url, frozenset(headers.items())


def _headers(endpoint: PostEndpoint) -> dict[str, str]:
    return endpoint.authorization() | dict(endpoint.headers)


def check_source(url: str, guard: Guard) -> None:
    """Raises NotPermitted for a folder that must not be read."""
    try:
        local = urllib.parse.urlsplit(url).scheme == "file"
    except ValueError:
        return
    if local:
        guard.readable(_clean(path_of(url)))


def _checked(url: str, guard: Guard) -> str:
    """The URL in the one form that the source is known by. Raises SideloadError, also where it must not be read."""
    scheme = _scheme(url)
    if scheme not in ("file", "http", "https"):
        raise SideloadError(f"unsupported source scheme {quote(scheme)}, must be 'file', 'http' or 'https'")
    if scheme != "file":
        return url
    if not path_of(url).startswith("/"):
        raise SideloadError(f"sideload source path must be absolute {quote(path_of(url))}")
    try:
        check_source(url, guard)
    except NotPermitted as error:
        raise SideloadError(str(error)) from None
    return "file://" + urllib.parse.quote(_clean(path_of(url)))


def _waited_for(reading: Coroutine[Any, Any, None]) -> None:
    """Wait for what an event loop of its own does in a thread of its own: this one may be running one."""
    problem: list[Exception] = []

    def read() -> None:
        try:
            asyncio.run(reading)
        except Exception as error:
            problem.append(error)

    thread = threading.Thread(target=read, name="sideload")
    thread.start()
    thread.join()
    if problem:
        raise problem[0]


def converted(value: Any, default: Any) -> Any:
    """A value as one of the default's type: int (of 64 bits), float, bool or str.

    ValueError, in Kapacitor's words, where it is none.
    """
    kind = type(default)
    found: Any = None
    if isinstance(value, str):
        found = value if kind is str else _parsed(value, kind)
    elif kind is bool and isinstance(value, bool):
        found = value
    elif kind is str and isinstance(value, bool):
        found = "true" if value else "false"
    elif isinstance(value, float):
        found = _of_number(value, kind)
    if found is None:
        raise ValueError(f"cannot convert value of type {_go_type(value)} to type {_go_type(default)}")
    return found


def _clean(path: str) -> str:
    """Go's filepath.Clean, which knows no root of two slashes."""
    return posixpath.normpath("/" + path.lstrip("/") if path.startswith("/") else path)


def _scheme(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).scheme
    except ValueError as error:
        raise SideloadError(f"sideload source {quote(url)}: {error}") from None


def path_of(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.unquote(parts.path)


def _parsed(text: str, kind: type) -> Any:
    """A text as a value of a kind; None for a kind that texts are not read as. ValueError where it is none."""
    if kind is float:
        number = float_of(text)
        if number is None:
            raise ValueError(f"cannot convert string to float64: {quote(text)}")
        return number
    if kind is not int and kind is not bool:
        return None
    try:
        return parse_int(text) if kind is int else parse_bool(text)
    except ValueError:
        name = "int64" if kind is int else "bool"
        raise ValueError(f"cannot convert string to {name}: {quote(text)}") from None


def _of_number(number: float, kind: type) -> Any:
    if kind is str:
        return plain_float(number)
    if kind is float:
        return number
    whole = kind is int and number.is_integer() and -(2.0**63) <= number < 2.0**63
    return int(number) if whole else None


def _go_type(value: Any) -> str:
    if value is None:
        return "<nil>"
    names = {bool: "bool", int: "int64", float: "float64", str: "string", dict: "map[string]interface {}"}
    return names.get(type(value), "[]interface {}" if isinstance(value, list) else "time.Duration")
