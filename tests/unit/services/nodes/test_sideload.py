"""sideload: what is found where, of which type, and when it is read anew."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from grammar.tickscript.parser import parse
from services.connectors import sideload, sideload_files
from services.connectors.http_sender import PostEndpoint
from services.connectors.sideload import SOURCES, SideloadError, Sources
from services.nodes import registry
from services.pipeline.compiler.compile import compile_script
from services.runtime.building.sideloading import sideloaded
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from tests.support.graph import Point, ScriptRun

PROPERTIES = ".order('host/{{.host}}.yml', 'all.json')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "a.yml").write_text("limit: 7\nowner: ann\nlist: [1]\n")
    (tmp_path / "all.json").write_text('{"limit": 3.5, "owner": "all", "rate": "2"}')
    return tmp_path


def last(run: ScriptRun) -> Point:
    found = run.last("sideload")[-1]
    assert isinstance(found, Point)
    return found


def test_the_first_path_that_has_a_key_wins(folder: Path) -> None:
    loads = ".field('limit', 0.0).field('rate', 1).field('other', TRUE).tag('owner', 'nobody')"
    run = ScriptRun(f"stream|from()|sideload().source('file://{folder}'){PROPERTIES}{loads}|httpOut('x')")
    run.write("m,host=a v=1 1")
    assert last(run).fields == {"limit": 7.0, "other": True, "rate": 2, "v": 1.0}
    assert last(run).tags == {"host": "a", "owner": "ann"}
    run.write("m,host=b v=1 1")
    assert last(run).fields["limit"] == 3.5
    assert last(run).tags["owner"] == "all"


def test_a_value_of_the_wrong_type_is_an_error_for_every_point_and_the_default_stays(folder: Path) -> None:
    loads = ".field('list', 'none').field('limit', 5)"
    run = ScriptRun(f"stream|from()|sideload().source('file://{folder}'){PROPERTIES}{loads}|httpOut('x')")
    run.write("m,host=a v=1 1\nm,host=a v=1 2\nm,host=b v=1 3")
    assert run.counts()["sideload2"]["errors"] == 3
    assert last(run).fields == {"limit": 5, "list": "none", "v": 1.0}


WORDS = """
clock: 22:30
date: 2020-01-01
thousand: 1e3
equals: =
large: 18446744073709551616
small: 0.0000001
half: 0.5
yes: 1
404: found
text: '7'
hexadecimal: 0x10
switch: on
nothing: ~
list: [1]
"""


@pytest.mark.parametrize(
    ("key", "default", "value"),
    [
        ("clock", "'-'", "22:30"),
        ("clock", "0", 0),
        ("date", "'-'", "2020-01-01"),
        ("date", "0.0", 0.0),
        ("thousand", "0", 1000),
        ("thousand", "0.0", 1000.0),
        ("thousand", "'-'", "1000"),
        ("equals", "'-'", "="),
        ("large", "1", 1),
        ("large", "0.0", 2.0**64),
        ("large", "'-'", "18446744073709552000"),
        ("small", "'-'", "0.0000001"),
        ("half", "1", 1),
        ("true", "0", 1),
        ("yes", "0", 0),
        ("404", "'-'", "found"),
        ("text", "0", 7),
        ("text", "0.0", 7.0),
        ("text", "FALSE", False),
        ("hexadecimal", "0", 16),
        ("switch", "FALSE", True),
        ("switch", "'-'", "true"),
        ("switch", "0", 0),
        ("nothing", "'-'", "-"),
        ("list", "'-'", "-"),
    ],
)
def test_what_stands_in_yaml_becomes_of_the_default_s_type_or_the_default_stays(
    tmp_path: Path, key: str, default: str, value: object
) -> None:
    (tmp_path / "x.yaml").write_text(WORDS)
    loads = f".order('x.yaml').field('{key}', {default})"
    run = ScriptRun(f"stream|from()|sideload().source('file://{tmp_path}'){loads}|httpOut('x')")
    found = last(run.write("m v=1 1")).fields[key]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ("1e3", "0", 1000),
        ("-0", "'-'", "-0"),
        ("12345678901234567890123", "0", 0),
        ("12345678901234567890123", "'-'", "12345678901234568000000"),
        ("7.0", "0", 7),
        ("7.5", "0", 0),
        ('"0x1p3"', "0.0", 8.0),
        ('"1_0"', "0", 0),
        ('"1_0"', "0.0", 10.0),
        ('"\\ud800"', "'-'", "\ufffd"),
        ("{}", "0", 0),
    ],
)
def test_what_stands_in_json_does_so_too(tmp_path: Path, text: str, default: str, value: object) -> None:
    (tmp_path / "x.json").write_text(f'{{"key": {text}}}')
    loads = f".order('x.json').field('key', {default})"
    run = ScriptRun(f"stream|from()|sideload().source('file://{tmp_path}'){loads}|httpOut('x')")
    found = last(run.write("m v=1 1")).fields["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("name, text", [("x.json", '{"a": NaN}'), ("x.json", '{"a": 1e400}'), ("x.yaml", "a: .nan")])
def test_a_file_that_cannot_be_read_ends_the_task_with_its_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TaskFailed, match=f"failed to unmarshal (json|yaml) values .*{name}"):
        ScriptRun(f"stream|from()|sideload().source('file://{tmp_path}')|httpOut('x')")


def test_tags_that_are_loaded_move_points_to_other_groups(folder: Path) -> None:
    script = f"stream|from().groupBy('owner')|sideload().source('file://{folder}'){PROPERTIES}.tag('owner', '-')"
    assert last(ScriptRun(f"{script}|httpOut('x')").write("m,host=a v=1 1")).group == "owner=ann"


def test_values_are_read_anew_when_asked_for_and_stay_where_they_cannot_be(folder: Path) -> None:
    script = f"stream|from()|sideload().source('file://{folder}/'){PROPERTIES}.field('limit', 0.0)|httpOut('x')"
    run = ScriptRun(script)
    (folder / "host" / "a.yml").write_text("limit: 8")
    assert last(run.write("m,host=a v=1 1")).fields["limit"] == 7.0
    asyncio.run(SOURCES.reload())
    assert last(run.write("m,host=a v=1 1")).fields["limit"] == 8.0
    (folder / "host" / "a.yml").write_text("limit: [")
    told = (
        f'failed to update source "{folder}": failed to update sideload cache for source "{folder}": failed to unmars'
    )
    with pytest.raises(SideloadError, match=re.escape(told)):
        asyncio.run(SOURCES.reload())
    assert last(run.write("m,host=a v=1 1")).fields["limit"] == 8.0
    run.run.close()
    asyncio.run(SOURCES.reload())


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("ftp://host/x", "unsupported source scheme \"ftp\", must be 'file', 'http' or 'https'"),
        ("file://relative", 'sideload source path must be absolute ""'),
        ("file:///no/such/folder", 'failed to update sideload cache for source "/no/such/folder": '),
    ],
)
def test_a_source_that_cannot_be_used_ends_the_task(source: str, error: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        ScriptRun(f"stream|from()|sideload().source('{source}')|httpOut('x')")
    assert str(failed.value).startswith(error)


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            logged_in = self.headers["Authorization"] == "Basic dTpw" and self.headers["X-Own"] == "1"
            values = {"limit": 9, "face": "\U0001f600", "logged": logged_in}
            body = json.dumps({"host/a.yml": values, "none": None}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/values"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_document_behind_a_url_holds_all_paths(url: str) -> None:
    run = ScriptRun(f"stream|from()|sideload().source('{url}'){PROPERTIES}.field('limit', 0)|httpOut('x')")
    assert last(run.write("m,host=a v=1 1")).fields["limit"] == 9


def test_an_endpoint_of_the_configuration_says_where_and_as_whom(url: str) -> None:
    endpoint = PostEndpoint(url, {"X-Own": "1"}, "u", "p")
    loads = f"{PROPERTIES}.field('face', '').field('logged', FALSE)"
    script = f"stream|from()|sideload().source('e'){loads}|httpOut('x')"
    run = ScriptRun(script, environment=TaskEnvironment(post_endpoints={"e": endpoint})).write("m,host=a v=1 1")
    assert last(run).fields == {"face": "\U0001f600", "logged": True, "v": 1.0}


@pytest.fixture
def sources() -> Iterator[Sources]:
    yield Sources()


async def read(sources: Sources, source: str) -> str:
    """Why a source cannot be read, "" where it can."""
    graph = compile_script(parse(f"stream|from()|sideload().source('{source}')|httpOut('x')"), registry()).graph
    try:
        async with sideloaded(graph, TaskEnvironment(), sources):
            return ""
    except TaskFailed as failed:
        return str(failed)
    finally:
        await sources.close()


async def test_what_is_no_file_is_not_waited_for(tmp_path: Path, sources: Sources) -> None:
    path = tmp_path / "x.yml"
    for make, why in (
        (lambda: os.mkfifo(path), f"{path} is not a regular file"),
        (lambda: path.symlink_to("/dev/zero"), f'"{path}" is not allowed: nothing is read from /proc, /sys, /dev'),
        (path.mkdir, ""),
    ):
        make()
        error = await asyncio.wait_for(read(sources, f"file://{tmp_path}"), 20)
        assert error == (why and f'failed to update sideload cache for source "{tmp_path}": {why}')
        path.rmdir() if path.is_dir() else path.unlink()


async def test_a_folder_has_bounds(tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sideload_files, "MOST_FILES", 10)
    monkeypatch.setattr(sideload_files, "MOST_BYTES", 1000)
    for number in range(10):
        (tmp_path / f"{number}.yml").write_text("x: 1\n" * 20)
    assert await read(sources, f"file://{tmp_path}") == ""
    (tmp_path / "0.yml").write_text("x: 1\n" * 21)
    assert "more than 1000 bytes in all, with" in await read(sources, f"file://{tmp_path}")
    (tmp_path / "0.yml").write_text("")
    (tmp_path / "10.txt").write_text("")
    assert await read(sources, f"file://{tmp_path}") == (
        f'failed to update sideload cache for source "{tmp_path}": more than 10 files'
    )
    for number in range(30):
        (tmp_path / "empty" / str(number)).mkdir(parents=True)
    assert "more than 10 files" in await read(sources, f"file://{tmp_path}")


async def test_a_url_has_bounds(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sideload, "SECONDS", 0.5)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 %b\r\nConnection: close\r\n\r\n" % (b"404 Gone" if b"/404" in asked else b"200 OK"))
            while b"/404" not in asked:
                writer.write(b" " * (1 << 16) if b"/large" in asked else b" ")
                await writer.drain()
                await asyncio.sleep(0 if b"/large" in asked else 0.01)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    begun = f'failed to update sideload cache for source "{url}'
    assert await read(sources, f"{url}/drops") == f'{begun}/drops": not read within 0.5 s'
    monkeypatch.setattr(sideload, "SECONDS", 20)
    assert await read(sources, f"{url}/large") == f'{begun}/large": larger than 8388608 bytes'
    assert (await read(sources, f"{url}/404")).startswith(f'{begun}/404": HTTP Error 404')
    assert "All connection attempts failed" in await read(sources, "http://127.0.0.1:1/")
    server.close()


async def test_what_is_large_is_parsed_beside_and_others_go_on(tmp_path: Path, sources: Sources) -> None:
    (tmp_path / "x.yml").write_text("".join(f"k{number}: {number}\n" for number in range(30_000)))
    reading = asyncio.create_task(read(sources, f"file://{tmp_path}"))
    longest = 0.0
    while not reading.done():
        at = time.process_time()
        await asyncio.sleep(0.001)
        longest = max(longest, time.process_time() - at)
    assert await reading == ""
    assert longest < 0.3
    (tmp_path / "x.yml").write_text("k: 1\n" * 60_000 + "[")
    error = await read(sources, f"file://{tmp_path}")
    assert f'failed to unmarshal yaml values "{tmp_path}/x.yml": ' in error


async def test_a_task_that_runs_keeps_what_its_source_had(tmp_path: Path, sources: Sources) -> None:
    (tmp_path / "x.yml").write_text("limit: 7")
    source = sources.take(f"file://{tmp_path}", {})
    assert source.lookup(["x.yml"], "limit") == 7.0
    (tmp_path / "x.yml").unlink()
    os.mkfifo(tmp_path / "x.yml")
    with pytest.raises(SideloadError, match="is not a regular file"):
        await asyncio.wait_for(sources.reload(), 20)
    assert source.lookup(["x.yml"], "limit") == 7.0
    await sources.close()
