"""The resource /load: the load directory."""

from __future__ import annotations

from schemas.api.load import LoadReportSchema
from services.gateway.commands.refusal import Refusal
from services.gateway.load.loader import Loader
from services.gateway.load.report import Report, shown
from services.gateway.operation import Operation, Question, Reply

_DISABLED = "the load directory is not enabled, see [load] of the configuration"


def operations(loader: Loader) -> list[Operation]:
    """Loading, and how it went."""

    async def run(asked: Question) -> Reply:
        if not loader.enabled:
            raise Refusal(404, _DISABLED)
        return _reply(await loader.load())

    async def get(asked: Question) -> Reply:
        if loader.last is None:
            raise Refusal(404, _DISABLED if not loader.enabled else "no load has come to its end yet")
        return 200, shown(loader.last)

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
        raise Refusal(503, f"load interrupted, to be tried again: {report.interrupted}")
    return 200, shown(report)
