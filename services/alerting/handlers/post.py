"""post: send each event in an HTTP POST, as JSON or as a template of the configuration makes it.

A post that is not answered in time is sent again, and so is one that is answered with 408, 425, 429, 502, 503 or 504;
each time with the same header `Idempotency-Key`, which no other event has.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from grammar.gotemplate import Duration, Level, Template, TemplateError, Time
from grammar.gotemplate import parse as parse_template
from grammar.gotemplate.errors import CallError
from grammar.gotemplate.gojson import to_json
from schemas.config.fields import Text
from schemas.config.section import schema_of, setting
from services.alerting.event import AlertData, Result
from services.alerting.handler import Around, Refused
from services.alerting.http import Tls
from services.pipeline.spec import HandlerSpec, Properties, Type, argument, flag, prop, putting

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "httppost"

_NO_CAPTURE = "unknown error, use .captureResponse() to capture the HTTP response"
_SHOWN = 1000


@dataclass
class PostProperties(Properties):
    """Where to, and how."""

    urls: list[str] = argument(Type.STRING, variadic=True, doc="The URL; a template. Not needed with an endpoint.")
    endpoint: str = prop(Type.STRING, default="", doc="An endpoint of the configuration, in place of the URL.")
    headers: dict[str, str] = putting(Type.STRING, name="header", doc="A header; wins over the endpoint's own.")
    capture_response: bool = flag(doc="Have what the server says to a refused post in the log.")
    timeout: int = prop(
        Type.DURATION,
        default=0,
        doc="How long to wait for an answer; `timeout` in [alert] unless set.",
    )
    skip_ssl_verification: bool = flag(name="skipSSLVerification", doc="Take any certificate.")

    def check(self) -> None:
        if any(name.upper() == "AUTHENTICATE" for name in self.headers):
            raise ValueError("cannot set 'authenticate' header")


@dataclass(frozen=True, slots=True)
class Options:
    """Where to, and how; timeout in ns, 0 for the usual one."""

    url: str = ""
    endpoint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    capture_response: bool = False
    timeout: int = 0
    skip_ssl_verification: bool = False


class OptionsSchema(Schema):
    """{"url", "endpoint", "headers", "capture-response", "timeout": ns, "skip-ssl-verification"}, all optional."""

    url = fields.String(load_default="", metadata={"doc": "Where to; a template that sees the alert's data."})
    endpoint = fields.String(load_default="", metadata={"doc": "An endpoint of the configuration, in place of url."})
    headers = fields.Dict(
        fields.String(),
        fields.String(),
        load_default=dict,
        allow_none=True,
        metadata={"doc": "Headers by name; they win over the endpoint's own."},
    )
    capture_response = fields.Boolean(
        data_key="capture-response",
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"doc": "Have what the server says to a refused post in the log."},
    )
    timeout = fields.Integer(
        load_default=0,
        strict=True,
        metadata={"doc": "How long to wait for an answer, in ns; 0: as long as `timeout` in [alert] says."},
    )
    skip_ssl_verification = fields.Boolean(
        data_key="skip-ssl-verification",
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"doc": "Take any certificate."},
    )

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(**{**data, "headers": data["headers"] or {}})


@dataclass(frozen=True, kw_only=True)
class BasicAuth:
    """basic-auth of an endpoint. It counts where both are set."""

    username: str = setting("", Text, "The user's name.")
    password: str = setting("", Text, "The user's password.", secret=True)


class _BasicAuthField(fields.Nested):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(schema_of(BasicAuth)(), **kwargs)


class _HeadersField(fields.Dict):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Text(), Text(), **kwargs)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """[[httppost]]: an endpoint that scripts and handlers name."""

    endpoint: str = setting("example", Text, "The endpoint's name.")
    url: str = setting("http://example.com", Text, "Where to post to; a template that sees the alert's data.")
    headers: Mapping[str, str] | None = setting(None, _HeadersField, "Headers of every post, by name.")
    basic_auth: BasicAuth | None = setting(None, _BasicAuthField, "username and password.", secret=True)  # noqa: RUF009
    alert_template: str = setting("", Text, "A template for the body of an alert, in place of JSON.")
    alert_template_file: str = setting("", Text, "The absolute path of a file with that template.")
    row_template: str = setting("", Text, "A template for the body of an httpPost node's post, in place of JSON.")
    row_template_file: str = setting("", Text, "The absolute path of a file with that template.")


class EndpointSchema(schema_of(Endpoint)):  # type: ignore[misc]
    """The section, whose settings must also fit each other."""

    @validates_schema
    def fits(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not data["endpoint"]:
            raise ValidationError("must specify endpoint name")
        if not data["url"]:
            raise ValidationError("must specify url")
        for kind in ("alert", "row"):
            text, file = data[f"{kind}_template"], data[f"{kind}_template_file"]
            if text and file:
                raise ValidationError(f"must specify only one of {kind}-template and {kind}-template-file")
            if file and not Path(file).is_absolute():
                raise ValidationError(f"must use an absolute path for {kind}-template-file")
            _parses(f"{kind}-template", text)
        _parses("url", data["url"])


def _parses(key: str, text: str) -> None:
    try:
        parse_template(text, "body", json=True)
    except TemplateError as error:
        raise ValidationError({key: [f"failed to parse template: {error}"]}) from None


def options_of(properties: PostProperties) -> dict[str, Any]:
    """A script's properties as options."""
    return {
        "url": properties.urls[0] if properties.urls else "",
        "endpoint": properties.endpoint,
        "headers": dict(properties.headers),
        "capture-response": properties.capture_response,
        "timeout": properties.timeout,
        "skip-ssl-verification": properties.skip_ssl_verification,
    }


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """There must be an endpoint of that name, or a URL that is a template."""
    if endpoint_of(options.endpoint, sections) is not None:
        return
    if not options.url:
        raise ValueError("An appropriately formatted url must be specified if an endpoint is not specified")
    try:
        parse_template(options.url, "body", json=True)
    except TemplateError as error:
        raise ValueError(f"failed to parse template: {error}") from None


