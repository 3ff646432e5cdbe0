"""email: send each event as a mail, the message as its subject and the details as its text in HTML.

A mail that the server does not take now (an answer 4xx, or none) is sent again, to those recipients alone that it was
not taken for; other mails do not wait for that unless it was taken for none. A recipient that is refused (5xx) is
logged; the others get the mail. Each time it has the same Message-ID and date.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from grammar.gotemplate.strconv import quote
from schemas.config.fields import Duration, Flag, Text, Texts, Whole
from schemas.config.section import schema_of, setting
from services import log
from services.alerting.handler import Around, PartlySent, Refused, Unsent
from services.alerting.mail import Mailbox, compose, mailboxes
from services.alerting.outside import (
    check_template,
    data_of,
    enabled,
    everywhere_of,
    rendered,
    section_of,
    start_check,
)
from services.alerting.smtp import Outcome, Server, deliver
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties, Type, appending, argument

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "smtp"

_log = log.get("alerting")


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


def timeout(options: Options, around: Around) -> None:
    """None: each answer of the server is waited for as long as `around.timeout` says."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, Smtp))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the mail to those for whom an earlier attempt has not come to an end."""
    data = data_of(event)
    templates = [rendered(address, "to", data) for address in options.to_templates]
    mail = _Mail((*options.to, *templates), event.message, event.details, around)
    left: list[Mailbox] = around.memory.get("left", mail.to)
    outcome = await mail.send(left)
    around.memory["left"] = list(outcome.deferred)
    taken = around.memory["taken"] = bool(outcome.taken) or around.memory.get("taken", False)
    refused = _listed(outcome.refused, mail.wrong if left is mail.to else ())
    if refused and (taken or outcome.deferred):
        _log.error("a mail goes to others, not to these", topic=event.topic, kind=SECTION, id=event.id, err=refused)
    if outcome.deferred:
        problem = f"recipients deferred: {_listed(outcome.deferred)}"
        raise PartlySent(problem) if taken else Unsent(problem)
    if not taken:
        raise Refused(f"recipients refused: {refused}")


class _Mail:
    """One mail, whose recipients are known. to: all of them; wrong: what was named and is no address."""

    def __init__(self, to: Sequence[str], subject: str, body: str, around: Around) -> None:
        """Raises Refused where nobody is to have it, or nobody sends it."""
        section = enabled(section_of(around.sections, SECTION, Smtp))
        self.to, self.wrong = mailboxes(to or section.to or ())
        if not self.to:
            wrong = f": no address: {', '.join(map(quote, self.wrong))}" if self.wrong else ""
            raise Refused(f"not sending email, no recipients defined{wrong}")
        senders, _ = mailboxes([section.from_])
        if len(senders) != 1:
            raise Refused(f"invalid from email address: {quote(section.from_)}")
        self._sender = senders[0]
        who = section.host, section.port, section.username, section.password
        self._server = Server(*who, verify=not section.no_verify, timeout=around.timeout)
        self._subject, self._body = subject, body
        self._time, self._id = around.came, around.key or str(uuid.uuid4())

    async def send(self, recipients: Sequence[Mailbox]) -> Outcome:
        """Send it to some of its recipients. Raises Unsent or Refused where that is the same for all of them."""
        return await deliver(self._server, self._sender, recipients, self._written)

    def _written(self, international: bool) -> bytes:
        shown = [one for one in self.to if international or one.plain]
        return compose(self._sender, shown, self._subject, self._body, self._time, self._id)


def _listed(said: Mapping[Mailbox, str], wrong: Sequence[str] = ()) -> str:
    """Recipients, each with what was said of it."""
    found = {one.address: text for one, text in said.items()} | dict.fromkeys(wrong, "no address")
    return "; ".join(f"{address}: {text}" for address, text in found.items())


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    to = section_of(sections, SECTION, Smtp).to
    return {"to": None if to is None else list(to), "subject": "test subject", "body": "test body"}


async def _try(given: Mapping[str, Any], around: Around) -> None:
    """Fails where one of the recipients does not get it, whatever becomes of the others."""
    mail = _Mail(given["to"] or (), given["subject"], given["body"], around)
    outcome = await mail.send(mail.to)
    missed = _listed(outcome.refused | outcome.deferred, mail.wrong)
    if missed:
        raise Refused(f"recipients refused: {missed}")


TEST = ServiceTest("smtp", _defaults, _try)
