"""Mails to a real mail server: what it takes, refuses, and does not take now."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError

from services.alerting.delivery.protocols import DeliveryLimits
from services.alerting.errors import PartlySent, Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.handlers import from_json
from services.alerting.handlers import smtp as email
from services.alerting.service import Alerting
from services.alerting.service_tests.registry import run_service_test
from services.alerting.transports import smtp
from services.alerting.transports.http import Http
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, OK, alerts, sink, started
from tests.support.alerts import post as post_to
from tests.support.alerts import send as send_alerts
from tests.support.certificates import make_pair
from tests.support.mail import MailServer, mail_server
from tests.support.nats import NatsServer
from tests.unit.services.alerting.handlers.test_handlers import event

KEY = "6f0c6b1e-0000-5000-8000-000000000001"
CAME = 1_700_000_100_000_000_000


def section(port: int, **more: Any) -> dict[str, Any]:
    given = {"enabled": True, "host": "127.0.0.1", "port": port, "from": "k@x.org", "to": ["cfg@x.org"], **more}
    return {"smtp": email.SECTION.schema.load(given)}


def context(port: int, timeout: float = 5.0, **more: Any) -> HandlerContext:
    return HandlerContext(Http(), section(port, **more), timeout=timeout, key=KEY, received=CAME)


async def send(context: HandlerContext, *to: str, **changes: Any) -> None:
    options = from_json("smtp", {"to": list(to), "to-templates": ["{{ .ID }}@x.org"] if not to else []})[1]
    async with asyncio.timeout(20):
        await email.HANDLER.handle(event(**changes), options, context)


async def test_a_mail() -> None:
    async with mail_server() as server:
        for utf8 in (True, False):
            server.utf8 = utf8
            await send(context(server.port), message="two\nlines é", given_details="<b>é</b>\n.\n..\n" + "x" * 3000)
    mail, same = server.mails
    assert (mail.sender, mail.recipients, mail.options, mail.encrypted) == ("k@x.org", ["c@x.org"], [], False)
    message = mail.message
    assert (message["from"], message["to"], message["subject"]) == ("k@x.org", "c@x.org", "two lines é")
    assert (message["message-id"], message["date"]) == (f"<{KEY}@x.org>", "Tue, 14 Nov 2023 22:15:00 +0000")
    assert mail.body.replace("\r\n", "\n") == "<b>é</b>\n.\n..\n" + "x" * 3000 + "\n"
    assert mail.raw == same.raw and mail.raw.isascii()


async def test_addresses_of_the_configuration_are_for_alerts_that_name_none() -> None:
    async with mail_server() as server:
        settings = {"to": ["a@x.org"], "toTemplates": ["{{ .ID }}@y.org", "{{ if false }}z{{ end }}"]}
        for options in ({}, {"to": ["b@x.org"]}, {"to-templates": ["{{ .Level }}@x.org"]}):
            await email.HANDLER.handle(event(), from_json("smtp", options)[1], context(server.port, **settings))
    assert [mail.recipients for mail in server.mails] == [["a@x.org", "c@y.org"], ["b@x.org"], ["CRITICAL@x.org"]]
    with pytest.raises(ValidationError, match="toTemplates"):
        section(25, toTemplates=["{{ if }}"])


@pytest.mark.parametrize("lacks", ["8BITMIME", "SMTPUTF8", "SIZE"])
async def test_a_server_that_lacks_an_extension(lacks: str) -> None:
    async with mail_server(lacks=(lacks,), utf8=lacks != "SMTPUTF8") as server:
        await send(context(server.port), message="é", given_details="é")
    assert server.mails[0].raw.isascii() and server.mails[0].body == "é\r\n"


def says(verb: str, answer: str, times: int = 1 << 30, to: str = "") -> Callable[[str, str, int], str]:
    """The first so many times."""
    return lambda asked, argument, before: answer if asked == verb and before < times and to in argument else ""


@pytest.mark.parametrize("verb", ["CONNECT", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("code", [421, 450, 451, 452, 550, 554])
async def test_what_a_server_does_not_take_now_is_sent_again_and_what_it_refuses_is_not(verb: str, code: int) -> None:
    problem = Unsent if code < 500 else Rejected
    with pytest.raises(problem, match=rf"{code} no luck"):
        if verb == "CONNECT":
            async with greeting(f"{code} no luck") as port:
                await send(context(port), "a@x.org")
        else:
            async with mail_server(answer=says(verb, f"{code} no luck")) as server:
                await send(context(server.port), "a@x.org")


@contextlib.asynccontextmanager
async def greeting(line: str) -> AsyncIterator[int]:
    """A server that says this and hangs up; "": that says nothing."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line:
            writer.write(f"{line}\r\n".encode())
        else:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_server_that_is_not_there_or_falls_silent() -> None:
    with pytest.raises(Unsent, match=r"^127\.0\.0\.1:1: "):
        await send(context(1), "a@x.org")
    async with greeting("") as port:
        with pytest.raises(Unsent):
            await send(context(port, timeout=0.2), "a@x.org")
    async with mail_server(hangs=lambda verb, before: verb == "RCPT") as server:
        with pytest.raises(Unsent):
            await send(context(server.port, timeout=0.2), "a@x.org")
    async with greeting("HTTP/1.1 400 Bad Request") as port:
        with pytest.raises(Rejected, match="Malformed"):
            await send(context(port), "a@x.org")


