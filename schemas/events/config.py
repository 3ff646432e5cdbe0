"""Events about overrides of the configuration: `tickbus.event.config.<section>[/<element>].<what>`, by gateways.

One resource is one element of the configuration: a section that stands once, or an element of a list section by its
name; the two names stand in the subject as one, with a slash between them. Each event is published with the last
sequence of `tickbus.event.config.<section>[/<element>].*` that the gateway knew. A change counts from its
place in the log on.

Options that are secret stand in the events as they are: whoever may read the log may read them.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields


class OverriddenSchema(Schema):
    """`overridden`: these options of the element count, in the place of all that were set before."""

    class Meta:
        unknown = EXCLUDE

    create = fields.Boolean(required=True, metadata={"doc": "There is no such element in the file."})
    options = fields.Dict(fields.String(), fields.Raw(allow_none=True), required=True)


class ResetSchema(Schema):
    """`reset`: the element is what the file says, or is not there if the file has none."""

    class Meta:
        unknown = EXCLUDE


SCHEMAS: dict[str, type[Schema]] = {"overridden": OverriddenSchema, "reset": ResetSchema}
"""By the event's `what`."""
