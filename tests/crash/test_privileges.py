"""A user who may define tasks is no administrator: what was tried, end to end, against a server with authentication."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil

from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.crash.processes import Serve, eventually
from tests.support.alerts import sink

ALERT = "stream|from().measurement('m')|alert().crit(lambda: TRUE)"
SECRETS = {
    "KAPACITOR_SERVICENOW_PASSWORD": "snow-password",
    "KAPACITOR_SLACK_0_URL": "http://127.0.0.1:1/slack-webhook",
    "KAPACITOR_TEAMS_CHANNEL_URL": "http://127.0.0.1:1/teams-webhook",
    "KAPACITOR_PUSHOVER_USER_KEY": "pushover-user-key",
    "KAPACITOR_PUSHOVER_TOKEN": "pushover-token",
    "KAPACITOR_INFLUXDB_0_PASSWORD": "influx-password",
    "KAPACITOR_HTTP_SHARED_SECRET": "jwt-shared-secret",
}
WORDS = ("-password", "-webhook", "pushover-", "jwt-shared")


async def make_user(nats: str, name: str, *permissions: str) -> None:
    async with await Bus.connect(nats, "test") as bus:
        question = {"name": name, "password": name, "permissions": permissions}
        assert (
            orjson.loads(await bus.request(command_subject("user", "create"), orjson.dumps(question)))["status"] == 200
        )


async def define(client: httpx.AsyncClient, script: str, id: str = "t") -> tuple[int, str]:
    task = {"id": id, "type": "stream", "dbrps": [{"db": "d", "rp": "r"}], "script": script, "status": "enabled"}
    answer = await client.post("/tasks", json=task)
    return answer.status_code, answer.json().get("error", "")


async def test_permission_api_does_not_make_an_administrator(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "x.json").write_text('{"v": 1}')
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "data")
    settings = SECRETS | {
        "KAPACITOR_HTTP_AUTH_ENABLED": "true",
        "KAPACITOR_AUTH_BCRYPT_COST": "4",
        "KAPACITOR_SERVICENOW_ENABLED": "true",
        "KAPACITOR_SERVICENOW_URL": "http://127.0.0.1:1/",
        "KAPACITOR_SERVICENOW_USERNAME": "snow",
        "KAPACITOR_SECURITY_READ_DIRECTORIES_0": str(tmp_path / "allowed"),
        "KAPACITOR_LOGGING_AUDIT_FILE": str(tmp_path / "audit"),
    }
    async with Serve(tmp_path, environment=settings) as serve, sink() as evil:
        nats = json.loads((serve.data / "state.json").read_text())["nats"]
        words = (*WORDS, nats.split(":")[2].split("@")[0])
        await make_user(nats, "eve", "api")
        await make_user(nats, "carl", "config_api")
        base = f"{serve.url}/kapacitor/v1"
        async with (
            httpx.AsyncClient(base_url=base, auth=("eve", "eve"), timeout=20) as eve,
            httpx.AsyncClient(base_url=base, auth=("carl", "carl"), timeout=20) as carl,
        ):
            await _scripts_and_handlers(eve, tmp_path, serve.data, evil.url)
            await _routes(eve, words)
            await _configuration(carl, tmp_path, serve.data, evil.url, words)
            assert (await define(eve, f"{ALERT}.slack()", "good"))[0] == 200
        assert not evil.posts
        for process in [psutil.Process(serve.pid), *psutil.Process(serve.pid).children(recursive=True)]:
            assert not any(word in " ".join(process.cmdline()) for word in words)
        files = [path for path in serve.data.rglob("*") if path.is_file()]
        assert files and not [path for path in files if path.stat().st_mode & 0o077]
    audit = (tmp_path / "audit").read_text()
    assert "user=eve via=http from=127.0.0.1 status=403" in audit and "facts=task/good/defined#" in audit
    assert not any(word in text for word in words for text in (audit, serve.log.read_text()))


async def _scripts_and_handlers(eve: httpx.AsyncClient, folder: Path, data: Path, evil: str) -> None:
    sideload = "stream|from()|sideload().source('file://{}').order('x.json').field('v', 0)"
    for script, setting in (
        (f"{ALERT}.exec('/bin/sh', '-c', 'id')", "commands"),
        (f"var p = '/bin/sh'\n{ALERT}.exec(p)", "commands"),
        (f"{ALERT}.exec('/bin/sh', '-c', 'id # {'x' * 5000}')", "commands"),  # compiled aside
        (f"{ALERT}.log('/tmp/x')", "write-directories"),
        (f"{ALERT}.log('{data}/x')", "the data directory"),
        (f"{ALERT}.tcp('127.0.0.1:4222')", "addresses"),
        (f"{ALERT}.serviceNow().URL('{evil}')", "the configuration's password is not sent to"),
        (sideload.format(data), "the data directory"),
        (sideload.format(f"{folder}/allowed/../data"), "the data directory"),
        (sideload.format(f"{folder}/allowed/link"), "the data directory"),
        (sideload.format("/proc/self"), "nothing is read from /proc"),
        (sideload.format("/etc"), "read-directories"),
    ):
        status, error = await define(eve, script)
        assert status == 403 and setting in error, (script, status, error)
    assert await define(eve, sideload.format(folder / "allowed"), "allowed") == (200, "")
    assert (await eve.get("/tasks")).json()["tasks"][0]["id"] == "allowed"
    template = {"id": "p", "type": "stream", "script": f"var p string\n{ALERT}.exec(p)"}
    assert (await eve.post("/templates", json=template)).status_code == 200
    of_template = {
        "id": "made",
        "template-id": "p",
        "dbrps": [{"db": "d", "rp": "r"}],
        "vars": {"p": {"type": "string", "value": "/bin/sh"}},
    }
    assert (await eve.post("/tasks", json=of_template)).status_code == 403
    for kind, options in (
        ("exec", {"prog": "/bin/sh"}),
        ("log", {"path": f"{data}/state.json"}),
        ("tcp", {"address": "127.0.0.1:4222"}),
        ("servicenow", {"url": evil}),
    ):
        handler = {"id": kind, "kind": kind, "options": options}
        assert (await eve.post("/alerts/topics/x/handlers", json=handler)).status_code == 403, kind


async def _routes(eve: httpx.AsyncClient, words: tuple[str, ...]) -> None:
    for method, path, body in (
        ("GET", "/config", None),
        ("GET", "/tasks/../config", None),
        ("GET", "/%63onfig", None),
        ("POST", "/config/servicenow/", {"set": {"enabled": False}}),
        ("POST", "/users", {"name": "mallory", "password": "x", "type": "admin"}),
        ("PATCH", "/users/eve", {"type": "admin"}),
        ("GET", "/storage/backup", None),
        ("GET", "/storage/../storage/backup/", None),
    ):
        assert (await eve.request(method, path, json=body)).status_code == 403, path
    for path in ("/service-tests", "/debug/vars", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/users"):
        answer = await eve.get(path)
        assert answer.status_code == 200 and not any(word in answer.text for word in words), path
    for name in ("servicenow", "slack", "teams", "pushover", "influxdb"):
        tried = await eve.post(f"/service-tests/{name}", json={})
        assert tried.status_code == 200 and not any(word in tried.text for word in words), name


async def _configuration(carl: httpx.AsyncClient, folder: Path, data: Path, evil: str, words: tuple[str, ...]) -> None:
    def endpoint(file: str) -> dict[str, Any]:
        return {"add": {"endpoint": "e", "url": evil, "alert-template-file": file}}

    for place, change, reason in (
        ("influxdb/default", {"set": {"urls": [evil]}}, "password is kept, but for another host"),
        ("servicenow/", {"set": {"url": evil}}, "password is kept, but for another host"),
        ("httppost", endpoint(f"{data}/state.json"), "the data directory"),
        ("httppost", endpoint(f"{folder}/allowed/link/state.json"), "the data directory"),
        ("httppost", endpoint("/proc/self/environ"), "nothing is read from /proc"),
        ("httppost", endpoint("/etc/passwd"), "read-directories"),
        ("slack/", {"set": {"ssl-ca": "/etc/shadow"}}, "read-directories"),
    ):
        answer = await carl.post(f"/config/{place}", json=change)
        assert answer.status_code == 400 and reason in answer.json()["error"], (place, answer.text)
    shown = (await carl.get("/config")).text
    assert not any(word in shown for word in words if word != "-password")
    assert "snow-password" not in shown and "influx-password" not in shown


async def test_what_was_defined_before_is_done_no_more_once_it_is_not_listed(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    write = {"params": {"db": "d", "rp": "r"}, "content": b"m v=1"}
    script = f'dbrp "d"."r"\n{ALERT}.topic(\'x\')'
    handler = {"id": "h", "kind": "exec", "options": {"prog": "/bin/sh", "args": ["-c", f"echo ran >> {ran}"]}}
    async with Serve(tmp_path) as serve, httpx.AsyncClient(base_url=f"{serve.url}/kapacitor/v1", timeout=20) as client:
        assert (await client.post("/alerts/topics/x/handlers", json=handler)).status_code == 200
        for id, text in (("plain", script), ("exec", f"{script}.exec('/bin/sh', '-c', 'true')")):
            task = {"id": id, "type": "stream", "script": text, "status": "enabled"}
            assert (await client.post("/tasks", json=task)).status_code == 200
        await client.post("/write", **write)
        await eventually(ran.exists, "the handler runs its command")
        await serve.stop()
    before = ran.read_text()
    closed = {"KAPACITOR_SECURITY_COMMANDS": '["/usr/bin/notify"]'}
    again = Serve(tmp_path / "again", environment=closed, data=tmp_path / "data")
    async with again as serve, httpx.AsyncClient(base_url=f"{serve.url}/kapacitor/v1", timeout=20) as client:
        task = (await client.get("/tasks/exec")).json()
        assert task["executing"] is False and "commands of [security]" in task["error"]
        assert (await client.get("/tasks/plain")).json()["executing"] is True
        await client.post("/write", **{**write, "content": b"m,host=b v=1"})
        refused = 'msg="alert events given up on"'
        await eventually(lambda: serve.logged(refused), "the handler says that it may not")
        assert "commands of [security]" in serve.logged(refused)[0]
    assert ran.read_text() == before


async def test_who_may_look_at_the_past(tmp_path: Path) -> None:
    """As who may define tasks: what was written is seen by it, and scripts of any kind are run."""
    settings = {"KAPACITOR_HTTP_AUTH_ENABLED": "true", "KAPACITOR_AUTH_BCRYPT_COST": "4"}
    async with Serve(tmp_path, environment=settings) as serve:
        nats = json.loads((serve.data / "state.json").read_text())["nats"]
        users = {"eve": "api", "carl": "config_api", "wendy": "write_points"}
        for name, permission in users.items():
            await make_user(nats, name, permission)
        base = f"{serve.url}/kapacitor/v1"
        async with httpx.AsyncClient(base_url=base, timeout=30) as client:
            assert (await define(client, ALERT))[0] == 401
            client.auth = httpx.BasicAuth("eve", "eve")
            assert (await define(client, f"{ALERT}.topic('x')"))[0] == 200
            begin = "2023-01-01T00:00:00Z"
            script = "stream|from()|sideload().source('file:///etc').order('x.json').field('v', 0)"
            dbrps = [{"db": "d", "rp": "r"}]
            backtests = (
                ({"task": "t"}, 201),
                ({"script": script, "dbrps": dbrps}, 403),
                ({"task": "t", "script": f"{ALERT}.exec('/bin/sh', '-c', 'id')"}, 403),
                ({"task": "t", "against-script": script}, 403),
            )
            for asked, status in backtests:
                answer = await client.post("/backtests", json={"start": begin, **asked})
                assert answer.status_code == status, answer.text
            assert (await client.post("/traces", json={"id": "i", "task": "t", "start": begin})).status_code == 201
            looks = (
                ("POST", "/traces", {"task": "t", "start": begin}),
                ("POST", "/backtests", {"task": "t", "start": begin}),
                ("GET", "/traces", None),
                ("GET", "/traces/i", None),
                ("GET", "/traces/i/results", None),
                ("DELETE", "/traces/i", None),
                ("GET", "/backtests", None),
                ("GET", "/alerts/topics/x/events/m:nil/why", None),
                ("GET", f"/tasks/t/why-not?at={begin}", None),
                ("GET", "/tasks/t/tap?for=1s", None),
                ("GET", "/history", None),
            )
            for name in ("carl", "wendy"):
                client.auth = httpx.BasicAuth(name, name)
                for method, path, body in looks:
                    answer = await client.request(method, path, json=body)
                    assert answer.status_code == 403 and "privilege" in answer.json()["error"], (name, path)
            client.auth = httpx.BasicAuth("eve", "eve")
            for method, path, body in looks:
                answer = await client.request(method, path, json=body)
                expected = 404 if path.endswith("/why") else {"POST": 201, "GET": 200, "DELETE": 204}[method]
                assert answer.status_code in (expected, 202), (path, answer.text)
