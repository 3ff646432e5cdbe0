"""Showing templates: one, and many."""

from __future__ import annotations

from typing import Any

from schemas.api.template import GetTemplateSchema, ListTemplatesSchema
from services.gateway.commands.listing import Page, check_fields, load, raw_script
from services.gateway.commands.refusal import Refusal
from services.gateway.scripts import Scripts
from services.gateway.state import TaskState
from services.gateway.template_view import FIELDS, LIST_FIELDS, show
from services.store.projections.records import Record


class TemplateReads:
    """What can be asked about templates."""

    def __init__(self, state: TaskState, scripts: Scripts) -> None:
        self._state = state
        self._scripts = scripts

    def show(self, record: Record) -> dict[str, Any]:
        """A template whole."""
        return show(record, self._scripts, False)

    def get(self, id: str, parameters: Any) -> dict[str, Any]:
        """GET /templates/ID. Raises Refusal: the id is looked up first."""
        record = self._state.template(id)
        if record is None:
            raise Refusal(404, "no template exists")
        return show(record, self._scripts, raw_script(load(GetTemplateSchema(), parameters)))

    def list(self, parameters: Any) -> dict[str, Any]:
        """GET /templates: in the order of the ids' bytes. Raises Refusal; an unknown field is noticed on a template."""
        given = load(ListTemplatesSchema(), parameters)
        raw = raw_script(given)
        chosen = Page(given).of(self._state.template_ids())
        fields = [*given["fields_"], "id", "link"] if given["fields_"] else list(LIST_FIELDS)
        if chosen:
            check_fields(fields, FIELDS)
        records = [record for id in chosen if (record := self._state.template(id)) is not None]
        return {"templates": [show(record, self._scripts, raw, fields) for record in records]}
