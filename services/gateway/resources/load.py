"""The resource /load: the load directory."""

from __future__ import annotations

from schemas.api.load import LoadReportSchema
from services.gateway.http.resource import Resource
from services.gateway.load.loader import Loader
from services.gateway.load.report import Report, report_view
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError

_DISABLED = "the load directory is not enabled, see [load] of the configuration"


def resource(loader: Loader) -> Resource:
    """Loading, and how it went."""
    return Resource("load", _operations(loader))


def _operations(loader: Loader) -> list[Operation]:
    async def run(request: OperationRequest) -> Reply:
        if not loader.enabled:
            raise OperationError(404, _DISABLED)
        return _reply(await loader.load())

    async def get(request: OperationRequest) -> Reply:
        if loader.last is None:
            raise OperationError(404, _DISABLED if not loader.enabled else "no load has come to its end yet")
        return 200, report_view(loader.last)

    return [
        Operation(
            kind="load",
            verb="get",
            method="GET",
            path="/load",
            about="How the last load of this gateway went. 404: there was none, or the directory is not enabled.",
            answers={200: LoadReportSchema},
            errors=(404,),
            run=get,
        ),
        Operation(
            kind="load",
            verb="run",
            method="POST",
            path="/load",
            about="Read the load directory anew, as on SIGHUP, and wait for the tasks to start, ten seconds at most. "
            "Files that are wrong are told of in the answer; they are no error. 404: the directory is not enabled.",
            answers={200: LoadReportSchema},
            errors=(404,),
            run=run,
        ),
    ]


def _reply(report: Report) -> Reply:
    if report.interrupted:
        raise OperationError(503, f"load interrupted, to be tried again: {report.interrupted}")
    return 200, report_view(report)
