"""A real mail server on loopback, which says what a test wants it to say."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Taken:
    """A mail that the server has taken. raw: as it came, dots at the beginning of lines no longer doubled."""

    sender: str
    recipients: list[str]
    options: list[str]
    raw: bytes
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        found = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def body(self) -> str:
        payload = self.message.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode()


@dataclass
class MailServer:
    """answer(verb, argument, how often it was asked that before): what it says to MAIL, RCPT and DATA; "" for 250 OK.

    utf8: whether it has SMTPUTF8. lacks: other extensions that it has not. users: by name, their passwords; logging in
    is offered where there are any, without encryption too.
    """

    answer: Callable[[str, str, int], str] = lambda verb, argument, before: ""
    utf8: bool = True
    lacks: tuple[str, ...] = ()
    users: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    mails: list[Taken] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    hangs: Callable[[str, int], bool] = lambda verb, before: False
    port: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def came(self, count: int, timeout: float = 30.0) -> None:
        """Wait until so many mails are there."""
        async with asyncio.timeout(timeout):
            while len(self.mails) < count:
                self._came.clear()
                await self._came.wait()

    async def was_asked(self, verb: str, count: int, timeout: float = 30.0) -> None:
        """Wait until it was asked something so often."""
        async with asyncio.timeout(timeout):
            while sum(one == verb for one, _ in self.asked) < count:
                self._came.clear()
                await self._came.wait()

    def protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.test",
            loop=asyncio.get_running_loop(),
            enable_SMTPUTF8=self.utf8,
            tls_context=self.tls,
            authenticator=self._log_in if self.users else None,
            auth_require_tls=False,
        )

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        lacks = self.lacks if self.users else (*self.lacks, "AUTH")
        return [line for line in responses if not any(word in line for word in lacks)]

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        said = await self._said("MAIL", address)
        if said.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        said = await self._said("RCPT", address)
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        said = await self._said("DATA", "")
        if said.startswith("250"):
            assert isinstance(envelope.original_content, bytes) and envelope.mail_from is not None
            user = session.auth_data.login.decode() if session.auth_data else ""
            encrypted = server.transport.get_extra_info("sslcontext") is not None
            of = envelope.mail_from, list(envelope.rcpt_tos), list(envelope.mail_options)
            self.mails.append(Taken(*of, envelope.original_content, encrypted, user))
            self._came.set()
        return said

    async def _said(self, verb: str, argument: str) -> str:
        before = self.asked.count((verb, argument))
        self.asked.append((verb, argument))
        self._came.set()
        if self.hangs(verb, before):
            await asyncio.Event().wait()
        return self.answer(verb, argument, before) or "250 OK"

    def _log_in(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        right = self.users.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=right, handled=right, auth_data=data)


@contextlib.asynccontextmanager
async def mail_server(context: ssl.SSLContext | None = None, **settings: Any) -> AsyncIterator[MailServer]:
    """A running MailServer; context: for one that is encrypted from the first."""
    one = MailServer(**settings)
    with _quiet():
        server = await asyncio.get_running_loop().create_server(one.protocol, "127.0.0.1", 0, ssl=context)
        try:
            one.port = server.sockets[0].getsockname()[1]
            yield one
        finally:
            server.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The library warns of what a test server may do: take passwords without encryption."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
