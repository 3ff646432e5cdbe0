"""Secrets that the configuration keeps: they are sent where they are for, and what is shown of a setting hides them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from marshmallow import Schema, fields

from schemas.config.fields import NatsUrls
from schemas.config.section import keys_of

HIDDEN = "********"

_TARGETS = frozenset({"url", "urls", "recovery-url", "host", "port", "addr", "api-servers", "servers", "brokers"})
_SIGNED = ("username",)
_HEADERS = "headers"

_USER = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]*@")
_SECRET_NAME = re.compile(r"auth|token|key|secret|cookie|passw|signature|credential", re.IGNORECASE)
_QUERY = re.compile(r"([?&])([^=&#]+)=([^&#]+)")
_LONG_PART = re.compile(r"(?<=[/=])[^/?&=#]{9,}")


def misdirected(
    schema: Schema,
    base: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    given: Collection[str],
) -> str:
    """Why a change of an element would send a secret elsewhere than where it is for, "" where it would not.

    base: the element in the file. given: the settings that the change gives, which whoever makes it knows.
    """
    for name, declared in keys_of(schema).items():
        value = after.get(name)
        if declared.metadata.get("signs") and value and before != after:
            # whoever makes the change need not know what is signed with, which lets in here as well
            if any(base.get(setting) != after.get(setting) for setting in (*_TARGETS, *_SIGNED, name)):
                return f"{name} is for the file to switch on, with urls and username as they are there"
            continue
        if not _is_secret(name, declared, value) or name in given:
            continue
        kept_by = before if before.get(name) == value else base
        if any(kept_by.get(target) != after.get(target) for target in _TARGETS):
            return f"{name} is kept, but for another host: it must be given in the same change"
    return ""


def shown(name: str, declared: fields.Field[Any], value: Any) -> Any:
    """A setting's value without passwords in URLs, the secret parts of webhooks, and headers that log in."""
    if isinstance(value, list | tuple):
        return [shown(name, declared, one) for one in value]
    if isinstance(value, dict) and name == _HEADERS:
        return {header: HIDDEN if _SECRET_NAME.search(header) else text for header, text in value.items()}
    if isinstance(declared, NatsUrls):
        return ",".join(f"{before}{secret and HIDDEN}{after}" for before, secret, after in _logins(value))
    if not isinstance(value, str) or "://" not in value or value == declared.load_default:
        return value
    if declared.metadata.get("webhook"):
        scheme, _, rest = value.partition("://")
        place, slash, path = rest.partition("/")
        value = f"{scheme}://{place}{_LONG_PART.sub(HIDDEN, slash + path)}"
    return _QUERY.sub(_hidden_parameter, _USER.sub(rf"\1:{HIDDEN}@", value))


def secrets_of(schema: Schema, element: Mapping[str, Any]) -> set[str]:
    """The texts in an element that nobody should read."""
    found: set[str] = set()
    for name, declared in keys_of(schema).items():
        value = element.get(name)
        if declared.metadata.get("secret"):
            given = value.values() if isinstance(value, Mapping) else [value]
            found |= {one for one in given if isinstance(one, str) and one != declared.load_default}
        elif isinstance(declared, NatsUrls) and isinstance(value, str):
            found |= {text for _, secret, _ in _logins(value) if secret for text in (secret, unquote(secret))}
        elif name == _HEADERS and isinstance(value, Mapping):
            found |= {text for header, text in value.items() if _SECRET_NAME.search(header)}
        elif declared.metadata.get("webhook") and isinstance(value, str):
            found |= set(_LONG_PART.findall(value.partition("://")[2]))
    return found


def _logins(urls: str) -> Iterator[tuple[str, str, str]]:
    """Each URL, cut around what logs in there: the password, or a user alone, which is a token."""
    for url in urls.split(","):
        scheme, slashes, rest = url.rpartition("://")
        login, at, host = rest.rpartition("@")
        user, colon, password = login.partition(":")
        before, secret = (f"{user}:", password) if colon else ("", login)
        yield f"{scheme}{slashes}{before}", secret, f"{at}{host}"


def _is_secret(name: str, declared: fields.Field[Any], value: Any) -> bool:
    if not value or value == declared.load_default:
        return False
    if name == _HEADERS:
        return any(_SECRET_NAME.search(header) for header in value)
    return bool(declared.metadata.get("secret"))


def _hidden_parameter(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}={HIDDEN if _SECRET_NAME.search(match[2]) else match[3]}"
