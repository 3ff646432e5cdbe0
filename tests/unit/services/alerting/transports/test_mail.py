"""Mails as they go over the wire."""

from __future__ import annotations

import email
import email.policy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerting.transports.mail import Mailbox, compose, mailboxes

TIME = 1_700_000_000_000_000_000
ME = Mailbox("", "me@example.org")

TEXT = st.text(alphabet=st.one_of(st.sampled_from('ab  c=?_.\n\r\té€😀"<>,@'), st.characters(codec="utf-8")))


def test_a_mail_as_the_reference_makes_it() -> None:
    to, wrong = mailboxes(["Ops Team <ops@example.org>", "b@example.org", "b@example.org"])
    assert not wrong
    body = f"<b>é</b> {'x' * 100}\r\n.\n..x\nend  "
    mail = compose(ME, to, "msg é", body, TIME, "id-1").decode()
    assert mail == (
        "Mime-Version: 1.0\r\n"
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        "From: me@example.org\r\n"
        "To: Ops Team <ops@example.org>,\r\n b@example.org\r\n"
        "Subject: =?utf-8?q?msg_=C3=A9?=\r\n"
        "Message-ID: <id-1@example.org>\r\n"
        "Content-Type: text/html; charset=UTF-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        f"<b>=C3=A9</b> {'x' * 61}=\r\n{'x' * 39}\r\n"
        "=2E\r\n..x\r\nend =20\r\n"
    )


@given(subject=TEXT, body=TEXT)
def test_any_subject_and_body_come_as_they_are(subject: str, body: str) -> None:
    subject, body = subject * 40, body * 40
    raw = compose(ME, [ME], subject, body, TIME, "i")
    lines = raw.split(b"\r\n")
    assert raw.isascii() and all(len(line) < 998 and b"\r" not in line and b"\n" not in line for line in lines)
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert list(mail) == [
        "Mime-Version",
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Content-Type",
        "Content-Transfer-Encoding",
    ]
    assert mail["subject"] == re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", subject)
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    shown = re.sub(r"\r\n?", "\n", body)
    assert payload.decode().replace("\r\n", "\n") == (shown if shown.endswith("\n") else shown + "\n")


@pytest.mark.parametrize(
    ("text", "address", "header"),
    [
        ("a@x.org", "a@x.org", "a@x.org"),
        (" Ops Team <a@x.org> ", "a@x.org", "Ops Team <a@x.org>"),
        ('"Ops, \\"the\\" Team" <a@x.org>', "a@x.org", '"Ops, \\"the\\" Team" <a@x.org>'),
        ("Öps <a@x.org>", "a@x.org", "=?utf-8?q?=C3=96ps?= <a@x.org>"),
        ("a@exämple.org", "a@xn--exmple-cua.org", "a@xn--exmple-cua.org"),
        ("é@x.org", "é@x.org", "é@x.org"),
    ],
)
def test_a_mailbox(text: str, address: str, header: str) -> None:
    (found,), wrong = mailboxes([text])
    assert not wrong
    assert (found.address, found.header(), found.plain) == (address, header, address.isascii())


def test_what_names_several_and_what_names_none() -> None:
    found, wrong = mailboxes(["a@x, B <b@y>", "root", "a@x", "c@z\r\nRCPT TO:<d@z>", "", "@x"])
    assert [one.address for one in found] == ["a@x", "b@y"]
    assert len(wrong) == 3 and wrong[:2] == ["root", "c@z\r\nRCPT TO:<d@z>"]