async def test_a_refused_recipient_is_logged_and_the_others_get_the_mail(logged: Callable[[str], list[str]]) -> None:
    async with mail_server(answer=says("RCPT", "550 no such user", to="b@")) as server:
        await send(context(server.port), "a@x.org", "b@x.org", "nobody", "c@x.org")
    assert [mail.recipients for mail in server.mails] == [["a@x.org", "c@x.org"]]
    assert server.mails[0].message["to"] == "a@x.org, b@x.org, c@x.org"
    (line,) = logged("a mail goes to others, not to these")
    assert "lvl=error" in line and 'id=c err="b@x.org: 550 no such user; nobody: no address"' in line


async def test_only_deferred_recipients_are_tried_again() -> None:
    async with mail_server(answer=says("RCPT", "450 4.2.0 greylisted", 2, to="b@")) as server:
        about = context(server.port)
        for _ in range(2):
            with pytest.raises(PartlySent, match=r"^recipients deferred: b@x.org: 450 4.2.0 greylisted$"):
                await send(about, "a@x.org", "b@x.org")
        await send(about, "a@x.org", "b@x.org")
    first, second = server.mails
    assert (first.recipients, second.recipients) == (["a@x.org"], ["b@x.org"]) and first.raw == second.raw


async def test_a_deferred_recipient_that_is_then_refused(logged: Callable[[str], list[str]]) -> None:
    answers = ["450 later", "550 no such user"]
    async with mail_server(answer=lambda verb, to, before: answers[before] if to == "b@x.org" else "") as server:
        about = context(server.port)
        with pytest.raises(PartlySent):
            await send(about, "a@x.org", "b@x.org")
        await send(about, "a@x.org", "b@x.org")
        assert "b@x.org: 550 no such user" in logged("a mail goes to others, not to these")[0]
        alone = context(server.port)
        server.asked.clear()
        with pytest.raises(Unsent) as caught:
            await send(alone, "b@x.org")
        assert not isinstance(caught.value, PartlySent)
        with pytest.raises(Rejected, match=r"^recipients refused: b@x.org: 550 no such user$"):
            await send(alone, "b@x.org")
    assert len(server.mails) == 1


async def test_more_recipients_than_a_server_takes_at_once() -> None:
    def answer(verb: str, to: str, before: int) -> str:
        asked = [one for one, _ in server.asked]
        mine = asked[::-1].index("MAIL")
        return "552 too many recipients" if verb == "RCPT" and mine > 2 else ""

    async with mail_server(answer=answer) as server:
        about = context(server.port)
        to = [f"{name}@x.org" for name in "abcde"]
        for _ in range(2):
            with pytest.raises(PartlySent, match=": 552 too many recipients"):
                await send(about, *to)
        await send(about, *to)
    assert sorted(one for mail in server.mails for one in mail.recipients) == to


