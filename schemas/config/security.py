"""[security]: what tasks, handlers and changes of the configuration may have this machine do."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from marshmallow import ValidationError

from schemas.config.fields import Texts
from schemas.config.section import setting

ANY = "*"
PRIVATE = "private"

_UNLESS = 'Not set: any where auth-enabled is off, none where it is on. ["*"]: any.'


def _paths(given: Sequence[str] | None) -> None:
    for path in given or ():
        if path != ANY and not path.startswith("/"):
            raise ValidationError(f'"{path}" must be an absolute path, or "*"')


def _addresses(given: Sequence[str] | None) -> None:
    for address in given or ():
        host, colon, port = address.rpartition(":")
        if address == ANY or (address and (not colon or _is_ip(address) or address.endswith("]"))):
            continue
        bare = not host or (":" in host and not (host.startswith("[") and host.endswith("]")))
        if bare or not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
            raise ValidationError(f'"{address}" must be "HOST:PORT", "[IPV6]:PORT", a host, or "*"')


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _networks(given: Sequence[str]) -> None:
    for network in given:
        try:
            if network != PRIVATE:
                ipaddress.ip_network(network)
        except ValueError as error:
            raise ValidationError(
                f'"{network}" must be an address, a network such as 10.0.0.0/8, or "private"'
            ) from error


@dataclass(frozen=True, kw_only=True)
class Security:
    """[security]: what tasks, handlers and changes of the configuration may have this machine do.

    The same for all services. With auth-enabled nothing that reaches out of tickbus is allowed unless it is listed.
    """

    commands: tuple[str, ...] | None = setting(
        None,
        Texts,
        "The programs that exec handlers may run: absolute paths of programs, or of directories with such. "
        f"{_UNLESS} What arguments a program is given is not looked at: a shell or an interpreter runs anything. "
        "Functions of [udf] are listed by being declared there.",
        check=_paths,
    )
    read_directories: tuple[str, ...] | None = setting(
        None,
        Texts,
        "The directories under which files may be read that scripts and overrides of the configuration name: those of "
        "sideload (file://), template files, certificates and keys. "
        f"{_UNLESS} Never the data directory, /proc, /sys or /dev. What the configuration file names is always read.",
        check=_paths,
    )
    write_directories: tuple[str, ...] | None = setting(
        None,
        Texts,
        f"The directories under which log handlers may write. {_UNLESS} Never the data or the load directory.",
        check=_paths,
    )
    addresses: tuple[str, ...] | None = setting(
        None,
        Texts,
        f'Where tcp handlers may send to: "HOST:PORT", or "HOST" for all of its ports. {_UNLESS}',
        check=_addresses,
    )
    subjects: tuple[str, ...] | None = setting(
        None,
        Texts,
        "The subjects that nats handlers may publish to, with NATS's wildcards: `alerts.>`. "
        f"{_UNLESS} Never those of tickbus itself and of NATS; tickbus.alerts.<topic> always.",
    )
    disable_handlers: tuple[str, ...] = setting(
        (),
        Texts,
        "Alert handlers that nobody may use, with or without auth-enabled, by the kinds that handlers of topics have: "
        "exec, log, smtp … Also --disable-handlers exec,log.",
    )
    blacklist_cidrs: tuple[str, ...] = setting(
        (),
        Texts,
        "Networks that alert handlers, httpPost nodes and sideload sources do not speak HTTP to, nor tcp handlers TCP; "
        '"private" stands for loopback and the private and link-local networks. Also --blacklist-cidrs.',
        check=_networks,
    )
