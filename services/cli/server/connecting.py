"""The server that a command asks, and what is said where it cannot be asked."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import click
import httpx

from grammar.golang.numbers import parse_bool
from services.cli.errors import CommandFailed, MistakenCall
from tickbus.client import Client
from tickbus.errors import Refused, TickbusError, Unreachable

_DEFAULT = "http://localhost:9092"
_SECONDS = 60.0
_LONGEST = 1000  # characters of what a server says, which may be none of ours
SHAPELESS = (KeyError, TypeError, AttributeError, IndexError, RecursionError)
"""What reading an answer ends with that is JSON, but has another shape than those of the API."""
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


def asks_server(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: the command may be told which server it asks, and its function is called with a client of it before
    its own parameters. What the client raises ends the command with a line that says what to do."""

    @functools.wraps(function)
    def command(url: str | None, skip_verify: bool, **parameters: Any) -> Any:
        ctx = click.get_current_context()
        address = address_of(ctx)
        with connected(address, skips_verifying(ctx)) as client:
            try:
                return function(client, **parameters)
            except TickbusError as error:
                raise failure(error, address) from error
            except SHAPELESS as error:
                raise CommandFailed(not_understood(shown_address(address), error)) from error

    with_url = click.option("--url", metavar="URL", help="The server, as http(s)://HOST:PORT.")(command)
    return click.option("--skipVerify", "skip_verify", is_flag=True, help="Trust any certificate.")(with_url)


def address_of(ctx: click.Context) -> str:
    """The server's address by what stands after the command and before it, and by the environment."""
    given = ctx.params.get("url") or ctx.find_root().params.get("url")
    return given or os.environ.get("KAPACITOR_URL") or _DEFAULT


def skips_verifying(ctx: click.Context) -> bool:
    """Whether any certificate is trusted, by the same. Raises MistakenCall where the environment says neither."""
    given = ctx.params.get("skip_verify") or ctx.find_root().params.get("skip_verify")
    return bool(given) or _unsafe()


def connected(address: str, skip_verify: bool) -> Client:
    """A client of the server at an address. Raises MistakenCall where it is none."""
    try:
        parts = urlsplit(address)
        (parts.hostname or "").encode("idna")  # as it is looked up
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return Client(address.rstrip("/"), timeout=_SECONDS, verify=not skip_verify)
    except (ValueError, httpx.InvalidURL):
        pass
    raise MistakenCall(f"tickbus: {shown_address(address)} is no URL of a server: it must be http(s)://HOST:PORT")


def failure(error: TickbusError, address: str, option: str = "") -> CommandFailed:
    """What is said of an error of the server, or of its absence. option: what names it, "" for the usual ways."""
    text, shown = one_line(error), shown_address(address)
    if isinstance(error, Unreachable):
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return CommandFailed(
                f"the certificate of {shown} is not trusted: name its authority with SSL_CERT_FILE, or give -skipVerify"
            )
        reason = _ERRNO.sub("", text.partition(": ")[2] or text)
        return CommandFailed(
            f"{shown} does not answer ({reason}): is `tickbus serve` running there? Name another server "
            f"with {option or '-url or KAPACITOR_URL'}"
        )
    if isinstance(error, Refused) and is_page(text):
        return CommandFailed(f"{shown} is no tickbus: it answers {error.status} and a page")
    if isinstance(error, Refused) and error.status == 401:
        if urlsplit(address).username:
            return CommandFailed(f"{text}: {shown} does not take the user and password that its URL has")
        place = option or "KAPACITOR_URL"
        return CommandFailed(f"{text}: give user and password in {place}, as http://USER:PASSWORD@HOST:9092")
    return CommandFailed(text)


def is_page(text: str) -> bool:
    """Whether an answer is a page for a browser, as no tickbus gives."""
    return text.lstrip()[:1] == "<"


def one_line(error: object) -> str:
    """What a server says, which may be none of ours, as a line that a terminal only shows."""
    shown = "".join(sign if sign.isprintable() else " " for sign in str(error))
    return " ".join(shown.split())[:_LONGEST]


def not_understood(server: str, error: Exception) -> str:
    """What is said of an answer that has another shape than those of the API."""
    return f"{server} answers otherwise than a tickbus or a Kapacitor does ({type(error).__name__}: {error})"


def shown_address(address: str) -> str:
    """The address without what nobody should read over a shoulder."""
    credentials, at, host = address.rpartition("@")
    scheme, separator, _ = credentials.partition("://")
    return f"{scheme}{separator}{host}" if at and separator else host


def path_of(kind: str, *ids: str) -> str:
    """The path of a resource, below /kapacitor/v1."""
    return "/".join((f"/{kind}", *(quote(one, safe="") for one in ids)))


def handlers_path(topic: str) -> str:
    """The path of a topic's handlers."""
    return f"{path_of('alerts/topics', topic)}/handlers"


def handler_path(topic: str, id: str) -> str:
    """The path of a handler of a topic."""
    return f"{handlers_path(topic)}/{quote(id, safe='')}"


def linked(view: dict[str, Any], link: str = "link") -> str:
    """The path that a link of the API's JSON has."""
    return quote(view[link]["href"])


def _unsafe() -> bool:
    text = os.environ.get("KAPACITOR_UNSAFE_SSL", "")
    try:
        return parse_bool(text) if text else False
    except ValueError as error:
        raise MistakenCall(f"tickbus: KAPACITOR_UNSAFE_SSL is {text}, it must be true or false") from error
