"""The resource /recordings over HTTP."""

from __future__ import annotations

from quart import Blueprint, Response, request

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.commands.refusal import Refusal
from services.gateway.resources.bodies import id_of, json_body, list_parameters

_FILE = "application/gzip"


def blueprint(commands: RecordingCommands, reads: RecorderReads) -> Blueprint:
    """The routes."""
    routes = Blueprint("recordings", __name__)

    @routes.get("/recordings")
    async def list_recordings() -> Response:
        return answer(200, await reads.list("recording", list_parameters()))

    @routes.post("/recordings/stream")
    async def record_stream() -> Response:
        return answer(201, reads.new("recording", await commands.stream(await json_body())))

    @routes.post("/recordings/batch")
    async def record_batch() -> Response:
        return answer(201, reads.new("recording", await commands.batch(await json_body())))

    @routes.post("/recordings/query")
    async def record_query() -> Response:
        return answer(201, reads.new("recording", await commands.query(await json_body())))

    @routes.post("/recordings/import")
    async def import_recording() -> Response:
        file = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        record = await commands.take_in(request.args.to_dict(), file)
        return answer(201, reads.new("recording", record))

    @routes.get("/recordings/<rest:path>")
    async def get_recording(path: str) -> Response:
        id, slash, what = id_of(path, "recording").partition("/")
        if slash and what == "file":
            name = {"Content-Disposition": f'attachment; filename="{id}.srpl"'}
            return Response(await reads.export(id), 200, content_type=_FILE, headers=name)
        return answer(*await reads.recording(path))

    @routes.delete("/recordings/<rest:id>")
    async def delete_recording(id: str) -> Response:
        await commands.delete(id_of(id, "recording"))
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
