"""email: send each event as a mail, the message as its subject and the details as its text in HTML."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from grammar.gotemplate.strconv import quote
from schemas.config.fields import Duration, Flag, Text, Texts, Whole
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around, Refused, Unsent
from services.alerting.outside import (
    check_template,
    data_of,
    enabled,
    everywhere_of,
    rendered,
    section_of,
    start_check,
)
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties, Type, appending, argument

if TYPE_CHECKING:
    from email.message import EmailMessage

    from services.alerting.event import Event

SECTION = "smtp"

_STEP, _WHOLE = 10.0, 60.0  # seconds: for each answer of the server, and for the mail
_SMTPS = 465


@dataclass
class EmailProperties(Properties):
    """To whom."""

    first: list[str] = argument(Type.STRING, variadic=True, doc="Addresses; those of the configuration unless set.")
    to: list[tuple[str, ...]] = appending(Type.STRING, variadic=True, doc="Further addresses.")
    to_templates: list[tuple[str, ...]] = appending(
        Type.STRING, variadic=True, doc="Further addresses, templates that see the event."
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """To whom."""

    to: tuple[str, ...] = setting((), Texts, "Addresses; those of the configuration unless set.")
    to_templates: tuple[str, ...] = setting((), Texts, "Further addresses, templates that see the event.")


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """[smtp]: the mail server."""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent by it.")
    host: str = setting("localhost", Text, "The mail server.")
    port: int = setting(25, Whole, "Its port; 465 speaks TLS from the first, others once the server offers it.")
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    no_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")
    global_: bool = setting(False, Flag, "Whether every alert without an email handler is sent by it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")
    from_: str = setting("", Text, "The address that mails come from.", key="from")
    to: tuple[str, ...] | None = setting(None, Texts, "Addresses, unless the alert names some.")
    idle_timeout: float = setting(30.0, Duration, "Of no effect: each mail goes over a connection of its own.")

    def __post_init__(self) -> None:
        if not self.host:
            raise ValidationError("host cannot be empty")
        if self.port <= 0:
            raise ValidationError(f"invalid port {self.port}")
        if self.enabled and not self.from_:
            raise ValidationError("must provide a 'from' address")
        if self.from_ and "@" not in self.from_:
            raise ValidationError(f"invalid from email address: {quote(self.from_)}")
        for address in self.to or ():
            if "@" not in address:
                raise ValidationError(f"invalid to email address: {quote(address)}")


def options_of(properties: EmailProperties) -> dict[str, Any]:
    """A script's properties as options."""
    return {
        "to": [*properties.first, *(address for call in properties.to for address in call)],
        "to-templates": [address for call in properties.to_templates for address in call],
    }


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """What are templates must be such."""
    for address in options.to_templates:
        check_template(address, "to")


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec(
    "smtp",
    "EmailHandler",
    EmailProperties,
    __doc__ or "",
    options_of,
    start_check("email handler", OPTIONS, check),
    method="email",
)
CONFIG_SECTIONS = {SECTION: schema_of(Smtp)()}


def timeout(options: Options, around: Around) -> float:
    """For the whole mail."""
    return _WHOLE


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, Smtp))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the mail. The server has answered for it once this ends; what it says with 5xx is not tried again."""
    data = data_of(event)
    templates = [rendered(address, "to", data) for address in options.to_templates]
    await _send((*options.to, *templates), event.message, event.details, around)


async def _send(to: Sequence[str], subject: str, body: str, around: Around) -> None:
    import smtplib  # only alerting sends

    section = enabled(section_of(around.sections, SECTION, Smtp))
    recipients = list(to or section.to or ())
    if not recipients:
        raise Refused("not sending email, no recipients defined")
    try:
        mail = _mail(section.from_, recipients, subject, body)
    except ValueError as error:
        raise Refused(str(error)) from error
    try:
        await asyncio.to_thread(_deliver, section, recipients, mail)
    except smtplib.SMTPRecipientsRefused as error:
        raise Refused(f"recipients refused: {', '.join(error.recipients)}") from error
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        problem = f"{error.smtp_code} {text}"
        raise Unsent(problem) if 400 <= error.smtp_code < 500 else Refused(problem) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Unsent(f"{section.host}:{section.port}: {error}") from error


def _mail(sender: str, recipients: Sequence[str], subject: str, body: str) -> EmailMessage:
    """The mail; line breaks in the subject are blanks. ValueError for what is no address."""
    from email.message import EmailMessage
    from email.utils import localtime

    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = " ".join(subject.splitlines())
    mail["Date"] = localtime()
    mail.set_content(body.encode("utf-8", "replace").decode(), subtype="html", charset="utf-8")
    return mail


def _deliver(section: Smtp, recipients: Sequence[str], mail: EmailMessage) -> None:
    """To be called in a thread."""
    import smtplib

    tls = ssl.create_default_context()
    if section.no_verify:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    where, at_once = (section.host, section.port), section.port == _SMTPS
    server = smtplib.SMTP_SSL(*where, timeout=_STEP, context=tls) if at_once else smtplib.SMTP(*where, timeout=_STEP)
    try:
        server.ehlo()
        if not at_once and server.has_extn("starttls"):
            server.starttls(context=tls)
            server.ehlo()
        if section.username:
            server.login(section.username, section.password)
        server.send_message(mail, section.from_, recipients)
        # the mail has been taken, whatever is said to the end of the conversation
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        server.close()


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    to = section_of(sections, SECTION, Smtp).to
    return {"to": None if to is None else list(to), "subject": "test subject", "body": "test body"}


async def _try(given: Mapping[str, Any], around: Around) -> None:
    await _send(given["to"] or (), given["subject"], given["body"], around)


TEST = ServiceTest("smtp", _defaults, _try)
