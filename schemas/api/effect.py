"""What a run in which nothing is done outside would have done there: a line for each thing."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.requests.alerting import LEVELS

KINDS = ("alert", "inhibition", "post", "influxdb", "loopback", "log", "scale", "failure", "error")


class OriginSchema(Schema):
    """Which point caused it: its message's place in WRITES and the number of its line. Or the timer, by its time."""

    seq = fields.Integer(metadata={"doc": "In a run over batches the number of the batch."})
    row = fields.Integer(metadata={"doc": "From 0 on."})
    tick = fields.String(metadata={"doc": "RFC 3339; instead of seq and row, what a timer caused."})
    ordinal = fields.Integer(
        metadata={"doc": "The how-manieth thing of the node it is that the point caused, from 0 on."}
    )


class EffectSchema(Schema):
    """One thing that would have been done. Which keys it has follows from its kind."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf(KINDS),
        metadata={
            "doc": "alert: an event of an alert node, for its topics to handle. inhibition: alerts of a category are "
            "inhibited from then on, or no more. post, influxdb, log, scale: what the nodes httpPost, influxDBOut, log "
            "and those that scale clusters would do. loopback: what kapacitorLoopback would write. failure: the task "
            "has ended. error: what a node complained of, once, behind all others."
        },
    )
    node = fields.String(metadata={"doc": "Its name in the task's graph; not of a failure."})
    time = fields.String(
        metadata={"doc": "RFC 3339, of the point or batch that it is about; not of failures and errors."}
    )
    topics = fields.List(fields.String(), metadata={"doc": "Of an alert."})
    id = fields.String(metadata={"doc": "Of an alert."})
    level = fields.String(metadata={"doc": f"Of an alert: {', '.join(LEVELS)}. Of a line for the log: its own."})
    previousLevel = fields.String(
        validate=validate.OneOf(LEVELS), metadata={"doc": "Of an alert: what the id had, as far as the run knows."}
    )
    duration = fields.Integer(metadata={"doc": "Of an alert: ns since it is not OK."})
    message = fields.String(metadata={"doc": "Of an alert."})
    details = fields.String(
        allow_none=True, metadata={"doc": "Of an alert; null where the script gives no details of its own."}
    )
    recoverable = fields.Boolean(metadata={"doc": "Of an alert."})
    category = fields.String(metadata={"doc": 'Of an alert, "" for none, and of an inhibition.'})
    data = fields.Dict(metadata={"doc": "Of an alert: {series: […]}, as in the JSON that its handlers get."})
    origin = fields.Nested(OriginSchema, metadata={"doc": "Of an alert or an inhibition."})
    on = fields.Boolean(metadata={"doc": "Of an inhibition: whether it begins."})
    url = fields.String(metadata={"doc": "Of a post, without passwords."})
    endpoint = fields.String(metadata={"doc": "Of a post to one of the configuration: its name."})
    headers = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"doc": "Of a post; what is secret is starred out."}
    )
    body = fields.Raw(metadata={"doc": "Of a post: what JSON it holds, else its text."})
    cluster = fields.String(metadata={"doc": "Of a write to InfluxDB or of scaling: its name in the configuration."})
    database = fields.String(metadata={"doc": "Of a write to InfluxDB, or back to tickbus."})
    retention_policy = fields.String(data_key="retention-policy", metadata={"doc": "As database."})
    precision = fields.String(metadata={"doc": 'Of a write to InfluxDB: the unit of its times, "" for ns.'})
    lines = fields.List(fields.String(), metadata={"doc": "Line protocol: of a write to InfluxDB, or back to tickbus."})
    command = fields.String(metadata={"doc": "Of InfluxDB, instead of lines: what creates the database."})
    prefix = fields.String(metadata={"doc": "Of a line for the log."})
    point = fields.String(metadata={"doc": "Of a point in the log: its measurement."})
    batch = fields.String(metadata={"doc": "Of a batch in the log: its measurement."})
    group = fields.String(metadata={"doc": "Of what is in the log."})
    tags = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"doc": "Of what is in the log, and of an inhibition."}
    )
    fields_ = fields.Dict(data_key="fields", metadata={"doc": "Of a point in the log."})
    points = fields.List(fields.Dict(), metadata={"doc": "Of a batch in the log: {time, tags, fields} of each point."})
    resource = fields.String(metadata={"doc": "Of scaling: what is scaled."})
    resource_kind = fields.String(
        data_key="resource-kind", metadata={"doc": "Of scaling: what that is, as Kubernetes has it."}
    )
    namespace = fields.String(metadata={"doc": "Of scaling."})
    old = fields.Integer(metadata={"doc": "Of scaling: how many there were."})
    new = fields.Integer(metadata={"doc": "Of scaling: how many there are to be."})
    error = fields.String(metadata={"doc": "Of a failure or an error: why."})
