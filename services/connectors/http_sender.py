"""HTTP posts of nodes, sent outside the data path: those of one node one after another."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.columns.places import Place
from services.process.permissions import OPEN, Guard, NotPermitted

if TYPE_CHECKING:
    # functions import it where they need it: it takes 0.15 s and 10 MB, which only tasks pay that speak HTTP
    import httpx

_TIMEOUT = 30.0  # seconds, where the script sets none
_MOST_READ = 64 << 10  # bytes of an answer
_BODY_SECONDS = 1.0  # for the rest of an answer whose status is known
_MOST_REDIRECTS = 10
_SHOWN = 1000
_MOST_WAITING, _MOST_BYTES = 100_000, 256 << 20
_UNSURE_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class PostEndpoint:
    """An endpoint that the configuration names: where to, and how. row_template: the body's, "" for JSON."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = ""
    row_template: str = ""

    def authorization(self) -> dict[str, str]:
        """The header that logs in; none where one of both is missing."""
        if not self.username or not self.password:
            return {}
        pair = f"{self.username}:{self.password}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@dataclass(frozen=True, slots=True)
class Post:
    """One post. Without a url it could not be made, the body says why, and it counts as failed in its turn.

    place: among all that its node ever posts; None: not known.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class PostResult:
    """What became of a post: the status, 0 where there was no answer; a part of the body, or the reason."""

    code: int
    text: str


class Sender:
    """Posts in order, each once, whatever the answer is, redirects followed. Lives in the event loop that `kick` is
    called in."""

    def __init__(
        self,
        timeout: float,
        answered: Callable[[Post, PostResult], None],
        may: Callable[[], bool] = lambda: True,
        guard: Guard = OPEN,
    ) -> None:
        """timeout: seconds until the answer must be there, 0 for the usual.

        answered: called in the event loop, in the order of posts, each time before the next one is sent. may(): asked
        before each; while it says no, it waits. guard: says which addresses nobody may speak to.
        """
        self._may = may
        self._extensions = {"trace": checking(guard)} if guard.blocks else {}
        self.waiting: deque[Post] = deque()
        self._bytes = 0  # of their bodies, but for those that were waiting before a restart
        self._timeout = timeout if timeout > 0 else _TIMEOUT
        self._answered = answered
        self._task: asyncio.Task[None] | None = None
        self._holding = False

    def add(self, post: Post) -> None:
        """Put a post behind the others. Where very many wait already it is given up."""
        if len(self.waiting) >= _MOST_WAITING or self._bytes + len(post.body) > _MOST_BYTES:
            post = Post("", {}, b"too many posts wait to be sent", post.place)
        self.waiting.append(post)
        self._bytes += len(post.body)

    def kick(self) -> None:
        """See to it that what waits is sent."""
        if self.waiting and self._task is None and not self._holding:
            self._task = asyncio.get_running_loop().create_task(self._send())

    async def hold(self) -> None:
        """Begin no other post until `go_on`, and wait for the answer to the one that is under way."""
        self._holding = True
        if self._task is not None:
            await asyncio.wait([self._task])

    def go_on(self) -> None:
        """Send again what waits."""
        self._holding = False
        self.kick()

    def close(self, *, drain: bool) -> None:
        """Send nothing more, or (`drain`) only what waits already."""
        if drain:
            # what a run has left is nobody else's, whoever has its task now
            self._may = lambda: True
        elif self._task is not None:
            self._task.cancel()

    async def _send(self) -> None:
        import httpx

        try:
            # what comes while the client is being closed is sent with another one
            while self.waiting and not self._holding:
                async with httpx.AsyncClient(
                    timeout=None,
                    follow_redirects=True,
                    max_redirects=_MOST_REDIRECTS,
                    verify=_trusted(),
                    headers={"User-Agent": "tickbus"},
                ) as client:
                    while self.waiting and not self._holding:
                        if self._may():
                            await self._next(client)
                        else:
                            await asyncio.sleep(_UNSURE_PAUSE)
        finally:
            self._task = None

    async def _next(self, client: httpx.AsyncClient) -> None:
        post = self.waiting[0]
        answer = await self._post(client, post) if post.url else PostResult(0, post.body.decode())
        self.waiting.popleft()
        self._bytes = max(self._bytes - len(post.body), 0)
        self._answered(post, answer)

    async def _post(self, client: httpx.AsyncClient, post: Post) -> PostResult:
        import httpx

        code = 0
        try:
            async with (
                asyncio.timeout(self._timeout),
                client.stream(
                    "POST", post.url, content=post.body, headers=dict(post.headers), extensions=self._extensions
                ) as response,
            ):
                code = response.status_code
                return PostResult(code, await _beginning(response))
        except TimeoutError:
            return PostResult(code, "" if code else f"no answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            return PostResult(code, str(error) or type(error).__name__)


def checking(guard: Guard) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """What httpx tells of each connection that it has made, before anything is sent over it. Raises NotPermitted."""

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            stream = info["return_value"]
            try:
                guard.peer(stream.get_extra_info("server_addr"))
            except NotPermitted:
                await stream.aclose()
                raise

    return trace


async def _beginning(response: httpx.Response) -> str:
    """What can be shown of the body. Of one that does not end soon no more is read; how it ends does not matter."""
    import httpx

    read = bytearray()
    with contextlib.suppress(TimeoutError, httpx.HTTPError, OSError):
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in response.aiter_bytes():
                read += part
                if len(read) > _MOST_READ:
                    break
    return read[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]


@functools.cache
def _trusted() -> ssl.SSLContext:
    """What all clients trust. Reading the certificates takes 20 ms, too long to do it for each burst of posts."""
    import httpx

    return httpx.create_ssl_context()
