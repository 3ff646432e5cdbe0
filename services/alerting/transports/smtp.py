"""The conversation with a mail server about one mail, over a connection of its own."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.alerting.errors import Rejected, Unsent
from services.alerting.transports.mail import Mailbox

# Every process knows the handlers, and few send mails: the library, 60 ms to load, comes with the first mail.
if TYPE_CHECKING:
    from aiosmtplib import SMTP

_SMTPS = 465
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BYE_SECONDS = 5.0
_LOOKED_INTO = 10  # times as long as other answers may take the one to the whole mail: servers look into it first
_TOO_MANY = 552  # what some servers say after as many recipients as they take in one mail


@dataclass(frozen=True, slots=True)
class MailServer:
    """Which one, and as whom to log in to it ("": as nobody). verify: whether its certificate must be good.

    timeout: seconds for each of its answers, 0 for ever; the one to the whole mail may take ten times as long.
    """

    host: str
    port: int
    username: str = ""
    password: str = ""
    verify: bool = True
    timeout: float = 30.0


@dataclass(slots=True)
class MailOutcome:
    """What became of a mail, by recipient: those that it was taken for; what was said of those that are refused, and of
    those that may be tried again."""

    taken: list[Mailbox] = field(default_factory=list)
    refused: dict[Mailbox, str] = field(default_factory=dict)
    deferred: dict[Mailbox, str] = field(default_factory=dict)


Writing = Callable[[bool], bytes]
"""Gives the mail: for a server that takes addresses in UTF-8 (SMTPUTF8), or for one that does not, in ASCII."""


async def deliver(server: MailServer, sender: Mailbox, recipients: Sequence[Mailbox], write: Writing) -> MailOutcome:
    """Send a mail. Raises Unsent or Rejected where the server answers for all of them, or does not answer at all.

    It is encrypted from the first on port 465, elsewhere once the server offers it.
    """
    from aiosmtplib import SMTPException, SMTPResponseException

    where = f"{server.host}:{server.port}"
    try:
        return await _delivered(server, sender, recipients, write)
    except SMTPResponseException as error:
        raise (Unsent if _for_now(error.code) else Rejected)(_error_text(error)) from error
    except OSError as error:
        raise Unsent(f"{where}: {str(error) or type(error).__name__}") from error
    except (SMTPException, ValueError) as error:
        raise Rejected(f"{where}: {error}") from error


async def _delivered(server: MailServer, sender: Mailbox, recipients: Sequence[Mailbox], write: Writing) -> MailOutcome:
    from aiosmtplib import SMTP, SMTPException

    client = SMTP(
        hostname=server.host,
        port=server.port,
        timeout=server.timeout or None,
        use_tls=server.port == _SMTPS,
        tls_context=_context(server.verify),
        local_hostname=_own_name(),
    )
    try:
        await client.connect()
        await _log_in(client, server)
        outcome = await _transaction(client, sender, recipients, write)
        # the mail has been taken, whatever is said to the end of the conversation
        with contextlib.suppress(SMTPException, OSError):
            await client.quit(timeout=_BYE_SECONDS)
        return outcome
    finally:
        client.close()


async def _log_in(client: SMTP, server: MailServer) -> None:
    """Log in where there is somebody to log in as, and the server wants to know.

    Without encryption a password goes to no other machine, unless the server knows no better way than LOGIN.
    """
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    if not server.username or not client.supports_extension("auth"):
        return
    methods = client.supported_auth_methods
    if client.get_transport_info("sslcontext") is not None or server.host in _LOOPBACK:
        await client.login(server.username, server.password)
    elif "cram-md5" in methods:
        await client.auth_crammd5(server.username, server.password)
    elif "plain" in methods:
        raise Rejected(f"{server.host}:{server.port}: unencrypted connection")
    else:
        await client.login(server.username, server.password)


async def _transaction(client: SMTP, sender: Mailbox, recipients: Sequence[Mailbox], write: Writing) -> MailOutcome:
    from aiosmtplib import SMTPRecipientRefused, SMTPResponseException

    outcome, accepted = MailOutcome(), list[Mailbox]()
    international = client.supports_extension("smtputf8")
    addressed = list(recipients) if international else _in_ascii(sender, recipients, outcome)
    if not addressed:
        return outcome
    mail = write(international)
    encoding, options = ("ascii", []) if mail.isascii() else ("utf-8", ["SMTPUTF8", "BODY=8BITMIME"])
    await client.mail(sender.address, options=options, encoding=encoding)
    for one in addressed:
        try:
            await client.rcpt(one.address, encoding=encoding)
        except SMTPRecipientRefused as error:
            later = _for_now(error.code) or (error.code == _TOO_MANY and accepted)
            (outcome.deferred if later else outcome.refused)[one] = _error_text(error)
        else:
            accepted.append(one)
    if not accepted:
        return outcome
    try:
        await client.data(mail, timeout=_LOOKED_INTO * client.timeout if client.timeout else None)
        outcome.taken += accepted
    except SMTPResponseException as error:
        (outcome.deferred if _for_now(error.code) else outcome.refused).update(
            dict.fromkeys(accepted, _error_text(error))
        )
    return outcome


def _in_ascii(sender: Mailbox, recipients: Sequence[Mailbox], outcome: MailOutcome) -> list[Mailbox]:
    """The recipients that a server without SMTPUTF8 can be told; Rejected where it cannot be told the sender."""
    if not sender.plain:
        raise Rejected(f"the mail server lacks SMTPUTF8, which the sender {sender.address} needs")
    outcome.refused |= {one: "the mail server lacks SMTPUTF8" for one in recipients if not one.plain}
    return [one for one in recipients if one.plain]


def _for_now(code: int) -> bool:
    """Whether an answer says: not now."""
    return 400 <= code < 500


def _error_text(error: Exception) -> str:
    """What the server has answered, in one line."""
    code, text = error.args[0], str(error.args[1])
    return f"{code} {' '.join(text.split())}".encode("utf-8", "replace").decode()


@functools.lru_cache(maxsize=2)
def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _own_name() -> str:
    """What to say hello as. A machine's whole name is not looked up: that can take long."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() and " " not in name else "localhost"
