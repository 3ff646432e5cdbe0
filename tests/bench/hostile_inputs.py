"""Inputs of hostile.py that others have a part in: files, peers that dribble, handlers, many requests at once."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import http.server
import io
import json
import os
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.bench.hostile_target import AB, API, FROM, MEGABYTE, Target, hostile


@contextlib.contextmanager
def dribbling(piece: bytes, pause: float) -> Iterator[str]:
    """An HTTP server that answers with the head, and then piece after piece."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(piece)
                    time.sleep(pause)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


def side(target: Target, source: str) -> str:
    """A task that looks values up there."""
    return target.task(FROM + f"|sideload().source('{source}').order('a.yml').field('x', 0.0)|httpOut('x')")


@hostile("sideload: a byte a second")
def _dribble(target: Target) -> str:
    with dribbling(b" ", 1.0) as url:
        return side(target, url)


@hostile("sideload: without end")
def _endless(target: Target) -> str:
    with dribbling(b" " * 65536, 0.0) as url:
        return side(target, url)


@hostile("sideload: FIFO")
def _fifo(target: Target) -> str:
    folder = target.folder / "fifo"
    folder.mkdir(exist_ok=True)
    if not (folder / "a.yml").exists():
        os.mkfifo(folder / "a.yml")
    return side(target, f"file://{folder}")


@hostile("sideload: /dev/zero")
def _device(target: Target) -> str:
    folder = target.folder / "device"
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.symlink("/dev/zero", folder / "a.yml")
    return side(target, f"file://{folder}")


@hostile("sideload: 30,000 files")
def _files(target: Target) -> str:
    folder = target.folder / "files"
    for part in range(30):
        inner = folder / str(part)
        inner.mkdir(parents=True, exist_ok=True)
        for i in range(1000):
            (inner / f"{i}.yml").write_bytes(b"x: 1\n")
    return side(target, f"file://{folder}")


@hostile("sideload: 300,000 lines of YAML")
def _lines(target: Target) -> str:
    folder = target.folder / "lines"
    folder.mkdir(exist_ok=True)
    (folder / "a.yml").write_text("".join(f"k{i}: {i}\n" for i in range(300_000)))
    return side(target, f"file://{folder}")


@hostile("sideload: YAML of aliases")
def _aliases(target: Target) -> str:
    folder = target.folder / "aliases"
    folder.mkdir(exist_ok=True)
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    (folder / "a.yml").write_text("\n".join(lines))
    return side(target, f"file://{folder}")


@hostile("sideload: reload of a big one")
def _reload(target: Target) -> str:
    folder = target.folder / "grows"
    folder.mkdir(exist_ok=True)
    (folder / "a.yml").write_text("x: 1\n")
    told = side(target, f"file://{folder}")
    (folder / "a.yml").write_text("".join(f"k{i}: {i}\n" for i in range(300_000)))
    return f"{told}; {target.ask('POST', f'{API}/sideload/reload')}"


def imported(target: Target, name: str, data: bytes) -> str:
    """A recording of a file; how it ended."""
    told = target.ask("POST", f"{API}/recordings/import?id={name}", data, {"Content-Type": "application/octet-stream"})
    end = time.monotonic() + 60
    status = ""
    while told.startswith("201") and time.monotonic() < end:
        status = target.ask("GET", f"{API}/recordings/{name}")
        if not status.startswith("202"):
            break
        time.sleep(0.2)
    target.ask("DELETE", f"{API}/recordings/{name}")
    ended = json.loads(status.partition(" ")[2]) if status.startswith("200") else {}
    return f"{told[:120] if not ended else told[:3]} {ended.get('status', '')} {ended.get('error', '')}"


@hostile("import: gzip of 1.2 GB")
def _bomb(target: Target) -> str:
    sink = io.BytesIO()
    point = b"telegraf\nautogen\nhostile v=1 1\n" * 30_000
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1) as file:
        for _ in range(1300):
            file.write(point)
    return imported(target, "bomb", sink.getvalue())


@hostile("import: gzip of a line of 1.2 GB")
def _one_line(target: Target) -> str:
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1) as file:
        for _ in range(1200):
            file.write(b"x" * MEGABYTE)
    return imported(target, "line", sink.getvalue())


