"""A stand-in for what the autoscale nodes call: the Kubernetes, Docker and AWS APIs, as far as they use them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Cluster:
    """What stands behind the API: how many of each resource, all changes in order, and the headers that came."""

    url: str = ""
    replicas: dict[str, int] = field(default_factory=dict)
    changes: list[tuple[str, int]] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)
    failing: bool = False
    gate: threading.Event = field(default_factory=threading.Event)  # changes wait until it is set

    def __post_init__(self) -> None:
        self.gate.set()

    def change(self, name: str, replicas: int) -> None:
        self.gate.wait(10)
        self.replicas[name] = replicas
        self.changes.append((name, replicas))


@contextmanager
def cluster(**replicas: int) -> Iterator[Cluster]:
    """An API on loopback with these resources."""
    found = Cluster(replicas=replicas)

    class Handler(_Handler):
        behind = found

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    behind: Cluster
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_PATCH(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    do_POST = do_PATCH

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""

    def _answer(self, body: bytes) -> None:
        self.behind.authorizations.add(self.headers.get("Authorization"))
        path = urlsplit(self.path).path.strip("/").split("/")
        if self.behind.failing:
            self._send(500, {"message": "it is broken"})
        elif path[0] in ("apis", "api"):
            self._kubernetes(path, body)
        elif path == [""]:
            self._aws({k: v[0] for k, v in parse_qs(body.decode()).items()})
        else:
            self._docker(path, body)

    def _kubernetes(self, path: list[str], body: bytes) -> None:
        if path == ["api"]:
            self._send(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
            return
        kind, name, last = path[-3:]
        assert kind in ("deployments", "replicasets", "replicationcontrollers") and last == "scale"
        namespace = path[path.index("namespaces") + 1]
        if name not in self.behind.replicas:
            self._send(404, {"kind": "Status", "message": f"{kind} {name} not found"})
            return
        if body:
            (patch,) = json.loads(body)
            assert (patch["op"], patch["path"]) == ("replace", "/spec/replicas")
            self.behind.change(name, patch["value"])
        about = {"name": name, "namespace": namespace}
        spec = {"replicas": self.behind.replicas[name]}
        self._send(200, {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": about, "spec": spec})

    def _docker(self, path: list[str], body: bytes) -> None:
        if path[-1] == "version":
            self._send(200, {"ApiVersion": "1.44"})
            return
        if path[-1] == "info":
            self._send(200, {"ServerVersion": "26.1"})
            return
        name = path[path.index("services") + 1].removeprefix("id-")
        if name not in self.behind.replicas:
            self._send(404, {"message": f"service {name} not found"})
            return
        if path[-1] == "update":
            assert parse_qs(urlsplit(self.path).query)["version"] == ["7"]
            spec = json.loads(body)
            assert spec["Labels"] == {"kept": "yes"}
            self.behind.change(name, spec["Mode"]["Replicated"]["Replicas"])
            self._send(200, {})
            return
        mode = {"Replicated": {"Replicas": self.behind.replicas[name]}}
        task = {"ContainerSpec": {"Image": "nginx"}}
        spec = {"Name": name, "Labels": {"kept": "yes"}, "Mode": mode, "TaskTemplate": task}
        self._send(200, {"ID": f"id-{name}", "Version": {"Index": 7}, "Spec": spec})

    def _aws(self, asked: dict[str, str]) -> None:
        action = asked["Action"]
        if action == "SetDesiredCapacity":
            assert asked["HonorCooldown"] == "false"
            self.behind.change(asked["AutoScalingGroupName"], int(asked["DesiredCapacity"]))
            result = ""
        else:
            name = asked.get("AutoScalingGroupNames.member.1", "")
            count = self.behind.replicas.get(name)
            member = f"<member><AutoScalingGroupName>{name}</AutoScalingGroupName><DesiredCapacity>{count}"
            groups = "" if count is None else f"{member}</DesiredCapacity></member>"
            result = f"<{action}Result><AutoScalingGroups>{groups}</AutoScalingGroups></{action}Result>"
        text = f'<{action}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">{result}</{action}Response>'
        self._send(200, text.encode())

    def _send(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml" if isinstance(answer, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
