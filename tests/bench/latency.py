"""From a write's sending to its alert's post, on an idle server.

python -m tests.bench.latency http://127.0.0.1:9092 [--alerts 200]
"""

from __future__ import annotations

import argparse
import json
import socketserver
import statistics
import threading
import time

from tests.bench.client import connect, define, request

_TASK = "bench_latency"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("url")
    p.add_argument("--alerts", type=int, default=200)
    a = p.parse_args()
    sink = _Sink()
    script = (
        "stream|from().measurement('latency')|alert().crit(lambda: \"v\" > 0)"
        f".details('').post('http://127.0.0.1:{sink.port}/')"
    )
    define(a.url, _TASK, script)
    took = []
    writer = connect(a.url)
    for i in range(a.alerts):
        sink.arrived.clear()
        begun = time.perf_counter()
        writer.request("POST", "/kapacitor/v1/write?db=telegraf&rp=autogen", f"latency v={i + 1}")
        answer = writer.getresponse()
        answer.read()
        if answer.status != 204 or not sink.arrived.wait(10):
            raise SystemExit(f"no post for write {i}: {answer.status}")
        took.append((sink.at - begun) * 1e3)
        time.sleep(0.01)
    request(a.url, "DELETE", f"/kapacitor/v1/tasks/{_TASK}")
    took.sort()
    figures = {"median_ms": statistics.median(took), "p95_ms": took[int(len(took) * 0.95)], "max_ms": took[-1]}
    print(json.dumps({"alerts": a.alerts, **{k: round(v, 2) for k, v in figures.items()}}))


class _Sink:
    """Notes when a post came in: at its first line, so that what reading the rest takes does not count."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.at = 0.0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline():
                    at, length = time.perf_counter(), 0
                    while header := self.rfile.readline().strip():
                        name, _, value = header.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    self.rfile.read(length)
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    outer.at = at
                    outer.arrived.set()

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()


if __name__ == "__main__":
    main()
