"""Looking on at what leaves the nodes of a task, live."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields


class TapParametersSchema(Schema):
    """The parameters of GET /tasks/TASK/tap. What is wrong with a text is told by its name."""

    class Meta:
        unknown = EXCLUDE

    node = fields.String(load_default="", metadata={"doc": "Of which node; empty: of all."})
    group = fields.String(
        load_default="",
        metadata={"doc": "Tags with their values, `host=a,cpu=0`, that points and the groups of batches have to have."},
    )
    rate = fields.String(load_default="", metadata={"doc": "Rows a second at most: 1 to 1000, 100 if left out."})
    for_ = fields.String(
        data_key="for",
        load_default="",
        metadata={"doc": "A duration as 10s, after which it ends; empty: it goes on until the client goes."},
    )