def _check_start(options: dict[str, Any], sections: Mapping[str, Any]) -> None:
    if not options["endpoint"] and not options["url"]:
        raise ValueError("Either URL or endpoint must be non-empty")
    try:
        check(OPTIONS.load(options), sections)
    except ValueError as error:
        raise ValueError(f"failed to create HTTPPostService.Handler: {error}") from None


SPEC = HandlerSpec("post", "AlertHTTPPostHandler", PostProperties, __doc__ or "", options_of, _check_start)
OPTIONS = OptionsSchema()
CONFIG_SECTIONS = {SECTION: EndpointSchema(many=True)}


def endpoint_of(name: str, sections: Mapping[str, Any]) -> Endpoint | None:
    """An endpoint of the configuration by its name. Without any configured there is one, called example."""
    endpoints: Sequence[Endpoint] = sections.get(SECTION) or (Endpoint(),)
    return next((e for e in endpoints if e.endpoint == name), None)


def timeout(options: Options, around: Around) -> float | None:
    """What the script says, else the usual."""
    return options.timeout / 1e9 if options.timeout > 0 else around.timeout or None


async def handle(event: Event, options: Options, around: Around) -> None:
    """Post. What the server answers with 2xx is taken; with most other answers it is refused and not sent again."""
    endpoint = endpoint_of(options.endpoint, around.sections) or Endpoint(url=options.url)
    try:
        url, headers, body = request(event, options, endpoint)
    except (TemplateError, CallError, OSError, ValueError) as error:
        raise Refused(str(error)) from error
    answer = await around.post(url, headers, body, Tls(verify=not options.skip_ssl_verification))
    if answer.taken:
        return
    text = answer.body[:_SHOWN].decode("utf-8", "replace") if options.capture_response else _NO_CAPTURE
    raise answer.problem(f"POST returned non 2xx status code {answer.status}: {text}")


def request(event: Event, options: Options, endpoint: Endpoint) -> tuple[str, dict[str, str], bytes]:
    """URL, headers and body of the post. Headers of the options win over the endpoint's, whatever their case."""
    headers: dict[str, str] = {}
    auth = endpoint.basic_auth
    if auth is not None and auth.username and auth.password:
        pair = f"{auth.username}:{auth.password}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    template = _alert_template(endpoint)
    body = event.json() if template is None else template.execute(event.data()).encode()
    for given in (endpoint.headers or {}, options.headers):
        for name, value in given.items():
            _put(headers, name, value)
    if template is None:
        _put(headers, "Content-Type", "application/json")
    url = endpoint.url if "{{" not in endpoint.url else _template(endpoint.url).execute(event.data())
    return url, headers, body


def _alert_template(endpoint: Endpoint) -> Template | None:
    if endpoint.alert_template:
        return _template(endpoint.alert_template)
    if endpoint.alert_template_file:
        return _template(Path(endpoint.alert_template_file).read_text("utf-8"))
    return None


@functools.lru_cache(maxsize=256)
def _template(text: str) -> Template:
    return parse_template(text, "body", json=True)


def _put(headers: dict[str, str], name: str, value: str) -> None:
    for known in [known for known in headers if known.lower() == name.lower()]:
        del headers[known]
    headers[name] = value


def _nothing() -> AlertData:
    zero = Time(-62135596800 * 10**9)  # the year 1
    series: Any = None  # as Go shows a list that nobody made
    return AlertData("", "", "", zero, Duration(0), Level(0), Result(series, None), Level(0), False)


class _Test:
    """Posts an event without anything in it; whatever the server answers is well."""

    def options(self, sections: Mapping[str, Any]) -> dict[str, Any]:
        """As Kapacitor has them. endpoint and timeout (ns) are of no effect."""
        url = "http://localhost:3000/"
        return {"endpoint": "example", "url": url, "headers": {"Auth": "secret"}, "timeout": 0}

    async def run(self, options: dict[str, Any], sections: Mapping[str, Any], around: Around) -> None:
        """Raises ValueError where the URL is no template, Unsent or Refused where nobody answers."""
        try:
            url = _template(options["url"]).execute(_nothing())
        except (TemplateError, CallError) as error:
            raise ValueError(f"failed to parse template: {error}") from error
        headers = {**options["headers"], "Content-Type": "application/json"}
        await around.http.post(url, headers, to_json(_nothing()).encode() + b"\n")


TEST = _Test()
