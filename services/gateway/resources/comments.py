"""The resource /alerts/topics/TOPIC/events/EVENT/comments: what people say of an alert."""

from __future__ import annotations

from grammar.golang.quoting import quote
from schemas.api.oncall.comment import CommentListSchema, CommentRequestSchema
from services.gateway.clients.alerting import AlertingClient
from services.gateway.commands.oncall.comments import CommentCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError

_PATH = "/alerts/topics/{topic}/events/{id}/comments"


def resource(commands: CommentCommands, alerting: AlertingClient) -> Resource:
    """Saying something, and what was said."""
    return Resource("comments", _operations(commands, alerting))


def _operations(commands: CommentCommands, alerting: AlertingClient) -> list[Operation]:
    async def comment(request: OperationRequest) -> Reply:
        await commands.comment(request.names["topic"], request.id, request.body)
        return 204, None

    async def list_(request: OperationRequest) -> Reply:
        topic, id = request.names["topic"], request.id
        found = await alerting.comments(topic, id)
        if found is None:
            raise OperationError(404, f"unknown event {quote(id)} in topic {quote(topic)}")
        return 200, {"link": {"rel": "self", "href": request.link}, "comments": found}

    return [
        Operation(
            kind="topic",
            verb="comment",
            method="POST",
            path=_PATH,
            slashes=True,
            about="Say something of an alert: it is shown with its event, and kept as long as its history, the last "
            "hundred of an alert.",
            body=CommentRequestSchema,
            answers={204: None},
            errors=(400, 404),
            run=comment,
        ),
        Operation(
            kind="topic",
            verb="comments",
            method="GET",
            path=_PATH,
            slashes=True,
            about="What was said of an alert, oldest first; of one that its topic has no more, too.",
            answers={200: CommentListSchema},
            errors=(404,),
            run=list_,
        ),
    ]
