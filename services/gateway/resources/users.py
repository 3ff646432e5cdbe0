"""The resource /users; over the bus alone, the tokens of subscriptions."""

from __future__ import annotations

from schemas.api.user import (
    CreateUserSchema,
    GrantTokenSchema,
    ListUsersSchema,
    RevokeTokenSchema,
    TokenListSchema,
    TokenSchema,
    UpdateUserSchema,
    UserListSchema,
    UserSchema,
)
from services.gateway.commands.users import UserCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.queries.users import UserQueries


def resource(commands: UserCommands, queries: UserQueries) -> Resource:
    """What can be done with users."""
    return Resource("users", _operations(commands, queries))


def _operations(commands: UserCommands, queries: UserQueries) -> list[Operation]:
    async def create(request: OperationRequest) -> Reply:
        return 200, queries.show(await commands.create(request.body))

    async def update(request: OperationRequest) -> Reply:
        return 200, queries.show(await commands.update(request.id, request.body))

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.id)
        return 204, None

    async def get(request: OperationRequest) -> Reply:
        return 200, queries.get(request.id)

    async def list_(request: OperationRequest) -> Reply:
        return 200, queries.list(request.parameters)

    return [
        Operation(
            kind="user",
            verb="list",
            method="GET",
            path="/users",
            about="Users, in the order of the bytes of their names.",
            parameters=ListUsersSchema,
            answers={200: UserListSchema},
            run=list_,
        ),
        Operation(
            kind="user",
            verb="create",
            method="POST",
            path="/users",
            about="Make a user.",
            body=CreateUserSchema,
            answers={200: UserSchema},
            run=create,
        ),
        Operation(
            kind="user",
            verb="get",
            method="GET",
            path="/users/{id}",
            about="A user.",
            answers={200: UserSchema},
            errors=(400, 404),
            run=get,
        ),
        Operation(
            kind="user",
            verb="update",
            method="PATCH",
            path="/users/{id}",
            about="Change a user. What is left out stays; an admin has no permissions.",
            body=UpdateUserSchema,
            answers={200: UserSchema},
            errors=(400, 404),
            run=update,
        ),
        Operation(
            kind="user",
            verb="delete",
            method="DELETE",
            path="/users/{id}",
            about="Delete a user. No error where there is none.",
            answers={204: None},
            run=delete,
        ),
        *_tokens(commands, queries),
    ]


def _tokens(commands: UserCommands, queries: UserQueries) -> list[Operation]:
    async def grant(request: OperationRequest) -> Reply:
        return 200, queries.show_token(await commands.grant(request.body))

    async def revoke(request: OperationRequest) -> Reply:
        await commands.revoke(request.body)
        return 204, None

    async def list_(request: OperationRequest) -> Reply:
        return 200, queries.tokens()

    return [
        Operation(
            kind="token",
            verb="grant",
            about="Let whoever has a subscription's token write to one more database.",
            body=GrantTokenSchema,
            answers={200: TokenSchema},
            run=grant,
        ),
        Operation(
            kind="token",
            verb="revoke",
            about="Let nobody write with a token any more. No error where there is no such token.",
            body=RevokeTokenSchema,
            answers={204: None},
            run=revoke,
        ),
        Operation(
            kind="token",
            verb="list",
            about="The tokens of subscriptions.",
            answers={200: TokenListSchema},
            run=list_,
        ),
    ]
