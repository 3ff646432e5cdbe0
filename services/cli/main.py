"""The ``tickbus`` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from schemas.config import Config, ConfigError, load_config
from services.cli.sections import handler_sections

# Which setting each option of the command line gives.
_OPTIONS = {
    "http": ("http", "bind-address"),
    "data_dir": ("", "data_dir"),
    "workers": ("engine", "workers"),
    "nats": ("nats", "url"),
    "id": ("engine", "id"),
    "log_level": ("logging", "level"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 after a clean end, 1 after a failure, 2 when the call is mistaken."""
    options = _parser().parse_args(arguments)
    if options.command in ("nodes", "handlers"):
        from services.cli import reference

        show = reference.nodes if options.command == "nodes" else reference.handlers
        return show(options.name)
    try:
        return _run(options, _config(options))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, config: Config) -> int:
    if options.command == "config":
        from schemas.config.render import render_config

        print(render_config(config, handler_sections(), reveal=options.reveal), end="")
        return 0
    if options.command == "serve":
        from services.cli.serve import serve
        from services.launcher.launcher import service_programs

        return serve(config, service_programs(options.config))
    if options.command == "restore":
        from services.cli.restore import restore

        return restore(config, options.backup)
    if options.command == "user":
        from services.cli.users import user

        return user(_quiet(options, config), options)
    if options.command == "demo":
        from services.cli.demo import demo

        # The alerts are what is to be seen.
        return demo(
            _quiet(options, config), options.config, temporary=options.data_dir is None, seconds=options.seconds
        )
    from services.cli.service import run_service

    if not config.nats.url:
        raise ConfigError(f"tickbus {options.command}: needs a NATS: --nats URL, or url in [nats] of the configuration")
    return run_service(options.command, config)


def _quiet(options: argparse.Namespace, config: Config) -> Config:
    """The configuration for a command that people look at: no level but the one that the command line gives."""
    if options.log_level is not None:
        return config
    return replace(config, logging=replace(config.logging, level="WARN"))


def _config(options: argparse.Namespace) -> Config:
    if options.config is None and "KAPACITOR_CONFIG_PATH" in os.environ:
        options.config = Path(os.environ["KAPACITOR_CONFIG_PATH"])
    overrides: dict[str, dict[str, Any]] = {}
    for option, (section, key) in _OPTIONS.items():
        value = getattr(options, option, None)
        if value is not None:
            overrides.setdefault(section, {})[key] = value
    return load_config(options.config, environment=os.environ, overrides=overrides, extra=handler_sections())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tickbus", description="Kapacitor's API and TICKscript on NATS.")
    parser.add_argument("--version", action="version", version=f"tickbus {version('tickbus')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = _command(commands, "serve", "start NATS and every service on this machine")
    _add(serve, "http", "data-dir", "workers", "nats")
    demo = _command(commands, "demo", "serve this host's own figures to a sample task and show its alerts")
    _add(demo, "http", "data-dir", "workers", "nats")
    demo.add_argument("--seconds", type=float, metavar="N", help="end after N seconds")

    gateway = _command(commands, "gateway", "start the HTTP API against a given NATS")
    _add(gateway, "http", "data-dir", "nats")
    engine = _command(commands, "engine", "start one engine worker against a given NATS")
    _add(engine, "data-dir", "nats")
    engine.add_argument("--id", metavar="NAME", help="the worker's name")
    _add(_command(commands, "alerting", "start the alerting service against a given NATS"), "data-dir", "nats")
    _add(_command(commands, "recorder", "start one recorder against a given NATS"), "data-dir", "nats")

    restore = _command(commands, "restore", "begin with a backup, in an empty data directory or a NATS without streams")
    _add(restore, "data-dir", "nats")
    restore.add_argument("backup", type=Path, metavar="FILE", help="what GET /kapacitor/v1/storage/backup gave")

    _add_user(commands)

    config = _command(commands, "config", "print the effective configuration, each setting with its documentation")
    _add(config, "http", "data-dir", "workers", "nats")
    config.add_argument("--reveal", action="store_true", help="print secrets too")

    for what, text in (("nodes", "the nodes that scripts may use"), ("handlers", "what alerts may be sent with")):
        known = commands.add_parser(what, help=f"list {text}, or print all about one", description=f"Lists {text}.")
        known.add_argument("name", nargs="?", metavar="NAME", help="print all about this one")
    return parser


def _add_user(commands: Any) -> None:
    text = "make, change, delete and list the users of the HTTP API"
    user = commands.add_parser("user", help=text, description=f"{text[0].upper()}{text[1:]}.")
    verbs = user.add_subparsers(dest="verb", required=True, metavar="WHAT")
    add = _command(verbs, "add", "make a user; the password is asked for, or read from standard input")
    change = _command(verbs, "set", "change what a user may do")
    passwd = _command(verbs, "passwd", "give a user another password")
    delete = _command(verbs, "delete", "delete a user")
    listed = _command(verbs, "list", "list all users, and the tokens of subscriptions")
    grant = _command(verbs, "grant", "make a token that `~subscriber` may write to a database with")
    revoke = _command(verbs, "revoke", "let nobody write with a token any more")
    for one in (add, change, passwd, delete, listed, grant, revoke):
        _add(one, "data-dir", "nats")
    for one in (add, change, passwd, delete):
        one.add_argument("name", metavar="NAME")
    for one in (add, change):
        one.add_argument("--admin", dest="type", action="store_const", const="admin", help="may do everything")
        one.add_argument("--permissions", metavar="LIST", help="of api, config_api, write_points, all; with commas")
    change.add_argument("--normal", dest="type", action="store_const", const="normal", help="may do what is permitted")
    grant.add_argument("database", metavar="DATABASE")
    revoke.add_argument("name", metavar="NAME", help="of the token, as `list` shows it")


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration file (TOML)")
    parser.add_argument("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARN or ERROR")
    return parser


def _add(parser: argparse.ArgumentParser, *options: str) -> None:
    known: dict[str, dict[str, Any]] = {
        "http": {"metavar": "HOST:PORT", "help": "where the HTTP API listens"},
        "data-dir": {"metavar": "DIR", "help": "where everything is kept"},
        "workers": {"metavar": "N", "type": int, "help": "how many engine workers to start"},
        "nats": {"metavar": "URL", "help": "the NATS to use"},
    }
    for option in options:
        parser.add_argument(f"--{option}", **known[option])


if __name__ == "__main__":
    sys.exit(main())
