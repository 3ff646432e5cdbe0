"""The resource /templates over HTTP."""

from __future__ import annotations

from quart import Blueprint, Response, request

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.refusal import Refusal
from services.gateway.commands.template_reads import TemplateReads
from services.gateway.commands.templates import TemplateCommands
from services.gateway.resources.bodies import id_of, json_body, list_parameters


def blueprint(commands: TemplateCommands, reads: TemplateReads) -> Blueprint:
    """The routes."""
    routes = Blueprint("templates", __name__)

    @routes.get("/templates")
    async def list_templates() -> Response:
        return answer(200, reads.list(list_parameters()))

    @routes.post("/templates")
    async def create_template() -> Response:
        return answer(200, reads.show(await commands.create(await json_body())))

    @routes.get("/templates/<rest:id>")
    async def get_template(id: str) -> Response:
        return answer(200, reads.get(id_of(id, "template"), request.args.to_dict()))

    @routes.patch("/templates/<rest:id>")
    async def update_template(id: str) -> Response:
        return answer(200, reads.show(await commands.update(id_of(id, "template"), await json_body())))

    @routes.delete("/templates/<rest:id>")
    async def delete_template(id: str) -> Response:
        await commands.delete(id_of(id, "template"))
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
