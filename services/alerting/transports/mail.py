"""What a mail is made of: addresses, and the text that goes over the wire."""

from __future__ import annotations

import binascii
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.utils import format_datetime, getaddresses

_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>@]+@[^\s\x00-\x1f\x7f<>@]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_LONGEST_WORD = 60  # of those that stand in a line as they are: it is only broken at blanks
_NEWLINE = re.compile(r"\r\n?")

_CHARSET = Charset("utf-8")
_CHARSET.header_encoding = QP


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the name before it. A domain that is not ASCII is in its ASCII form."""

    name: str
    address: str

    @property
    def plain(self) -> bool:
        """Whether it can be written in ASCII, which every mail server takes."""
        return self.address.isascii()

    def header(self) -> str:
        """As it stands in a header."""
        if not self.name:
            return self.address
        if _encoded(self.name):
            return f"{_folded(self.name)} <{self.address}>"
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return (
            f'"{quoted}" <{self.address}>'
            if re.search(r"[^\w !#$%&'*+/=?^`{|}~-]", self.name)
            else (f"{self.name} <{self.address}>")
        )


def mailboxes(texts: Iterable[str]) -> tuple[list[Mailbox], list[str]]:
    """The mailboxes that texts name, each address once; and what is none. A text may name several."""
    found: dict[str, Mailbox] = {}
    wrong: list[str] = []
    for text in filter(str.strip, texts):
        for name, address in _split(text):
            mailbox = _mailbox(name, address)
            if mailbox is None:
                wrong.append(address or text)
            else:
                found.setdefault(mailbox.address, mailbox)
    return list(found.values()), wrong


def compose(sender: Mailbox, to: Sequence[Mailbox], subject: str, body: str, time_ns: int, id: str) -> bytes:
    """The mail: its body, HTML, quoted-printable, so that every server takes it; its headers in ASCII, addresses apart
    that are not. time_ns: its date, 0 for now. id: what is unique of it.

    What ends a line in the subject is a blank. Lines end with CRLF; no dot at their beginning is doubled yet.
    """
    headers = {
        "Mime-Version": "1.0",
        "Date": format_datetime(datetime.fromtimestamp(time_ns / 1e9 if time_ns else time.time(), UTC)),
        "From": sender.header(),
        "To": ",\r\n ".join(mailbox.header() for mailbox in to),
        "Subject": _folded(_CONTROL.sub(" ", subject), "Subject"),
        "Message-ID": f"<{id}@{sender.address.rpartition('@')[2]}>",
        "Content-Type": "text/html; charset=UTF-8",
        "Content-Transfer-Encoding": "quoted-printable",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode("utf-8", "replace") + b"\r\n" + _quoted_printable(body)


def _split(text: str) -> list[tuple[str, str]]:
    if _CONTROL.search(text.strip()):
        return [("", text)]
    return getaddresses([text.strip()]) or [("", text)]


def _mailbox(name: str, address: str) -> Mailbox | None:
    if not _ADDRESS.fullmatch(address):
        return None
    local, _, domain = address.rpartition("@")
    try:
        return Mailbox(name, f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}")
    except UnicodeError:
        return None


def _encoded(text: str) -> bool:
    """Whether a text cannot stand in a header as it is."""
    long = any(len(word) > _LONGEST_WORD for word in text.split(" "))
    return long or text != text.strip() or not text.isascii() or "=?" in text or bool(_CONTROL.search(text))


def _folded(text: str, name: str = "") -> str:
    """A text as a header's value."""
    text = text.encode("utf-8", "replace").decode()
    charset = _CHARSET if _encoded(text) else None
    return Header(text, charset, header_name=name).encode(linesep="\r\n")


def _quoted_printable(text: str) -> bytes:
    lines = _NEWLINE.sub("\n", text).encode("utf-8", "replace")
    return binascii.b2a_qp(lines).replace(b"\n", b"\r\n") + (b"" if lines.endswith(b"\n") else b"\r\n")
