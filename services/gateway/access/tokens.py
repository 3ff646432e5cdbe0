"""JSON Web Tokens that stand for a user: signed with the shared secret, with an end, naming the user."""

from __future__ import annotations

import warnings
from typing import Any

import jwt
from jwt.types import Options

from services.gateway.access.privileges import Denied

_ALGORITHMS = ("HS256", "HS384", "HS512")
_CLAIMS = Options(verify_aud=False, verify_iss=False, verify_sub=False, verify_jti=False)
_WORDS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.InvalidSignatureError, "signature is invalid"),
    (jwt.ExpiredSignatureError, "Token is expired"),
    (jwt.ImmatureSignatureError, "Token is not valid yet"),
    (jwt.InvalidAlgorithmError, "unexpected signing method"),
)
"""How Kapacitor 1.8.3 says it."""

# How long the secret is, is for those to say who share it.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)


def user_named(token: str, secret: str) -> str:
    """The name of the user that a token stands for, now. Denied, 401, where it stands for nobody.

    Its claims `username` and `exp` must be there; `nbf` and `iat` count where they are.
    """
    if not secret:
        raise Denied(401, "invalid token: no shared-secret is configured")
    claims = _claims(token, secret)
    exp, name = claims.get("exp"), claims.get("username")
    if not isinstance(exp, int | float) or isinstance(exp, bool) or exp <= 0:
        raise Denied(401, "token expiration required")
    if not isinstance(name, str):
        raise Denied(401, "username in token must be a string")
    if not name:
        raise Denied(401, "token must contain a username")
    return name


def _claims(token: str, secret: str) -> dict[str, Any]:
    try:
        return jwt.decode(token, secret, algorithms=_ALGORITHMS, options=_CLAIMS)
    except jwt.PyJWTError as error:
        text = next((words for kind, words in _WORDS if isinstance(error, kind)), str(error))
        raise Denied(401, f"invalid token: {text}") from error
