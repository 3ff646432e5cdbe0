"""Answering what is asked about one task: its statistics, what its httpOut endpoints show, and taps of its nodes."""

from __future__ import annotations

from collections.abc import Mapping

from grammar.golang.errors import CallError
from grammar.golang.json_writer import encode
from schemas.requests.engine import TASK_ENDPOINT, TASK_STATS, TASK_TAP
from services.bus.connection import Bus
from services.bus.leases.status import LeaseStatus
from services.bus.requests import Responder
from services.bus.subjects import request_subject
from services.engine.worker.taps import TaskTaps
from services.engine.worker.task_under_way import TaskUnderWay
from services.runtime.task import TaskRun


class TaskResponders:
    """Those of a worker's tasks: each answers for as long as it runs here, not while another worker may have it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._responders: dict[str, list[Responder]] = {}
        self._taps: dict[str, TaskTaps] = {}

    def begin(self, task: TaskUnderWay) -> None:
        """Answer for a task, in place of what has answered for it before."""
        self.end(task.id)

        async def stats(data: bytes, headers: Mapping[str, str]) -> bytes | None:
            if task.lease_status() is not LeaseStatus.HELD:
                return None
            TASK_STATS.decode_request(data)
            return TASK_STATS.encode_response({"executing": True, "stats": task.run.statistics()})

        async def endpoint(data: bytes, headers: Mapping[str, str]) -> bytes | None:
            if task.lease_status() is not LeaseStatus.HELD:
                return None
            return endpoint_answer(task.run, TASK_ENDPOINT.decode_request(data)["endpoint"], task.part is not None)

        taps = self._taps[task.id] = TaskTaps(self._bus, task.run)

        async def tap(data: bytes, headers: Mapping[str, str]) -> bytes | None:
            if task.lease_status() is not LeaseStatus.HELD:
                return None
            status, error = taps.ask(**TASK_TAP.decode_request(data))
            return TASK_TAP.encode_response({"status": status, "error": error})

        self._responders[task.id] = [
            self._bus.answer(request_subject(*TASK_STATS.tokens(task.id)), stats),
            self._bus.answer(request_subject(*TASK_ENDPOINT.tokens(task.id)), endpoint),
            self._bus.answer(request_subject(*TASK_TAP.tokens(task.id)), tap),
        ]

    def end(self, id: str) -> None:
        """Answer for a task no more."""
        for one in self._responders.pop(id, ()):
            one.stop()
        if (taps := self._taps.pop(id, None)) is not None:
            taps.close()


def endpoint_answer(run: TaskRun, endpoint: str, of_part: bool = False) -> bytes:
    """What a task's httpOut endpoint answers, as {"status", "body"}: 404 where there is none, 500 for NaN.

    With 200 the body is JSON in a string, which is to be given as it is: numbers keep their form. Of a part of a task
    there are `rows` instead, each as such a string with what puts it in order with those of other parts.
    """
    try:
        if of_part:
            rows = [(encode(row).decode(), *place) for row, *place in run.endpoint_rows(endpoint)]
            return TASK_ENDPOINT.encode_response({"status": 200, "body": "", "rows": rows})
        return TASK_ENDPOINT.encode_response({"status": 200, "body": encode(run.endpoint(endpoint)).decode()})
    except KeyError:
        return TASK_ENDPOINT.encode_response({"status": 404, "body": {"error": "Not Found"}})
    except CallError as error:
        return TASK_ENDPOINT.encode_response({"status": 500, "body": {"error": str(error)}})
