"""httpPost against a real HTTP sink: order, headers, templates, codes, failures, and what a restart does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest

from services.connectors.http_sender import PostEndpoint
from services.runtime.effects import Output
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from services.runtime.progress.deliveries import Delivered
from tests.support.graph import NOW, Barrier, Batch, Point, ScriptRun


class Sink:
    """An HTTP server that keeps what it is sent, and answers with the status that its path names, 204 else."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                path = line.decode().split(" ")[1]
                headers: dict[str, str] = {}
                while (line := await reader.readline()).strip():
                    name, _, value = line.decode().strip().partition(": ")
                    headers[name.lower()] = value
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.posts.append((path, headers, body))
                status = path.removeprefix("/status/") if path.startswith("/status/") else "204"
                writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        finally:
            writer.close()

    def bodies(self) -> list[Any]:
        return [orjson.loads(body) for _, _, body in self.posts]


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    sink = Sink()
    server = await asyncio.start_server(sink.take, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    yield sink
    server.close()


async def post(run: ScriptRun, name: str = "http_post2") -> None:
    """Do what the task wants done, and wait until nothing waits to be sent."""
    for effect in run.effects:
        assert isinstance(effect, Output)
        effect.do()
    run.effects.clear()
    while run.nodes[name].state()["waiting"]:
        await asyncio.sleep(0.005)


def points(given: Sequence[object]) -> list[Point]:
    return [p for p in given if isinstance(p, Point)]


async def test_posts_come_in_order_with_headers_and_url_by_template(sink: Sink) -> None:
    run = ScriptRun(
        f"""stream|from().measurement('m')
        |httpPost('http://127.0.0.1:{sink.port}/{{{{ .Name }}}}/{{{{ index .Tags "h" }}}}').header('X-One', 'first')"""
    )
    run.write('m,h=a v=1i,s="é" 1\nm,h=b v=2i 2', "m,h=a f=0.5 1700000000000000000")
    await post(run)
    assert [path for path, _, _ in sink.posts] == ["/m/a", "/m/b", "/m/a"]
    assert sink.posts[0][1]["x-one"] == "first"
    assert sink.posts[0][1]["content-type"] == "application/json"
    row = {"name": "m", "tags": {"h": "a"}, "columns": ["time", "f"], "values": [["2023-11-14T22:13:20Z", 0.5]]}
    assert sink.bodies()[2] == {"series": [row]}
    assert run.counts()["http_post2"]["errors"] == 0


async def test_batches_go_whole_and_points_go_on_at_once(sink: Sink) -> None:
    run = ScriptRun(
        f"""stream|from().groupBy('h')|window().periodCount(2).everyCount(2)
        |httpPost('http://127.0.0.1:{sink.port}/b')|count('v')|httpOut('x')"""
    )
    run.write("m,h=a v=1 1\nm,h=a v=2 2")
    assert [p.fields for p in points(run.last("count"))] == [{"count": 2}]
    await post(run, "http_post3")
    assert sink.bodies()[0]["series"][0]["values"] == [
        ["1970-01-01T00:00:00.000000001Z", 1.0],
        ["1970-01-01T00:00:00.000000002Z", 2.0],
    ]


async def test_the_answers_code_becomes_a_field_once_it_is_there(sink: Sink) -> None:
    run = ScriptRun(
        f"""stream|from()|httpPost('http://127.0.0.1:{sink.port}/status/{{{{ .Name }}}}').codeField('code')
        |httpOut('x')"""
    )
    run.write("200 v=1 1\n503 v=2 2").write("404 v=3 3")
    assert not run.last("http_post2")
    await post(run)
    run.tick(10)
    assert [p.fields["code"] for p in points(run.last("http_post2"))] == [200, 503, 404]
    assert run.counts()["http_post2"]["errors"] == 2
    assert any("captureResponse" in reason for reason in run.reasons)


async def test_a_barrier_does_not_overtake_points_that_wait_for_their_codes(sink: Sink) -> None:
    run = ScriptRun(
        f"""stream|from()|barrier().idle(2s)|httpPost('http://127.0.0.1:{sink.port}/').codeField('code')
        |window().period(1s).every(1s)|httpOut('x')"""
    )
    run.write("m v=1 1").tick(NOW + 3 * 10**9)
    assert not run.last("http_post3")
    run.restart().tick(1)
    await post(run, "http_post3")
    run.tick(NOW + 3 * 10**9)
    assert [type(one) for one in run.last("http_post3")] == [Point, Barrier]
    (window,) = (b for b in run.last("window") if isinstance(b, Batch))
    assert [fields for *_, fields in window.points] == [{"v": 1.0, "code": 204}]


async def test_a_sink_that_is_not_there_is_an_error_and_code_0(sink: Sink) -> None:
    run = ScriptRun("stream|from()|httpPost('http://127.0.0.1:1/').codeField('code')|httpOut('x')")
    run.write("m v=1 1")
    await post(run)
    run.tick(10)
    assert [p.fields["code"] for p in points(run.last("http_post2"))] == [0]
    assert run.counts()["http_post2"]["errors"] == 1


def keys(sink: Sink) -> list[str]:
    return [headers["idempotency-key"] for _, headers, _ in sink.posts]


async def test_each_post_has_a_key_of_its_own_which_it_has_again_when_the_log_is_read_again(sink: Sink) -> None:
    script = f"stream|from()|httpPost('http://127.0.0.1:{sink.port}/')"
    for writes in (["m v=1 1\nm v=1 1", "m v=1 1"], ["m v=1 1\nm v=1 1", "m v=1 1"]):
        run = ScriptRun(script)
        for lines in writes:
            run.write(lines)
        await post(run)
    first, again = keys(sink)[:3], keys(sink)[3:]
    assert first == again and len(set(first)) == 3


async def test_a_post_that_is_sent_after_a_restart_has_the_key_that_it_had(sink: Sink) -> None:
    run = ScriptRun(f"stream|from()|httpPost('http://127.0.0.1:{sink.port}/')")
    run.write("m v=1 1\nm v=2 2").effects.clear()
    waiting = [headers["Idempotency-Key"] for _, headers, *_ in run.nodes["http_post2"].state()["waiting"]]
    await post(run.restart().write("m v=3 3"))
    assert keys(sink)[:2] == waiting and len(set(keys(sink))) == 3


async def test_a_key_of_the_script_stays(sink: Sink) -> None:
    run = ScriptRun(f"stream|from()|httpPost('http://127.0.0.1:{sink.port}/').header('idempotency-key', 'mine')")
    await post(run.write("m v=1 1\nm v=2 2"))
    assert keys(sink) == ["mine", "mine"]


async def test_what_has_not_been_sent_is_sent_after_a_restart(sink: Sink) -> None:
    run = ScriptRun(f"stream|from()|httpPost('http://127.0.0.1:{sink.port}/').codeField('code')|httpOut('x')")
    run.write("m v=1 1\nm v=2 2").effects.clear()
    # nothing new has to come for it
    await post(run.restart().tick(5))
    assert len(sink.posts) == 2
    await post(run.write("m v=3 3"))
    run.tick(10)
    assert [body["series"][0]["values"][0][1] for body in sink.bodies()] == [1.0, 2.0, 3.0]
    assert [p.fields for p in points(run.last("http_post2"))] == [{"code": 204, "v": float(i)} for i in (1, 2, 3)]


async def test_what_was_answered_is_not_sent_again(sink: Sink) -> None:
    """The worker goes back to a state from before; with the code that it was answered, each point goes on."""
    books: dict[str, Delivered] = {}
    environment = TaskEnvironment(deliveries=lambda node: books.setdefault(node, Delivered()))
    script = f"stream|from()|httpPost('http://127.0.0.1:{sink.port}/').codeField('code')|httpOut('x')"
    run = ScriptRun(script, environment=environment)
    run.write("m v=1 1")
    before = run.run.state()
    await post(run.write("m v=2 2\nm v=3 3"))
    run.tick(10)
    assert len(sink.posts) == 3
    again = ScriptRun(script, environment=environment)
    again.run.restore(before)
    again._seq = 1
    again.write("m v=2 2\nm v=3 3").tick(10)
    await post(again.write("m v=4 4"))
    again.tick(10)
    assert [body["series"][0]["values"][0][1] for body in sink.bodies()] == [1.0, 2.0, 3.0, 4.0]
    assert [p.fields for p in points(again.last("http_post2"))] == [{"code": 204, "v": float(i)} for i in (1, 2, 3, 4)]


async def test_a_number_without_json_form_is_an_error(sink: Sink) -> None:
    run = ScriptRun(
        f"""stream|from()|eval(lambda: "v" / 0.0).as('x')|httpPost('http://127.0.0.1:{sink.port}/')|httpOut('x')"""
    )
    run.write("m v=1 1\nm v=2 2")
    await post(run, "http_post3")
    assert not sink.posts
    assert run.counts()["http_post3"]["errors"] == 2


async def test_endpoints_of_the_configuration(sink: Sink) -> None:
    endpoint = PostEndpoint(
        f"http://127.0.0.1:{sink.port}/e", {"X-Own": "1", "X-Both": "e"}, "u", "p", "{{ .Name }} {{ len .Values }}"
    )
    script = "stream|from()|httpPost().endpoint('e').header('x-both', 's')"
    run = ScriptRun(script, environment=TaskEnvironment(post_endpoints={"e": endpoint})).write("m v=1 1")
    await post(run)
    path, headers, body = sink.posts[0]
    assert (path, body) == ("/e", b"m 1")
    assert (headers["x-own"], headers["x-both"], headers["authorization"]) == ("1", "s", "Basic dTpw")
    with pytest.raises(TaskFailed, match="endpoint 'e' does not exist"):
        ScriptRun(script)


async def test_a_body_is_json_as_go_writes_it(sink: Sink) -> None:
    run = ScriptRun(f"stream|from().groupBy('h')|httpPost('http://127.0.0.1:{sink.port}/')")
    run.write('m,h=a<b v=4,w=0.00001,x=1e21,i=4i,s="<&>" 1')
    await post(run)
    assert sink.posts[0][2] == (
        b'{"series":[{"name":"m","tags":{"h":"a\\u003cb"},"columns":["time","i","s","v","w","x"],"values":'
        b'[["1970-01-01T00:00:00.000000001Z",4,"\\u003c\\u0026\\u003e",4,0.00001,1e+21]]}]}\n'
    )


async def test_a_running_task_follows_its_endpoint(sink: Sink) -> None:
    to = f"http://127.0.0.1:{sink.port}"
    endpoints = {"e": PostEndpoint(f"{to}/before")}
    run = ScriptRun("stream|from()|httpPost().endpoint('e')", environment=TaskEnvironment(post_endpoints=endpoints))
    run.write("m v=1 1")
    again = PostEndpoint(f"{to}/again")
    for now in (PostEndpoint(f"{to}/after", row_template="{{ .Name }}"), PostEndpoint("{{"), None, again):
        if now is None:
            del endpoints["e"]
        else:
            endpoints["e"] = now
        run.write("m v=2 2")
    await post(run)
    assert [path for path, _, _ in sink.posts] == ["/before", "/after", "/after", "/again"]
    assert [body for _, _, body in sink.posts][1:3] == [b"m"] * 2
    # a URL that is no template, and an endpoint that is there no more
    assert run.counts()["http_post2"]["errors"] == 2
