"""What traces and backtests have in common over the API: how one is asked for, how it is shown, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, pre_load, validate

from grammar.golang.durations import parse_go_duration
from grammar.golang.times import parse_rfc3339
from schemas.api.recording import RESULT_STATUSES
from schemas.api.task import LinkSchema

_MOST = 2**63 - 1
_LONGEST = 2**62


class Moment(fields.Field[int]):
    """A time: RFC 3339, or ns since 1970 as a number or its digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        try:
            if isinstance(value, str):
                digits = value.removeprefix("-")
                value = int(value) if digits.isascii() and digits.isdigit() else parse_rfc3339(value)
            if isinstance(value, int) and not isinstance(value, bool) and -_MOST <= value <= _MOST:
                return value
        except ValueError as error:
            raise ValidationError(_mistaken(value)) from error
        raise ValidationError(_mistaken(value))


class Span(fields.Field[int]):
    """A duration: ns as a number, or a text as `10m`; none below 0."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        try:
            value = parse_go_duration(value) if isinstance(value, str) else value
        except ValueError:
            value = None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST:
            raise ValidationError("must be a duration as 10m, or ns, 0 or more")
        return value


def _mistaken(value: Any) -> str:
    return f"must be a time in RFC 3339, or ns since 1970, and is {value!r:.60}"


class InspectionRequestSchema(Schema):
    """What requests for traces and backtests have in common. A key that is not known is refused."""

    class Meta:
        unknown = RAISE

    id = fields.String(
        load_default="", metadata={"doc": "Letters, digits, '-', '.' and '_'; a UUID where it is left out."}
    )
    start = Moment(required=True, metadata={"doc": "RFC 3339, or ns since 1970: where to begin in the log."})
    stop = Moment(
        load_default=None, metadata={"doc": "RFC 3339, or ns since 1970: where to end; now where it is left out."}
    )

    @pre_load
    def without_nulls(self, data: Any, **kwargs: Any) -> Any:
        """null counts as left out."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class InspectionSchema(Schema):
    """A trace or a backtest as it is shown."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    date = fields.String(metadata={"doc": "RFC 3339; when it was asked for."})
    status = fields.String(validate=validate.OneOf(RESULT_STATUSES))
    error = fields.String()
    progress = fields.Float(metadata={"doc": "0 to 1."})
    start = fields.String(metadata={"doc": "RFC 3339."})
    stop = fields.String(metadata={"doc": "RFC 3339."})
    summary = fields.Dict(metadata={"doc": "What came of it, in short; {} until it has finished."})


class ResultsParametersSchema(Schema):
    """The parameters of GET /traces/ID/results and the like. offset and limit are texts, as in other lists."""

    class Meta:
        unknown = EXCLUDE

    offset = fields.String(load_default="", metadata={"doc": "Of the first line, 0 where it is left out."})
    limit = fields.String(
        load_default="",
        metadata={"doc": "How many lines at most, 1,000 where it is left out; fewer where they are long."},
    )


class ResultsSchema(Schema):
    """Lines of what was found, in the order of the run."""

    results = fields.List(fields.Dict())
    next = fields.Integer(metadata={"doc": "The offset of the line behind them."})
    count = fields.Integer(metadata={"doc": "How many lines there are by now."})
    left_out = fields.Integer(
        data_key="left-out", attribute="left-out", metadata={"doc": "How many more were found than results can hold."}
    )
