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
from services.gateway.commands.user_reads import UserReads
from services.gateway.commands.users import UserCommands
from services.gateway.operation import Operation, Question, Reply


def operations(commands: UserCommands, reads: UserReads) -> list[Operation]:
    """What can be done with users."""

    async def create(asked: Question) -> Reply:
        return 200, reads.show(await commands.create(asked.body))

    async def update(asked: Question) -> Reply:
        return 200, reads.show(await commands.update(asked.id, asked.body))

    async def delete(asked: Question) -> Reply:
        await commands.delete(asked.id)
        return 204, None

    async def get(asked: Question) -> Reply:
        return 200, reads.get(asked.id)

    async def list_(asked: Question) -> Reply:
        return 200, reads.list(asked.parameters)

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
        *_tokens(commands, reads),
    ]


def _tokens(commands: UserCommands, reads: UserReads) -> list[Operation]:
    async def grant(asked: Question) -> Reply:
        return 200, reads.show_token(await commands.grant(asked.body))

    async def revoke(asked: Question) -> Reply:
        await commands.revoke(asked.body)
        return 204, None

    async def list_(asked: Question) -> Reply:
        return 200, reads.tokens()

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