async def test_a_trial_tells_of_each_recipient_that_gets_nothing() -> None:
    async with mail_server(answer=says("RCPT", "550 no such user", to="b@")) as server:
        about = HandlerContext(Http(), section(server.port))
        given = {"to": ["a@x.org", "b@x.org"], "subject": "s", "body": "b"}
        assert await run_service_test("smtp", given, about) == "recipients refused: b@x.org: 550 no such user"
        assert await run_service_test("smtp", {**given, "to": None}, about) == ""
        server.answer = says("RCPT", "450 later")
        assert (
            await run_service_test("smtp", given, about) == "recipients refused: a@x.org: 450 later; b@x.org: 450 later"
        )
    assert [mail.recipients for mail in server.mails] == [["a@x.org"], ["cfg@x.org"]]
    assert len({mail.message["message-id"] for mail in server.mails}) == 2


async def test_addresses_beyond_ascii() -> None:
    async with mail_server() as server:
        await send(context(server.port), "ä@bücher.org", "a@bücher.org")
        server.utf8 = False
        await send(context(server.port), "ä@bücher.org", "a@bücher.org")
        with pytest.raises(Rejected, match="lacks SMTPUTF8"):
            await send(context(server.port), "ä@bücher.org")
        with pytest.raises(Rejected, match="lacks SMTPUTF8"):
            await send(context(server.port, **{"from": "kä@x.org"}), "a@x.org")
    one, other = server.mails
    assert one.recipients == ["ä@xn--bcher-kva.org", "a@xn--bcher-kva.org"] and "SMTPUTF8" in one.options
    assert "To: ä@xn--bcher-kva.org,\r\n a@xn--bcher-kva.org\r\n" in one.raw.decode()
    assert other.recipients == ["a@xn--bcher-kva.org"] and other.raw.isascii() and not other.options


async def test_a_mail_to_nobody() -> None:
    with pytest.raises(Rejected, match=r"^not sending email, no recipients defined$"):
        await send(context(1, to=None), "")
    with pytest.raises(Rejected, match=r'^not sending email, no recipients defined: no address: "root"$'):
        await send(context(1), "root")
    with pytest.raises(Rejected, match="service is not enabled"):
        await send(context(1, enabled=False), "a@x.org")


async def test_encryption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = make_pair(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    async with mail_server(tls=tls) as server:
        with pytest.raises(Unsent, match="CERTIFICATE_VERIFY_FAILED"):
            await send(context(server.port), "a@x.org")
        await send(context(server.port, **{"no-verify": True}), "a@x.org")
    async with mail_server(tls) as whole:
        monkeypatch.setattr(smtp, "_SMTPS", whole.port)
        with pytest.raises(Unsent, match="CERTIFICATE_VERIFY_FAILED"):
            await send(context(whole.port), "a@x.org")
        await send(context(whole.port, **{"no-verify": True}), "a@x.org")
    assert [mail.encrypted for mail in (*server.mails, *whole.mails)] == [True, True]


async def test_logging_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with mail_server(users={"bob": "pw"}) as server:
        await send(context(server.port, username="bob", password="pw"), "a@x.org")
        with pytest.raises(Rejected, match="535"):
            await send(context(server.port, username="bob", password="no"), "a@x.org")
        # to another machine a password does not go in clear
        monkeypatch.setattr(smtp, "_LOOPBACK", ())
        with pytest.raises(Rejected, match="unencrypted connection"):
            await send(context(server.port, username="bob", password="pw"), "a@x.org")
    async with mail_server() as open_to_all:
        await send(context(open_to_all.port, username="bob", password="pw"), "a@x.org")
    assert [mail.user for mail in (*server.mails, *open_to_all.mails)] == ["bob", ""]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url) as bus:
        for stream in ("ALERTS", "EVENTS", "WRITES", "KV_tickbus-alerting"):
            with contextlib.suppress(Exception):
                await bus._link.api(f"STREAM.DELETE.{stream}")
        await bus.ensure_streams()
        yield bus


