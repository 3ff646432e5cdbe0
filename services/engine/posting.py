"""HTTP posts of nodes, sent outside the data path: those of one node one after another."""

from __future__ import annotations

import asyncio
import base64
import functools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    import httpx

_TIMEOUT = 30.0  # seconds, where the script sets none
_MOST_READ = 64 << 10  # bytes of an answer
_MOST_REDIRECTS = 10
_SHOWN = 1000
_MOST_WAITING = 100_000


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
    """One post. Without a url it could not be made, the body says why, and it counts as failed in its turn."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a post: the status, 0 where there was no answer; a part of the body, or the reason."""

    code: int
    text: str


class Sender:
    """Posts in order, each once, whatever the answer is, redirects followed. Lives in the event loop that `kick` is
    called in."""

    def __init__(self, timeout: float, answered: Callable[[Answer], None]) -> None:
        """timeout: seconds until the answer must be there, 0 for the usual.

        answered: called in the event loop, in the order of posts.
        """
        self.waiting: deque[Post] = deque()
        self._timeout = timeout if timeout > 0 else _TIMEOUT
        self._answered = answered
        self._task: asyncio.Task[None] | None = None

    def add(self, post: Post) -> None:
        """Put a post behind the others. Where very many wait already it is given up."""
        if len(self.waiting) >= _MOST_WAITING:
            post = Post("", {}, b"too many posts wait to be sent")
        self.waiting.append(post)

    def kick(self) -> None:
        """See to it that what waits is sent."""
        if self.waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send())

    def close(self, *, drain: bool) -> None:
        """Send nothing more, or (`drain`) only what waits already."""
        if self._task is not None and not drain:
            self._task.cancel()

    async def _send(self) -> None:
        import httpx

        try:
            # what comes while the client is being closed is sent with another one
            while self.waiting:
                async with httpx.AsyncClient(
                    timeout=None, follow_redirects=True, max_redirects=_MOST_REDIRECTS, verify=_trusted()
                ) as client:
                    while self.waiting:
                        await self._next(client)
        finally:
            self._task = None

    async def _next(self, client: httpx.AsyncClient) -> None:
        post = self.waiting[0]
        answer = await self._post(client, post) if post.url else Answer(0, post.body.decode())
        self.waiting.popleft()
        self._answered(answer)

    async def _post(self, client: httpx.AsyncClient, post: Post) -> Answer:
        import httpx

        try:
            async with (
                asyncio.timeout(self._timeout),
                client.stream("POST", post.url, content=post.body, headers=dict(post.headers)) as response,
            ):
                return Answer(response.status_code, await _beginning(response))
        except TimeoutError:
            return Answer(0, f"no answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            return Answer(0, str(error) or type(error).__name__)


async def _beginning(response: httpx.Response) -> str:
    """What can be shown of the body. Of one that does not end soon no more is read."""
    read = bytearray()
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
