"""The resource /replays over HTTP."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.refusal import Refusal
from services.gateway.commands.replays import ReplayCommands
from services.gateway.resources.bodies import id_of, json_body, list_parameters


def blueprint(commands: ReplayCommands, reads: RecorderReads) -> Blueprint:
    """The routes."""
    routes = Blueprint("replays", __name__)

    @routes.get("/replays")
    async def list_replays() -> Response:
        return answer(200, await reads.list("replay", list_parameters()))

    @routes.post("/replays")
    async def create_replay() -> Response:
        return answer(201, reads.new("replay", await commands.create(await json_body())))

    @routes.post("/replays/batch")
    async def replay_batch() -> Response:
        return answer(201, reads.new("replay", await commands.batch(await json_body())))

    @routes.post("/replays/query")
    async def replay_query() -> Response:
        return answer(201, reads.new("replay", await commands.query(await json_body())))

    @routes.get("/replays/<rest:id>")
    async def get_replay(id: str) -> Response:
        return answer(*await reads.replay(id_of(id, "replay")))

    @routes.delete("/replays/<rest:id>")
    async def delete_replay(id: str) -> Response:
        await commands.delete(id_of(id, "replay"))
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
