"""The resource /recordings."""

from __future__ import annotations

from quart import Blueprint, Response, request

from schemas.api.recording import (
    ImportRecordingSchema,
    ListSchema,
    RecordBatchSchema,
    RecordingListSchema,
    RecordingSchema,
    RecordQuerySchema,
    RecordStreamSchema,
)
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.http.answers import answer
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description, Operation, OperationRequest, Reply
from services.gateway.queries.recording_export import RecordingExport
from services.gateway.queries.recordings import RecordingQueries

_FILES = {"stream": ("application/gzip", "srpl"), "batch": ("application/zip", "brpl")}
_KINDS = tuple(kind for kind, _ in _FILES.values())


def resource(commands: RecordingCommands, queries: RecordingQueries, export: RecordingExport) -> Resource:
    """What can be done with recordings; their files come and go over HTTP alone."""
    return Resource("recordings", _operations(commands, queries), _files(commands, queries, export))


def _operations(commands: RecordingCommands, queries: RecordingQueries) -> list[Operation]:
    async def stream(request: OperationRequest) -> Reply:
        return 201, queries.new("recording", await commands.stream(request.body))

    async def batch(request: OperationRequest) -> Reply:
        return 201, queries.new("recording", await commands.batch(request.body))

    async def query(request: OperationRequest) -> Reply:
        return 201, queries.new("recording", await commands.query(request.body))

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.id)
        return 204, None

    async def get(request: OperationRequest) -> Reply:
        return await queries.recording(request.id)

    async def list_(request: OperationRequest) -> Reply:
        return 200, await queries.list("recording", request.parameters)

    return [
        Operation(
            kind="recording",
            verb="list",
            method="GET",
            path="/recordings",
            about="Recordings, the newest first.",
            parameters=ListSchema,
            answers={200: RecordingListSchema},
            run=list_,
        ),
        Operation(
            kind="recording",
            verb="stream",
            method="POST",
            path="/recordings/stream",
            about="Record what a task's databases are written.",
            body=RecordStreamSchema,
            answers={201: RecordingSchema},
            errors=(400, 404, 500),
            run=stream,
        ),
        Operation(
            kind="recording",
            verb="batch",
            method="POST",
            path="/recordings/batch",
            about="Record what a task's queries give.",
            body=RecordBatchSchema,
            answers={201: RecordingSchema},
            errors=(400, 404, 500),
            run=batch,
        ),
        Operation(
            kind="recording",
            verb="query",
            method="POST",
            path="/recordings/query",
            about="Record what one query gives.",
            body=RecordQuerySchema,
            answers={201: RecordingSchema},
            errors=(400, 404, 500),
            run=query,
        ),
        Operation(
            kind="recording",
            verb="get",
            method="GET",
            path="/recordings/{id}",
            noun="recording",
            about="A recording; 202 while it is made. 500: there is none.",
            answers={200: RecordingSchema, 202: RecordingSchema},
            errors=(400, 500),
            run=get,
        ),
        Operation(
            kind="recording",
            verb="delete",
            method="DELETE",
            path="/recordings/{id}",
            noun="recording",
            about="Delete a recording; no error where there is none.",
            answers={204: None},
            run=delete,
        ),
    ]


def _files(commands: RecordingCommands, queries: RecordingQueries, export: RecordingExport) -> Blueprint:
    routes = new_blueprint("recording_files")

    @routes.post("/recordings/import")
    @described(
        Description(
            about="Make a recording of a file as Kapacitor keeps it (.srpl, .brpl).",
            parameters=ImportRecordingSchema,
            body=_KINDS,
            answers={201: RecordingSchema},
            errors=(400, 413, 500),
        )
    )
    async def bring() -> Response:
        file = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        record = await commands.take_in(request.args.to_dict(), file)
        return answer(201, queries.new("recording", record))

    @routes.get("/recordings/<id>/file")
    @described(
        Description(
            about="A recording as Kapacitor keeps it (.srpl, of batches .brpl). 409: it is still being made.",
            answers={200: _KINDS},
            errors=(404, 409),
        )
    )
    async def fetch(id: str) -> Response:
        of, file = await export.of(id)
        kind, extension = _FILES[of]
        name = {"Content-Disposition": f'attachment; filename="{id}.{extension}"'}
        return Response(file, 200, content_type=kind, headers=name)

    return routes
