"""The names of users, and the tokens of subscriptions, which make users as well."""

from __future__ import annotations

import hashlib

TOKENS = "_sub:"
"""How the name of a token's user begins; no name that anybody gives has a colon."""


def is_name(text: str) -> bool:
    """Whether a user may have this name, or a subscription this token: letters, digits, '-', '.', '@' and '_'."""
    return bool(text) and all(c in "-._@0123456789" or c.isalpha() for c in text)


def token_user(token: str) -> str:
    """The name of the user that a token makes: the token itself is not kept anywhere."""
    return TOKENS + hashlib.blake2b(token.encode(), digest_size=16).hexdigest()
