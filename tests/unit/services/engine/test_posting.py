"""Posts: none is forgotten, whenever it comes."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from services.engine.posting import Answer, Post, Sender, _trusted
from tests.support.alerts import sink


@pytest.mark.parametrize("turns", range(0, 24, 2))
async def test_a_post_that_comes_while_the_sender_comes_to_its_end_is_sent(turns: int) -> None:
    """turns: of the event loop between the last answer and the next post."""
    answers: list[Answer] = []
    async with sink() as web:

        def answered(answer: Answer) -> None:
            answers.append(answer)
            if len(answers) == 1:
                tasks.append(asyncio.create_task(later()))

        async def later() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            sender.add(Post(web.url, {}, b"{}"))
            sender.kick()

        tasks: list[asyncio.Task[None]] = []
        sender = Sender(5.0, answered)
        sender.add(Post(web.url, {}, b"{}"))
        sender.kick()
        async with asyncio.timeout(5):
            while len(answers) < 2:
                await asyncio.sleep(0.01)
    assert len(web.posts) == 2


async def test_certificates_are_read_once_for_all_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes 20 ms and holds the worker: too long for each burst of each node."""
    read = ssl.create_default_context
    made: list[ssl.SSLContext] = []

    def counted(**given: Any) -> ssl.SSLContext:
        made.append(read(**given))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    _trusted.cache_clear()
    async with sink() as web:
        for number in range(3):
            whole = asyncio.Event()
            sender = Sender(5.0, lambda answer, whole=whole: whole.set())  # type: ignore[misc]
            sender.add(Post(web.url, {}, b"%d" % number))
            sender.kick()
            await asyncio.wait_for(whole.wait(), 20)
    assert len(web.posts) == 3
    assert len(made) == 1
