"""`tickbus` as a later version might be: all that it says holds more than this one knows, its states are other ones.

python -m tests.crash.later_version engine …
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import orjson

from schemas.requests.request import Request
from services.alertlog import codec
from services.bus import events

_MORE = {"later": {"a": [1, None]}}

_event, _alerts, _request, _response = (
    events.encode,
    codec.encode,
    Request.encode_request,
    Request.encode_response,
)


def _later_event(event: events.Event) -> tuple[dict[str, str], bytes]:
    headers, body = _event(replace(event, data=event.data | _MORE))
    return headers | {"ce-later": "1"}, body


def _later_alerts(message: codec.AlertMessage) -> bytes:
    return orjson.dumps(orjson.loads(_alerts(message)) | _MORE)


def _later_request(self: Request, **values: Any) -> bytes:
    return _request(self, **values, **_MORE)


def _later_response(self: Request, value: Any) -> bytes:
    return _response(self, value | _MORE if isinstance(value, dict) else value)


def main() -> int:
    # before anything is imported that takes these by their names
    events.encode, codec.encode = _later_event, _later_alerts
    Request.encode_request, Request.encode_response = _later_request, _later_response  # type: ignore[method-assign]
    from services.cli.main import main as cli
    from services.runtime import task

    task.STATE_VERSION += 1
    return cli(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
