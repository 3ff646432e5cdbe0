"""GET /kapacitor/v1/debug/pprof: where the processes compute and wait, what lies in their memory, what they are at.

All are in pprof's format, all processes in one, each below a frame of its own name. With `debug=1` they are text: of
`profile` and `heap` one line a stack, as flame graph tools take it, of the others as Go writes it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from quart import Blueprint, Response, request

from schemas.api.operations import HeapSchema, ProfileSchema, StacksSchema, WaitsSchema
from schemas.requests.process import PROCESS_HEAP, PROCESS_PROFILE, PROCESS_STACKS, PROCESS_THREADS, PROCESS_WAITS
from services.gateway.clients.pprof_format import Sample, contended, counted, encode
from services.gateway.clients.processes import Processes
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE
from services.process.log import hidden

_MOST_SECONDS = 300.0
_PPROF = "application/octet-stream"
_TEXT = "text/plain"
_INDEX = """<html><head><title>/debug/pprof/</title></head><body>
<p>Profiles of all processes:</p><ul>
<li><a href="profile?seconds=10">profile</a>: CPU time, sampled for 10 s (<a href="profile?seconds=10&debug=1">text</a>)
<li><a href="heap">heap</a>: objects and bytes by type (<a href="heap?debug=1">text</a>)
<li><a href="goroutine">goroutine</a>: stacks of threads and coroutines (<a href="goroutine?debug=2">text</a>)
<li><a href="threadcreate">threadcreate</a>: what there are threads for (<a href="threadcreate?debug=1">text</a>)
<li><a href="block">block</a>: where threads and coroutines wait, sampled for 1 s (<a href="block?debug=1">text</a>)
<li><a href="mutex">mutex</a>: which of them wait for locks (<a href="mutex?debug=1">text</a>)
<li><a href="cmdline">cmdline</a></ul></body></html>
"""


def resource(processes: Processes) -> Resource:
    """The routes. Of each kind of profile one is taken at a time: whoever asks meanwhile is told to try again."""
    return Resource("pprof", routes=_routes(processes))


def _routes(processes: Processes) -> Blueprint:
    routes = new_blueprint("pprof", f"{BASE}/debug/pprof")
    under_way: set[str] = set()

    @contextlib.contextmanager
    def alone(kind: str) -> Iterator[None]:
        if kind in under_way:
            raise OperationError(503, f"a {kind} profile is being taken, one at a time: try again when it is done")
        under_way.add(kind)
        try:
            yield
        finally:
            under_way.discard(kind)

    @routes.get("/")
    @described(Description(about="What profiles there are.", answers={200: ("text/html",)}, errors=()))
    async def index() -> Response:
        return Response(_INDEX, 200, content_type="text/html; charset=utf-8")

    @routes.get("/profile")
    @described(
        Description(
            about="CPU time of all processes by stack.",
            parameters=ProfileSchema,
            answers={200: (_PPROF, _TEXT)},
        )
    )
    async def profile() -> Response:
        seconds = _seconds("30")
        with alone("profile"):
            found = list(_merged(await processes.request_all(PROCESS_PROFILE, {"seconds": seconds}, seconds)))
        return _answer([("samples", "count"), ("cpu", "nanoseconds")], found, seconds)

    @routes.get("/heap")
    @described(
        Description(
            about="Objects and bytes by type.", parameters=HeapSchema, answers={200: (_PPROF, _TEXT)}, errors=()
        )
    )
    async def heap() -> Response:
        with alone("heap"):
            found = list(_merged(await processes.request_all(PROCESS_HEAP, {}, 10.0)))
        return _answer([("inuse_objects", "count"), ("inuse_space", "bytes")], found, 0.0)

    @routes.get("/goroutine")
    @described(
        Description(
            about="Stacks of threads and coroutines.",
            parameters=StacksSchema,
            answers={200: (_PPROF, _TEXT)},
            errors=(),
        )
    )
    async def goroutine() -> Response:
        with alone("goroutine"):
            answers = await processes.request_all(PROCESS_STACKS)
        if _debug() == 2:
            return _text("\n".join(f"=== {_name(one)}\n\n{one['text']}" for one in sorted(answers, key=_name)))
        return _counts("goroutine", list(_merged(answers)))

    @routes.get("/threadcreate")
    @described(
        Description(
            about="What there are threads for.", parameters=HeapSchema, answers={200: (_PPROF, _TEXT)}, errors=()
        )
    )
    async def threadcreate() -> Response:
        with alone("threadcreate"):
            found = list(_merged(await processes.request_all(PROCESS_THREADS)))
        return _counts("threadcreate", found)

    @routes.get("/block")
    @described(
        Description(about="Where threads and coroutines wait.", parameters=WaitsSchema, answers={200: (_PPROF, _TEXT)})
    )
    async def block() -> Response:
        with alone("block"):
            return await _waits(processes, "contention")

    @routes.get("/mutex")
    @described(
        Description(
            about="Where threads and coroutines wait for locks.",
            parameters=WaitsSchema,
            answers={200: (_PPROF, _TEXT)},
        )
    )
    async def mutex() -> Response:
        with alone("mutex"):
            return await _waits(processes, "mutex")

    @routes.get("/cmdline")
    @described(Description(about="How the gateway was started.", answers={200: (_TEXT,)}, errors=()))
    async def cmdline() -> Response:
        return _text("\0".join(map(hidden, sys.argv)))

    return routes


def _seconds(default: str) -> float:
    text = request.args.get("seconds", default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= _MOST_SECONDS:
        raise OperationError(
            400, f"invalid seconds parameter {text!r}: must be a number from 0.01 to {_MOST_SECONDS:g}"
        )
    return seconds


def _merged(answers: list[dict[str, Any]]) -> Iterator[Sample]:
    for answer in answers:
        root = [_name(answer), "", 0]
        for frames, values in answer["samples"]:
            yield [root, *frames], values


async def _waits(processes: Processes, heading: str) -> Response:
    seconds = _seconds("1")
    question = {"seconds": seconds, "locks": heading == "mutex"}
    found = list(_merged(await processes.request_all(PROCESS_WAITS, question, seconds)))
    if _debug():
        return _text(contended(found, heading))
    return _profile([("contentions", "count"), ("delay", "nanoseconds")], found, seconds)


def _counts(name: str, samples: list[Sample]) -> Response:
    if _debug():
        return _text(counted(name, samples))
    return _profile([(name, "count")], samples, 0.0)


def _answer(kinds: list[tuple[str, str]], samples: list[Sample], seconds: float) -> Response:
    if _debug():
        ordered = sorted(samples, key=lambda sample: -sample[1][-1])
        lines = [f"{';'.join(str(frame[0]) for frame in frames)} {values[-1]}\n" for frames, values in ordered]
        return _text("".join(lines))
    return _profile(kinds, samples, seconds)


def _profile(kinds: list[tuple[str, str]], samples: list[Sample], seconds: float) -> Response:
    response = Response(encode(kinds, samples, seconds), 200, content_type=_PPROF)
    response.headers["Content-Disposition"] = 'attachment; filename="profile.pb.gz"'
    return response


def _debug() -> int:
    """0 for pprof's own format; what is no number counts as that, as in Go."""
    text = request.args.get("debug", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _text(text: str) -> Response:
    return Response(text, 200, content_type="text/plain; charset=utf-8")


def _name(answer: dict[str, Any]) -> str:
    return f"{answer['service']} {answer['pid']}"
