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
from services.gateway.answers import answer
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.operation import Description, Operation, Question, Reply
from services.gateway.over_http import described, new_blueprint

_FILES = {"stream": ("application/gzip", "srpl"), "batch": ("application/zip", "brpl")}
_KINDS = tuple(kind for kind, _ in _FILES.values())


def operations(commands: RecordingCommands, reads: RecorderReads) -> list[Operation]:
    """What can be done with recordings, but for the files, which come and go over HTTP alone."""

    async def stream(asked: Question) -> Reply:
        return 201, reads.new("recording", await commands.stream(asked.body))

    async def batch(asked: Question) -> Reply:
        return 201, reads.new("recording", await commands.batch(asked.body))

    async def query(asked: Question) -> Reply:
        return 201, reads.new("recording", await commands.query(asked.body))

    async def delete(asked: Question) -> Reply:
        await commands.delete(asked.id)
        return 204, None

    async def get(asked: Question) -> Reply:
        return await reads.recording(asked.id)

    async def list_(asked: Question) -> Reply:
        return 200, await reads.list("recording", asked.parameters)

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


def files(commands: RecordingCommands, reads: RecorderReads) -> Blueprint:
    """Bringing and fetching a recording's file."""
    routes = new_blueprint("recording_files")

    @routes.post("/recordings/import")
    @described(
        Description(
            about="Make a recording of a file as Kapacitor keeps it (.srpl, .brpl).",
            parameters=ImportRecordingSchema,
            body=_KINDS,
            answers={201: RecordingSchema},
        )
    )
    async def bring() -> Response:
        file = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        record = await commands.take_in(request.args.to_dict(), file)
        return answer(201, reads.new("recording", record))

    @routes.get("/recordings/<id>/file")
    @described(
        Description(
            about="A recording as Kapacitor keeps it (.srpl, of batches .brpl). 409: it is still being made.",
            answers={200: _KINDS},
            errors=(404, 409),
        )
    )
    async def fetch(id: str) -> Response:
        of, file = await reads.export(id)
        kind, extension = _FILES[of]
        name = {"Content-Disposition": f'attachment; filename="{id}.{extension}"'}
        return Response(file, 200, content_type=kind, headers=name)

    return routes
