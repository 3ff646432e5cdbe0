"""Showing templates: one, and many."""

from __future__ import annotations

from typing import Any

from grammar.tickscript.ast import TickscriptError
from schemas.api.template import GetTemplateSchema, ListTemplatesSchema
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.streamed_list import StreamedList, streamed_list
from services.gateway.operations.text_body import TextBody
from services.gateway.queries.listing import Page, check_fields, load, raw_script
from services.gateway.queries.pictures import picture, wants_picture
from services.gateway.queries.template_view import FIELDS, LIST_FIELDS, show
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.pipeline.outline import outline
from services.store.folds.templates import TemplateRecord


class TemplateQueries:
    """What can be asked about templates."""

    def __init__(self, state: TaskReadModel, scripts: Scripts) -> None:
        self._state = state
        self._scripts = scripts

    async def show(self, record: TemplateRecord) -> dict[str, Any]:
        """A template whole."""
        await self._ready(record)
        return show(record, self._scripts, False)

    async def get(self, id: str, parameters: Any) -> dict[str, Any] | TextBody:
        """GET /templates/ID. Raises OperationError: the id is looked up first."""
        record = self._state.template(id)
        if record is None:
            raise OperationError(404, "no template exists")
        given = load(GetTemplateSchema(), parameters)
        raw, drawn = raw_script(given), wants_picture(given["view"])
        await self._ready(record)
        if drawn:
            try:
                graph, problem = outline(self._scripts.template(record.script).graph), ""
            except TickscriptError as error:
                graph, problem = None, str(error)
            return await picture(id, graph, problem)
        return show(record, self._scripts, raw)

    def list(self, parameters: Any) -> StreamedList:
        """GET /templates: in the order of the ids' bytes.

        Raises OperationError; an unknown field is noticed on a template.
        """
        given = load(ListTemplatesSchema(), parameters)
        raw = raw_script(given)
        chosen = Page(given).of(self._state.template_ids())
        fields = [*given["fields_"], "id", "link"] if given["fields_"] else list(LIST_FIELDS)
        if chosen:
            check_fields(fields, FIELDS)
        records = [record for id in chosen if (record := self._state.template(id)) is not None]
        return streamed_list(
            "templates", records, lambda record: show(record, self._scripts, raw, fields), ready=self._ready
        )

    async def _ready(self, record: TemplateRecord) -> None:
        await self._scripts.ready(record.script, None, template=True)
