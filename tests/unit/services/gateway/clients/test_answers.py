"""Answers that cannot be read, or do not come: the gateway says who does not answer, as something that may pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from schemas.requests.alerting import ALERTING_TOPICS
from schemas.requests.engine import TASK_ENDPOINT
from schemas.requests.recorder import RECORDER_LIST
from services.bus.connection import Bus
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.subjects import request_subject
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.recorder import RecorderClient
from services.gateway.operations.operation_error import OperationError
from services.store.folds.definition import TaskDefinition
from services.store.folds.tasks import RunRecord
from tests.support.nats import NatsServer


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as connection:
        yield connection


RUN = RunRecord(EventsSeq(1), 0, WritesSeq(0), TaskDefinition("stream", "", (), {}), state="started")

Ask = Callable[[Bus], Awaitable[object]]
ENDPOINT: tuple[str, Ask] = (
    request_subject(*TASK_ENDPOINT.tokens("t")),
    lambda bus: EngineClient(bus).endpoint("t", RUN, "shown"),
)
CHUNKS: tuple[str, Ask] = (request_subject(*RECORDER_LIST.tokens()), lambda bus: RecorderClient(bus).chunks(1))
TOPICS: tuple[str, Ask] = (
    request_subject(*ALERTING_TOPICS.tokens()),
    lambda bus: AlertingClient(bus, lambda: 0).topics(),
)


@pytest.mark.parametrize(
    "asked, answer, text",
    [
        (ENDPOINT, b"garbage", "the engine answers what cannot be read: task.{id}.endpoint: no JSON"),
        (ENDPOINT, b'{"status":"x","body":""}', "the engine answers what cannot be read: task.{id}.endpoint: "),
        (ENDPOINT, b'{"status":200,"body":{}}', "a result has to be JSON in a string"),
        (CHUNKS, b'{"streams":1}', "the recorder answers what cannot be read: recorder.list: "),
        (TOPICS, b"[]", "the alerting service answers what cannot be read: alerting.topics: "),
    ],
)
async def test_an_answer_that_cannot_be_read(bus: Bus, asked: tuple[str, Ask], answer: bytes, text: str) -> None:
    subject, ask = asked

    async def handler(data: bytes, headers: Mapping[str, str]) -> bytes:
        return answer

    responder = bus.answer(subject, handler)
    with pytest.raises(OperationError) as refused:
        await ask(bus)
    responder.stop()
    assert refused.value.status == 503 and text in str(refused.value)


async def test_what_the_service_fails_with_is_said(bus: Bus) -> None:
    async def fails(data: bytes, headers: Mapping[str, str]) -> bytes:
        raise ValueError("damaged recording")

    responder = bus.answer(CHUNKS[0], fails)
    with pytest.raises(OperationError, match=r"the recorder cannot answer: .*damaged recording") as refused:
        await RecorderClient(bus).chunks(1)
    responder.stop()
    assert refused.value.status == 503


async def test_nobody_answers(bus: Bus) -> None:
    assert await EngineClient(bus).endpoint("t", RUN, "shown") is None
    with pytest.raises(OperationError, match="the recorder does not answer") as refused:
        await RecorderClient(bus).exported(1, 0)
    assert refused.value.status == 503
