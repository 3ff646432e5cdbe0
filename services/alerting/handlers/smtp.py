"""email: send each event as a mail, the message as its subject and the details as its text in HTML.

A mail that the server does not take now (an answer 4xx, or none) is sent again, to those recipients alone that it was
not taken for; other mails do not wait for that unless it was taken for none. A recipient that is refused (5xx) is
logged; the others get the mail. Each time it has the same Message-ID and date.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError

from grammar.golang.quoting import quote
from schemas.config.fields import Duration, Flag, Text, Texts, Whole
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import CONFIGURED, Of, ScriptProperty, configured, option, options_tested
from services.alerting.declarations.sections import Section, must
from services.alerting.declarations.templates import check_templates, rendered
from services.alerting.errors import PartlySent, Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.mail import Mailbox, compose, mailboxes
from services.alerting.transports.smtp import MailOutcome, MailServer, deliver
from services.process import log

_log = log.get("alerting")


@dataclass(frozen=True, kw_only=True)
class Options:
    """To whom."""

    to: tuple[str, ...] = option(
        "Addresses", Texts, configured="some", test=CONFIGURED, script=ScriptProperty(argument="first", repeated=True)
    )
    to_templates: tuple[str, ...] = option(
        "Further addresses", Texts, template=True, template_name="to", script=ScriptProperty(repeated=True)
    )


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """[smtp]: the mail server."""

    enabled: bool = common.enabled("Whether alerts may be sent by it.")
    host: str = setting("localhost", Text, "The mail server.")
    port: int = setting(25, Whole, "Its port; 465 speaks TLS from the first, others once the server offers it.")
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    no_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")
    global_: bool = common.every_alert("an email", "Whether every alert without {} handler is sent by it.")
    state_changes_only: bool = common.state_changes_only()
    from_: str = setting("", Text, "The address that mails come from.", key="from")
    to: tuple[str, ...] | None = configured(Options, "to", None)
    to_templates: tuple[str, ...] = setting(
        (), Texts, "Further addresses, templates, unless the alert names some.", key="toTemplates", later=True
    )
    idle_timeout: float = setting(30.0, Duration, "Of no effect: each mail goes over a connection of its own.")

    def __post_init__(self) -> None:
        if not self.host:
            raise ValidationError("host cannot be empty")
        if self.port <= 0:
            raise ValidationError(f"invalid port {self.port}")
        must(self, from_="must provide a 'from' address")
        if self.from_ and "@" not in self.from_:
            raise ValidationError(f"invalid from email address: {quote(self.from_)}")
        for address in self.to or ():
            if "@" not in address:
                raise ValidationError(f"invalid to email address: {quote(address)}")
        try:
            check_templates(Options(to_templates=self.to_templates))
        except ValueError as error:
            raise ValidationError(f"toTemplates: {error}") from error


SECTION = Section("smtp", Smtp)


class EmailHandler(AlertHandler[Options]):
    """A mail is sent to those for whom an earlier attempt has not come to an end."""

    kind, method = "smtp", "email"
    type_name = "EmailHandler"
    created_as = "email handler"
    options = Options
    section = SECTION
    test_options: ClassVar[Mapping[str, Any]] = {"to": Of("to"), "subject": "test subject", "body": "test body"}

    def timeout(self, options: Options, context: HandlerContext) -> None:
        """None: each answer of the server is waited for as long as `context.timeout` says."""

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        to = _recipients(options, event) or _recipients(_configured(SECTION.enabled(context.sections)), event)
        mail = _Mail(to, event.message, event.details, context)
        left: list[Mailbox] = context.memory.get("left", mail.to)
        outcome = await mail.send(left)
        context.memory["left"] = list(outcome.deferred)
        taken = context.memory["taken"] = bool(outcome.taken) or context.memory.get("taken", False)
        refused = _listed(outcome.refused, mail.wrong if left is mail.to else ())
        if refused and (taken or outcome.deferred):
            keys = {"topic": event.topic, "kind": self.kind, "id": event.id}
            _log.error("a mail goes to others, not to these", **keys, err=refused)
        if outcome.deferred:
            problem = f"recipients deferred: {_listed(outcome.deferred)}"
            raise PartlySent(problem) if taken else Unsent(problem)
        if not taken:
            raise Rejected(f"recipients refused: {refused}")

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        """Fails where one of the recipients does not get it, whatever becomes of the others."""
        to = options_tested(self.test_options, Options, given).to
        mail = _Mail(to, given["subject"], given["body"], context)
        outcome = await mail.send(mail.to)
        missed = _listed(outcome.refused | outcome.deferred, mail.wrong)
        if missed:
            raise Rejected(f"recipients refused: {missed}")


class _Mail:
    """One mail, whose recipients are known. to: all of them; wrong: what was named and is no address."""

    def __init__(self, to: Sequence[str], subject: str, body: str, context: HandlerContext) -> None:
        """Raises Rejected where nobody is to have it, or nobody sends it."""
        section = SECTION.enabled(context.sections)
        self.to, self.wrong = mailboxes(to or section.to or ())
        if not self.to:
            wrong = f": no address: {', '.join(map(quote, self.wrong))}" if self.wrong else ""
            raise Rejected(f"not sending email, no recipients defined{wrong}")
        senders, _ = mailboxes([section.from_])
        if len(senders) != 1:
            raise Rejected(f"invalid from email address: {quote(section.from_)}")
        self._sender = senders[0]
        who = section.host, section.port, section.username, section.password
        self._server = MailServer(*who, verify=not section.no_verify, timeout=context.timeout)
        self._subject, self._body = subject, body
        self._time, self._id = context.received, context.key or str(uuid.uuid4())

    async def send(self, recipients: Sequence[Mailbox]) -> MailOutcome:
        """Send it to some of its recipients. Raises Unsent or Rejected where that is the same for all of them."""
        return await deliver(self._server, self._sender, recipients, self._written)

    def _written(self, international: bool) -> bytes:
        recipients = [one for one in self.to if international or one.plain]
        return compose(self._sender, recipients, self._subject, self._body, self._time, self._id)


def _recipients(options: Options, event: AlertEvent) -> tuple[str, ...]:
    return (*options.to, *(one for one in rendered(options, event).to_templates if one))


@functools.lru_cache(maxsize=1)
def _configured(section: Smtp) -> Options:
    """Who gets what names nobody; the same object for all events, as `rendered` wants it."""
    return Options(to=section.to or (), to_templates=section.to_templates)


def _listed(errors: Mapping[Mailbox, str], wrong: Sequence[str] = ()) -> str:
    """Recipients, each with what was said of it."""
    found = {one.address: text for one, text in errors.items()} | dict.fromkeys(wrong, "no address")
    return "; ".join(f"{address}: {text}" for address, text in found.items())


HANDLER = EmailHandler()
