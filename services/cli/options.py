"""What the command line's options mean to the configuration: which there are, and the configuration with what they
give."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from schemas.config import Config, ConfigError, load_config
from services.cli.errors import MistakenCall
from services.cli.handler_settings import check_handlers, handler_sections

SERVICE_OPTIONS = ("disable-handlers", "blacklist-cidrs")
"""Of every command that starts services."""

# Which setting each option of the command line gives.
_SETTINGS = {
    "http": ("http", "bind-address"),
    "data_dir": ("", "data_dir"),
    "workers": ("engine", "workers"),
    "nats": ("nats", "url"),
    "id": ("engine", "id"),
    "log_level": ("logging", "level"),
    "disable_handlers": ("security", "disable-handlers"),
    "blacklist_cidrs": ("security", "blacklist-cidrs"),
}

_SEEN = (
    "tickbus: everybody on this machine can see what stands in --nats, credentials included: give them as url, or as "
    "username and password, in [nats] of the configuration file, or by KAPACITOR_NATS_PASSWORD_FILE"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration that counts for a command.

    file: that of the configuration, None where there is none. given: the options that the command line has.
    """

    config: Config
    file: Path | None
    given: frozenset[str]

    @property
    def quiet(self) -> Config:
        """The configuration for a command that people look at: no log level but the one that the command line gives."""
        if "log_level" in self.given:
            return self.config
        return replace(self.config, logging=replace(self.config.logging, level="WARN"))


def takes_settings(*options: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """A decorator: the command has the options --config, --log-level and these, and its function is called with what
    they come to, as Settings, before its own parameters."""
    known = {
        "config": click.option(
            "--config", type=click.Path(path_type=Path), metavar="FILE", help="The configuration file (TOML)."
        ),
        "log-level": click.option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARN or ERROR."),
        "http": click.option("--http", metavar="HOST:PORT", help="Where the HTTP API listens."),
        "data-dir": click.option("--data-dir", metavar="DIR", help="Where everything is kept."),
        "workers": click.option("--workers", type=int, metavar="N", help="How many engine workers to start."),
        "nats": click.option("--nats", metavar="URL", help="The NATS to use."),
        "id": click.option("--id", metavar="NAME", help="The worker's name."),
        "disable-handlers": click.option(
            "--disable-handlers",
            metavar="LIST",
            callback=_listed,
            help="Alert handlers that nobody may use, in place of those that the file lists.",
        ),
        "blacklist-cidrs": click.option(
            "--blacklist-cidrs",
            metavar="LIST",
            callback=_listed,
            help="Networks that nothing is posted to, or private, in place of those that the file lists.",
        ),
    }
    chosen = ("config", "log-level", *options)

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def command(**parameters: Any) -> int:
            given = {name: parameters.pop(name) for name in (one.replace("-", "_") for one in chosen)}
            return function(read_settings(given), **parameters)

        return functools.reduce(lambda inner, name: known[name](inner), reversed(chosen), command)

    return decorate


def read_settings(given: dict[str, Any]) -> Settings:
    """The configuration: the file's, with what the environment and the options say. Raises MistakenCall.

    given: the values of options by their parameters' names, None for those that the command line does not have.
    """
    if "@" in (given.get("nats") or ""):
        click.echo(_SEEN, err=True)
    file = given.get("config")
    if file is None and (named := os.environ.get("KAPACITOR_CONFIG_PATH")):
        file = Path(named)
    overrides: dict[str, dict[str, Any]] = {}
    for option, (section, key) in _SETTINGS.items():
        if (value := given.get(option)) is not None:
            overrides.setdefault(section, {})[key] = value
    try:
        config = load_config(file, environment=os.environ, overrides=overrides, extra=handler_sections())
        check_handlers(config.security.disable_handlers)
    except ConfigError as error:
        raise MistakenCall(str(error)) from error
    return Settings(config, file, frozenset(name for name, value in given.items() if value is not None))


def _listed(ctx: click.Context, parameter: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [one.strip() for one in text.split(",") if one.strip()]
