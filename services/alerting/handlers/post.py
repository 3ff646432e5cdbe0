"""post: send each event in an HTTP POST, as JSON or as a template of the configuration makes it.

A post that is not answered in time is sent again, and so is one that is answered with 408, 425, 429, 502, 503 or 504;
each time with the same header `Idempotency-Key`, which no other event has.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from grammar.golang.errors import CallError
from grammar.golang.json_writer import to_json
from grammar.gotemplate import Duration, Level, Template, TemplateError, Time
from grammar.gotemplate import parse as parse_template
from schemas.config.fields import Text
from schemas.config.section import schema_of, setting
from services.alerting.declarations.options import Integer, Of, ScriptProperty, StringMap, Switch, option
from services.alerting.declarations.sections import Section, Sections
from services.alerting.errors import Rejected
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.http_service import basic
from services.alerting.topics.alert_event import AlertData, AlertEvent, Result
from services.alerting.transports.tls import Tls
from services.pipeline.spec import Type
from services.process.files import text_of
from services.process.permissions import OPEN, Guard

_NO_CAPTURE = "unknown error, use .captureResponse() to capture the HTTP response"
_SHOWN = 1000


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and how; timeout in ns, 0 for the usual one."""

    url: str = option(
        "Where to; a template that sees the alert's data. Not needed with an endpoint",
        fields.String,
        test="http://localhost:3000/",
        script=ScriptProperty(argument="urls", variadic=True),
    )
    endpoint: str = option("An endpoint of the configuration, in place of the URL", fields.String, test="example")
    headers: Mapping[str, str] = option(
        "Headers by name; they win over the endpoint's own",
        StringMap,
        test={"Auth": "secret"},
        script=ScriptProperty("header"),
    )
    capture_response: bool = option("Have what the server says to a refused post in the log", Switch)
    timeout: int = option(
        "How long to wait for an answer, in ns; 0: as long as `timeout` in [alert] says",
        Integer,
        test=0,
        script=ScriptProperty(type=Type.DURATION),
    )
    skip_ssl_verification: bool = option("Take any certificate", Switch, script=ScriptProperty("skipSSLVerification"))


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


SECTION = Section("httppost", Endpoint, many=True, schema_class=EndpointSchema)


class PostHandler(AlertHandler[Options]):
    """What the server answers with 2xx is taken; with most other answers it is refused and not sent again."""

    kind = "post"
    type_name = "AlertHTTPPostHandler"
    created_as = "HTTPPostService.Handler"
    options = Options
    section = SECTION
    # as Kapacitor has them; endpoint and timeout are of no effect
    test_options: ClassVar[Mapping[str, Any]] = {
        "endpoint": Of("endpoint"),
        "url": Of("url"),
        "headers": Of("headers"),
        "timeout": Of("timeout"),
    }

    def check_script(self, properties: Any) -> None:
        if any(name.upper() == "AUTHENTICATE" for name in properties.headers):
            raise ValueError("cannot set 'authenticate' header")

    def check(self, options: Options, sections: Sections) -> None:
        """There must be an endpoint of that name, or a URL that is a template."""
        if endpoint_of(options.endpoint, sections) is not None:
            return
        if not options.url:
            raise ValueError("An appropriately formatted url must be specified if an endpoint is not specified")
        try:
            _template(options.url)
        except TemplateError as error:
            raise ValueError(f"failed to parse template: {error}") from None

    def check_start(self, given: dict[str, Any], sections: Sections) -> None:
        if not given["endpoint"] and not given["url"]:
            raise ValueError("Either URL or endpoint must be non-empty")
        super().check_start(given, sections)

    def timeout(self, options: Options, context: HandlerContext) -> float | None:
        """What the script says, else the usual."""
        return options.timeout / 1e9 if options.timeout > 0 else context.timeout or None

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        endpoint = endpoint_of(options.endpoint, context.sections) or Endpoint(url=options.url)
        try:
            url, headers, body = request(event, options, endpoint, context.guard)
        except (TemplateError, CallError, OSError, ValueError) as error:
            raise Rejected(str(error)) from error
        answer = await context.post(url, headers, body, Tls(verify=not options.skip_ssl_verification))
        if answer.taken:
            return
        text = answer.body[:_SHOWN].decode("utf-8", "replace") if options.capture_response else _NO_CAPTURE
        raise answer.problem(f"POST returned non 2xx status code {answer.status}: {text}")

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        """Post an event without anything in it; whatever the server answers is well. ValueError where the URL is no
        template."""
        try:
            url = _template(given["url"]).execute(_nothing())
        except (TemplateError, CallError) as error:
            raise ValueError(f"failed to parse template: {error}") from error
        headers = {**given["headers"], "Content-Type": "application/json"}
        await context.http.post(url, headers, to_json(_nothing()).encode() + b"\n")


def endpoint_of(name: str, sections: Sections) -> Endpoint | None:
    """An endpoint of the configuration by its name. Without any configured there is one, called example."""
    return next((endpoint for endpoint in SECTION.elements(sections) if endpoint.endpoint == name), None)


def request(
    event: AlertEvent, options: Options, endpoint: Endpoint, guard: Guard = OPEN
) -> tuple[str, dict[str, str], bytes]:
    """URL, headers and body of the post. Headers of the options win over the endpoint's, whatever their case."""
    auth = endpoint.basic_auth or BasicAuth()
    headers = basic(auth.username, auth.password)
    template = _alert_template(endpoint, guard)
    body = event.json() if template is None else template.execute(event.data()).encode()
    for given in (endpoint.headers or {}, options.headers):
        for name, value in given.items():
            _put(headers, name, value)
    if template is None:
        _put(headers, "Content-Type", "application/json")
    url = endpoint.url if "{{" not in endpoint.url else _template(endpoint.url).execute(event.data())
    return url, headers, body


def _alert_template(endpoint: Endpoint, guard: Guard) -> Template | None:
    if endpoint.alert_template:
        return _template(endpoint.alert_template)
    if endpoint.alert_template_file:
        return _template(text_of(guard.public(endpoint.alert_template_file)))
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


HANDLER = PostHandler()
