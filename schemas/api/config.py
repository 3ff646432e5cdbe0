"""The configuration over the API: how sections are shown, and what changes them; and tests of services."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, INCLUDE, Schema, fields, pre_load

from schemas.api.task import LinkSchema


class ConfigElementSchema(Schema):
    """One element as it counts now."""

    link = fields.Nested(LinkSchema)
    options = fields.Dict(fields.String(), metadata={"doc": "What is secret only says whether it is set."})
    redacted = fields.List(fields.String(), allow_none=True, metadata={"doc": "The options that are secret."})


class ConfigSectionSchema(Schema):
    """A section: one element, or those of a list by their names."""

    link = fields.Nested(LinkSchema)
    elements = fields.List(fields.Nested(ConfigElementSchema))


class ConfigSchema(Schema):
    """All sections that may be changed."""

    link = fields.Nested(LinkSchema)
    sections = fields.Dict(fields.String(), fields.Nested(ConfigSectionSchema))


class UpdateConfigSchema(Schema):
    """POST /config/SECTION/[ELEMENT] with set and delete, POST /config/SECTION with add or remove.

    Unknown keys are ignored and null counts as left out.
    """

    class Meta:
        unknown = EXCLUDE

    set_ = fields.Dict(fields.String(), data_key="set", load_default=dict, metadata={"doc": "Options to set."})
    delete = fields.List(
        fields.String(), load_default=list, metadata={"doc": "Options that are to be as in the file again."}
    )
    add = fields.Dict(fields.String(), load_default=dict, metadata={"doc": "The options of an element to add."})
    remove = fields.List(
        fields.String(),
        load_default=list,
        metadata={"doc": "Elements to be as in the file again: those that were added are gone."},
    )

    @pre_load
    def without_nulls(self, data: Any, **kwargs: Any) -> Any:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data


class ServiceTestSchema(Schema):
    """A service that can be tested."""

    link = fields.Nested(LinkSchema)
    name = fields.String()
    options = fields.Dict(fields.String(), metadata={"doc": "Of the test, with what they are where they are left out."})


class ServiceTestListSchema(Schema):
    """Services that can be tested, by name."""

    link = fields.Nested(LinkSchema)
    services = fields.List(fields.Nested(ServiceTestSchema), allow_none=True)


class ServiceTestResultSchema(Schema):
    """What came of a test."""

    success = fields.Boolean()
    message = fields.String(metadata={"doc": "Why it failed, else empty."})


class ServiceTestOptionsSchema(Schema):
    """Options of a test in the place of those that GET shows: most have these two, each has others besides.

    What the test does not know is ignored, and null counts as left out.
    """

    class Meta:
        unknown = INCLUDE

    message = fields.String(allow_none=True, metadata={"doc": "What is sent."})
    level = fields.String(allow_none=True, metadata={"doc": "OK, INFO, WARNING or CRITICAL."})