def mailing(bus: Bus, path: Path, server: MailServer, **limits: Any) -> Alerting:
    return Alerting(bus, path / "alerting.lmdb", section(server.port), DeliveryLimits(**limits))


def email_to(*to: str) -> dict[str, Any]:
    return {"kind": "smtp", "options": {"to": list(to)}}


async def test_a_greylisted_mail_comes_later_and_the_ones_behind_it_do_not_wait(bus: Bus, tmp_path: Path) -> None:
    let_in = asyncio.Event()

    def answer(verb: str, to: str, before: int) -> str:
        return "450 greylisted" if to == "b@x.org" and not let_in.is_set() else ""

    async with mail_server(answer=answer) as server, mailing(bus, tmp_path, server) as service:
        run = await started(bus, "t", 1, email_to("a@x.org", "b@x.org"))
        await send_alerts(bus, alerts([("one", CRITICAL), ("two", OK)], 5), run)
        await server.came(2)
        assert service.dispatcher.waiting == 2 and service.dispatcher.counts.handled == {}
        let_in.set()
        await server.came(4)
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        counts = service.dispatcher.counts
        assert (counts.handled, counts.dead_lettered) == ({"smtp": 2}, 0) and counts.retried >= 2
    got = sorted((mail.message["subject"], mail.recipients[0]) for mail in server.mails)
    assert got == [
        (f"{id} is {level}", f"{to}@x.org") for id, level in (("one", "CRITICAL"), ("two", "OK")) for to in "ab"
    ]
    assert len({mail.message["message-id"] for mail in server.mails}) == 2


async def test_a_mail_that_nobody_takes_now_waits_in_its_turn(bus: Bus, tmp_path: Path) -> None:
    async with (
        mail_server(answer=says("RCPT", "450 greylisted", 2)) as server,
        mailing(bus, tmp_path, server) as service,
    ):
        run = await started(bus, "t", 1, email_to("a@x.org"))
        await send_alerts(bus, alerts([("one", CRITICAL), ("two", OK)], 5), run)
        await server.came(2)
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        assert (service.dispatcher.counts.handled, service.dispatcher.counts.retried) == ({"smtp": 2}, 2)
    assert [mail.message["subject"] for mail in server.mails] == ["one is CRITICAL", "two is OK"]


async def test_a_recipient_given_up_on_is_counted_and_logged_once(
    bus: Bus, tmp_path: Path, logged: Callable[[str], list[str]]
) -> None:
    answer = says("RCPT", "452 mailbox full", to="b@")
    async with mail_server(answer=answer) as server, mailing(bus, tmp_path, server, retry_for=0.3) as service:
        run = await started(bus, "t", 1, email_to("a@x.org", "b@x.org"))
        await send_alerts(bus, alerts([("one", CRITICAL)], 5), run)
        await server.came(1)
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        assert (service.dispatcher.counts.dead_lettered, service.dispatcher.counts.handled) == (1, {})
    (line,) = logged("alert events given up on")
    assert 'err="recipients deferred: b@x.org: 452 mailbox full"' in line


async def test_a_silent_mail_server_holds_up_no_other_handler_and_not_the_end(bus: Bus, tmp_path: Path) -> None:
    async with mail_server(hangs=lambda verb, before: verb == "MAIL") as server, sink() as web:
        async with mailing(bus, tmp_path, server) as service:
            # more of them than there are threads
            mails = [email_to(f"{n}@x.org") for n in range(40)]
            run = await started(bus, "t", 1, *mails, post_to(web.url))
            await send_alerts(bus, alerts([("one", CRITICAL)], 5), run)
            await server.was_asked("MAIL", 40)
            await web.came(1)
            log = {"kind": "log", "options": {"path": str(tmp_path / "log"), "mode": 0o600}}
            other = await started(bus, "u", 1, log)
            await send_alerts(bus, alerts([("two", CRITICAL)], 6, task="u"), other)
            async with asyncio.timeout(10):
                while service.dispatcher.counts.handled != {"post": 1, "log": 1}:
                    await asyncio.sleep(0.01)
            began = time.monotonic()
        assert time.monotonic() - began < 3