@hostile("import: zip of 20,000 empty files")
def _empty_files(target: Target) -> str:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for i in range(20_000):
            archive.writestr(str(i), b"")
    return imported(target, "files", sink.getvalue())


@hostile("import: zip of 1.2 GB")
def _zip_bomb(target: Target) -> str:
    sink = io.BytesIO()
    line = b'{"name":"m","points":[{"fields":{"v":1},"time":"2020-01-01T00:00:00Z"}]}\n'
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("0", "w", force_zip64=True) as file:
        for _ in range(1200):
            file.write(line * (MEGABYTE // len(line)))
    return imported(target, "zip", sink.getvalue())


@hostile("import: deep JSON in a zip")
def _deep_zip(target: Target) -> str:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", b'{"a":' * 1_000_000)
    return imported(target, "deep", sink.getvalue())


@hostile("write: gzip of 200,000 members")
def _members(target: Target) -> str:
    body = gzip.compress(b"") * 200_000
    return target.ask("POST", "/write?db=telegraf&rp=autogen", body, {"Content-Encoding": "gzip"})


@hostile("write: gzip of 1 GB")
def _gzip(target: Target) -> str:
    body = gzip.compress(b"hostile v=1 1\n" * (60 * MEGABYTE // 14), 9) * 17
    return target.ask("POST", "/write?db=telegraf&rp=autogen", body, {"Content-Encoding": "gzip"})


@hostile("write: 60 MB of one point a line")
def _many_points(target: Target) -> str:
    return target.write("hostile v=1\n" * (60 * MEGABYTE // 12))


@hostile("write: a point of 100,000 fields")
def _many_fields(target: Target) -> str:
    target.task(FROM + "|httpOut('x')")
    return target.write("hostile " + ",".join(f"f{i}=1" for i in range(100_000)))


def at_once(target: Target, count: int, path: str) -> str:
    """The same GET so many times at once: the different statuses."""
    with ThreadPoolExecutor(count) as pool:
        told = list(pool.map(lambda _: target.ask("GET", path)[:90].replace("\n", " "), range(count)))
    statuses: dict[str, int] = {}
    for one in told:
        key = one if not one.startswith("200") else "200"
        statuses[key] = statuses.get(key, 0) + 1
    return "; ".join(f"{n}x {one}" for one, n in sorted(statuses.items()))


@hostile("pprof: heap eight at once")
def _heap(target: Target) -> str:
    return at_once(target, 8, f"{API}/debug/pprof/heap")


@hostile("pprof: profile of 5 s twenty times")
def _profile(target: Target) -> str:
    return at_once(target, 20, f"{API}/debug/pprof/profile?seconds=5")


@hostile("pprof: block of 5 s twenty times")
def _block(target: Target) -> str:
    return at_once(target, 20, f"{API}/debug/pprof/block?seconds=5")


@hostile("pprof: goroutine fifty at once")
def _goroutine(target: Target) -> str:
    return at_once(target, 50, f"{API}/debug/pprof/goroutine?debug=2")


@hostile("metrics: fifty at once")
def _metrics(target: Target) -> str:
    return at_once(target, 50, "/metrics")


@hostile("backup: eight at once")
def _backups(target: Target) -> str:
    return at_once(target, 8, f"{API}/storage/backup")[:100]


@hostile("logs: 200 that nobody reads")
def _unread(target: Target) -> str:
    streams = []
    refused = ""
    try:
        for _ in range(200):
            stream = target.connect()
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.sendall(b"GET /kapacitor/v1preview/logs HTTP/1.1\r\nHost: localhost\r\n\r\n")
            streams.append(stream)
        end = time.monotonic() + 15
        while time.monotonic() < end:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda _: target.ask("GET", f"{API}/tasks?pattern={'x' * 2000}"), range(200)))
        for stream in streams[-5:]:
            stream.settimeout(0.5)
            with contextlib.suppress(OSError):
                head = stream.recv(400).decode("utf-8", "replace")
                refused = head.partition("\r\n")[0] + " … " + head[-100:].replace("\r\n", " ")
    finally:
        for stream in streams:
            stream.close()
    return refused


@hostile("handler: log to a FIFO")
def _log_fifo(target: Target) -> str:
    path = target.folder / "pipe"
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path)
    told = target.task(FROM + f"|alert().info(lambda: TRUE).log('{path}')")
    for i in range(50):
        target.write(f"hostile,h={i} v=1")
    time.sleep(3)
    return told


@hostile("handler: log to a FIFO read by nobody")
def _log_full(target: Target) -> str:
    path = target.folder / "full"
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path)
    held = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    alert = f"|alert().id('{{{{ .Time }}}}').details('{'x' * 4000}').info(lambda: TRUE).log('{path}')"
    told = target.task(FROM + alert)
    for i in range(100):
        target.write(f"hostile v={i}")
    time.sleep(3)
    os.close(held)
    return told


@hostile("handler: log to /dev/full")
def _log_dev_full(target: Target) -> str:
    told = target.task(FROM + "|alert().info(lambda: TRUE).log('/dev/full')")
    for i in range(50):
        target.write(f"hostile,h={i} v=1")
    time.sleep(2)
    return told


@hostile("handler: tcp that nobody reads")
def _tcp(target: Target) -> str:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        port = server.getsockname()[1]
        details = "x" * 60_000
        told = target.task(FROM + f"|alert().details('{details}').info(lambda: TRUE).tcp('127.0.0.1:{port}')")
        for i in range(50):
            target.write(f"hostile,h={i} v=1")
        time.sleep(3)
    return told


@hostile("handler: exec that writes without end")
def _exec(target: Target) -> str:
    told = target.task(FROM + "|alert().info(lambda: TRUE).exec('/bin/sh', '-c', 'yes').timeout(3s)")
    for i in range(20):
        target.write(f"hostile,h={i} v=1")
    time.sleep(4)
    return told


@hostile("handler: exec a hundred sleep")
def _exec_sleep(target: Target) -> str:
    for task in range(40):
        target.task(FROM + "|alert().info(lambda: TRUE).exec('sleep', '3')", id=f"hostile{task}")
    target.write("hostile v=1")
    time.sleep(4)
    return "200"


@hostile("node: log of 5,000 points")
def _node_log(target: Target) -> str:
    told = target.task(FROM + "|log().prefix('" + "x" * 1000 + "')")
    target.write("\n".join(f"hostile v={i}" for i in range(5000)))
    time.sleep(2)
    return told


@hostile("template: update of 100 tasks")
def _template(target: Target) -> str:
    lines = "".join(f"s|eval(lambda: \"v\" + {i}.0).as('x')\n" for i in range(100))
    body = {"id": "hostile", "type": "stream", "script": f'dbrp "telegraf"."autogen"\nvar s = {FROM}\n{lines}'}
    target.ask("POST", f"{API}/templates", json.dumps(body))
    for i in range(100):
        target.task("", id=f"hostile{i}", **{"template-id": "hostile"})
    body["script"] = f"{body['script']}s|httpOut('x')\n"
    told = target.ask("PATCH", f"{API}/templates/hostile", json.dumps(body))
    target.clear()
    target.ask("DELETE", f"{API}/templates/hostile")
    return told[:100]


@hostile("lists: 100 tasks of 300 nodes, whole")
def _lists(target: Target) -> str:
    text = "var s = " + FROM + "\n" + "s|log()\n" * 300
    for i in range(100):
        target.task(text + f"// {i}\n", "disabled", id=f"hostile{i}")
    return at_once(target, 4, f"{API}/tasks?limit=1000")


@hostile("tests: of a service that dribbles")
def _service_test(target: Target) -> str:
    with dribbling(b" ", 1.0) as url:
        return target.ask("POST", f"{API}/service-tests/alerta", json.dumps({"url": url}))[:100]


@hostile("query: huge for InfluxDB")
def _influxql(target: Target) -> str:
    text = "SELECT v FROM a.b.c WHERE " + " OR ".join(["v = 1"] * 100_000)
    return target.task(f"batch|query('{text}').period(1s).every(1s)", type="batch", dbrps=AB)


@hostile("query: 10,000 parentheses")
def _parentheses(target: Target) -> str:
    text = "SELECT v FROM a.b.c WHERE " + "(" * 10_000 + "v = 1" + ")" * 10_000
    return target.task(f"batch|query('{text}').period(1s).every(1s)", type="batch", dbrps=AB)
