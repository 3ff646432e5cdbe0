"""What services answer to the gateway's requests, and what is made of answers that are none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from schemas.requests.request import Request
from schemas.requests.shape import MalformedMessage
from services.bus.errors import BusError, RequestFailed
from services.gateway.operations.operation_error import OperationError
from services.process import log as logs

ServiceAnswer = dict[str, Any]
"""What a process has answered, as its schema in schemas.requests has it."""

_log = logs.get("gateway")


@contextlib.contextmanager
def asking(whom: str) -> Iterator[None]:
    """For one request: what goes wrong with it, and an answer that is none, is an OperationError (503).

    whom: the service, as the error names it.
    """
    try:
        yield
    except RequestFailed as error:
        raise OperationError(503, f"{whom} cannot answer: {error}") from error
    except BusError as error:
        raise OperationError(503, f"{whom} does not answer: {error}") from error
    except MalformedMessage as error:
        raise OperationError(503, f"{whom} answers what cannot be read: {error}") from error


def readable(request: Request, answers: Iterable[bytes]) -> list[Any]:
    """The answers, without those that are none: of one of many it is enough that the log tells."""
    found = []
    for answer in answers:
        try:
            found.append(request.decode_response(answer))
        except MalformedMessage as error:
            _log.limited(request.subject).warn("an answer cannot be read", err=error)
    return found
