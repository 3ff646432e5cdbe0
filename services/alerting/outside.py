"""What handlers of services elsewhere have in common: their sections, the posts that they send, their templates."""

from __future__ import annotations

import base64
import dataclasses
import functools
import importlib.util
import json
import posixpath
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from marshmallow import Schema, ValidationError

from grammar.gotemplate import Duration, Struct, Template, TemplateError, Time
from grammar.gotemplate import parse as parse_template
from grammar.gotemplate.errors import CallError
from grammar.gotemplate.gojson import to_json
from schemas.config.among import W, default_workspace
from services.alerting.handler import Around, Refused
from services.alerting.http import Tls
from services.engine.alerts.info import LEVELS
from services.pipeline.spec import Properties

if TYPE_CHECKING:
    from services.alerting.event import Event

_JSON = {"Content-Type": "application/json"}
_IN_PATH = "/$&+,:;=@!'()*~"

Sections = Mapping[str, Any]
S = TypeVar("S")


class EventData(Struct, go="alert.TemplateData"):
    """What the templates of handlers see of an event."""

    ID: str
    Message: str
    Level: str
    Time: Time
    Duration: Duration
    Details: str
    Name: str
    TaskName: str
    Group: str
    Tags: dict[str, str]
    Fields: dict[str, object]


def data_of(event: Event) -> EventData:
    """An event as templates of handlers see it."""
    return EventData(
        event.id,
        event.message,
        LEVELS[event.level],
        Time(event.time),
        Duration(event.duration),
        event.details,
        event.name,
        event.task,
        event.group,
        dict(event.tags),
        dict(event.fields),
    )


def rendered(text: str, name: str, data: Struct) -> str:
    """A template of the options, executed. Refused where it fails with this event."""
    if "{{" not in text:
        return text
    try:
        return _template(text, name).execute(data)
    except (TemplateError, CallError) as error:
        raise Refused(str(error)) from error


def check_template(text: str, name: str) -> None:
    """ValueError where the text is no template."""
    try:
        _template(text, name)
    except TemplateError as error:
        raise ValueError(str(error)) from None


def check_templates(texts: Mapping[str, Any]) -> None:
    """`check_template` for each text, by its name; what is no text is no template."""
    for name, value in texts.items():
        if isinstance(value, str):
            check_template(value, name)


@functools.lru_cache(maxsize=512)
def _template(text: str, name: str) -> Template:
    return parse_template(text, name)


def check_url(url: str) -> None:
    """For sections: ValidationError where it is no URL. An empty one is taken."""
    try:
        urlsplit(url).port  # noqa: B018 - what it raises counts
    except ValueError as error:
        raise ValidationError(f"invalid url {json.dumps(url)}: {error}") from None


def options_of(properties: Properties) -> dict[str, Any]:
    """A script's properties as options of the same names, with dashes."""
    names = [field.name for field in dataclasses.fields(properties)]
    return {name.rstrip("_").replace("_", "-"): getattr(properties, name) for name in names}


def start_check(
    what: str, options: Schema, check: Callable[[Any, Sections], None]
) -> Callable[[dict[str, Any], Sections], None]:
    """For HandlerSpec.check: the handler's own check, whose errors begin with what cannot be made."""

    def checked(given: dict[str, Any], sections: Sections) -> None:
        try:
            check(options.load(given), sections)
        except ValueError as error:
            raise ValueError(f"failed to create {what}: {error}") from None

    return checked


def section_of(sections: Sections, name: str, kind: type[S]) -> S:
    """A section of the configuration; its defaults where it was not loaded."""
    found: S | None = sections.get(name)
    return kind() if found is None else found


def workspace_of(sections: Sections, name: str, workspace: str, kind: type[W]) -> W:
    """One of the sections that stand repeatedly: by its name, or for "" the default. Refused where there is none."""
    found: Sequence[W] = sections.get(name) or (kind(),)
    if not workspace:
        return default_workspace(found)
    for one in found:
        if one.workspace == workspace:
            return one
    raise Refused("workspace id not found")


def everywhere_of(section: Any) -> tuple[bool, bool]:
    """Whether every alert uses the section's service, and then only for changes of level."""
    return section.global_, section.global_ and getattr(section, "state_changes_only", False)


def enabled(section: S) -> S:
    """The section. Refused where it is switched off."""
    if not section.enabled:  # type: ignore[attr-defined]
        raise Refused("service is not enabled")
    return section


def joined(url: str, *parts: str) -> str:
    """The URL with more parts of a path, slashes in them and dots cleaned as paths of files are; its query stays."""
    try:
        split = urlsplit(url)
    except ValueError as error:
        raise Refused(f"invalid URL: {error}") from error
    path = posixpath.normpath("/".join(part for part in (unquote(split.path), *parts) if part))
    path = "/" + path.lstrip("/.")
    return urlunsplit(split._replace(path=quote(path, safe=_IN_PATH)))


async def post_json(
    around: Around,
    url: str,
    body: Any,
    service: str,
    *,
    key: str = "error",
    headers: Mapping[str, str] = _JSON,
    tls: Tls | None = None,
    told: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Post a value as Go writes it as JSON. Every 2xx counts as taken; else Unsent or Refused with what the answer has
    under `key`.

    service: its name, for the error where the answer is not understood. told: errors of statuses that say it all.
    """
    answer = await around.post(url, {**_JSON, **headers}, encoded(body), tls)
    if answer.taken:
        return
    said = told.get(answer.status) or said_in(answer.body).get(key)
    text = answer.body.decode("utf-8", "replace")
    unclear = f"failed to understand {service} response. code: {answer.status} content: {text}"
    raise answer.problem(said if isinstance(said, str) else unclear)


def encoded(body: Any) -> bytes:
    """One line of JSON as Go writes it. Refused where a value has none (NaN)."""
    try:
        return to_json(body).encode("utf-8", "replace") + b"\n"
    except CallError as error:
        raise Refused(str(error)) from error


def said_in(answer: bytes) -> Mapping[str, Any]:
    """The object that an answer is, empty where it is none."""
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def cut(text: str, most: int) -> str:
    """So many bytes of a text, no character of it halved."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore")


def basic(username: str, password: str) -> dict[str, str]:
    """The header that logs in; none where one of both is missing."""
    if not username or not password:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def need(library: str, extra: str) -> None:
    """ValueError where a library is not there that only an extra of tickbus brings."""
    if importlib.util.find_spec(library) is None:
        raise ValueError(f"{library} is not installed: pip install 'tickbus[{extra}]'")
