"""What has to be put together above the services: scripts may use the alert handlers that alerting has."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.config import Config
from services.launcher.forking import Template
from services.process import log
from services.process.loading import ending_when_asked, loading

if TYPE_CHECKING:
    from services.connectors.http_sender import PostEndpoint
    from services.pipeline.graph import Graph
    from services.process.permissions import Guard
    from services.process.vitals import Vitals
    from services.store.live_config import LiveConfig


_EVERY_SERVICE = ("uvloop", "services.cli.service_process", "services.cli.diagnostics.agent")
# what is imported by name when scripts are first read, in three of the four services
_NODES = tuple(sorted(f"services.nodes.{file.stem}" for file in Path(__file__).parents[1].glob("nodes/[a-z]*.py")))
# the one that takes longest to be ready comes first
_NEEDS = {
    "engine": (*_EVERY_SERVICE, "services.cli.commands.services.engine", "services.engine.main", *_NODES, "numba"),
    "gateway": ("services.cli.commands.services.gateway", "services.gateway.main"),
    "alerting": ("services.cli.commands.services.alerting", "services.alerting.main"),
    "recorder": ("services.cli.commands.services.recorder", "services.recorder.main"),
}


@contextlib.contextmanager
def forked_services() -> Iterator[Template | None]:
    """What services are forked off meanwhile; None where they cannot be. To be entered before anything else is."""
    from services.cli.main import main

    try:
        template = Template(_NEEDS, main)
    except OSError:
        yield None
        return
    try:
        yield template
    finally:
        template.close()


async def gateway(config: Config, ready: Callable[[], None], stop: asyncio.Event, vitals: Vitals) -> None:
    """The gateway, which checks scripts with all handlers known. SIGHUP has it read anew what it reads from files, and
    open its log file again."""
    with loading(), ending_when_asked("gateway"):
        from services.alerting.handlers import specs
        from services.gateway.main import main

    again = asyncio.Event()

    def hung_up() -> None:
        log.reopen()
        again.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up)
    effective = _effective(config)
    await main(
        config,
        ready,
        stop,
        specs,
        check_handler(effective),
        again,
        effective,
        permitted=check_permitted(effective),
        vitals=vitals,
    )


async def engine(config: Config, ready: Callable[[], None], stop: asyncio.Event, vitals: Vitals) -> None:
    """A worker, which tells alerting what handlers a script asks for."""
    with loading(), ending_when_asked("engine"):
        from services.alerting.handlers import specs
        from services.engine.main import main

    effective = _effective(config)
    await main(config, ready, stop, specs, describe_handlers(effective), post_endpoints(effective), effective, vitals)


async def recorder(config: Config, ready: Callable[[], None], stop: asyncio.Event, vitals: Vitals) -> None:
    """The recorder, whose replays run tasks as workers do."""
    with loading(), ending_when_asked("recorder"):
        from services.alerting.handlers import specs
        from services.recorder.main import main

    effective = _effective(config)
    await main(config, ready, stop, specs, describe_handlers(effective), post_endpoints(effective), effective, vitals)


async def alerting(config: Config, ready: Callable[[], None], stop: asyncio.Event, vitals: Vitals) -> None:
    """The alerting service."""
    with loading(), ending_when_asked("alerting"):
        from services.alerting.main import main

    await main(config, ready, stop, _effective(config), vitals)


def _effective(config: Config) -> LiveConfig:
    """The configuration, which each service has follow its fold."""
    from services.cli.handler_settings import handler_defaults, handler_sections
    from services.store.live_config import LiveConfig

    effective = LiveConfig(config, handler_sections(), handler_defaults())

    def hide() -> None:
        log.hide("config", effective.overridable.secrets(effective.config))

    hide()
    effective.on_change(hide)
    return effective


def check_handler(effective: LiveConfig) -> Callable[[str, Any, str], None]:
    """What says whether a topic may have a handler of this kind, with these options and this match, or ValueError."""
    from services.alerting.delivery.match import match_of
    from services.alerting.handlers import check_json

    def check(kind: str, options: Any, match: str) -> None:
        check_json(kind, options, effective.sections, effective.guard)
        match_of(match)

    return check


def check_permitted(effective: LiveConfig) -> Callable[[Graph], None]:
    """What says whether a task may do what its graph does on this machine, or NotPermitted."""
    from services.alerting.handlers import check_permitted as check_use

    def check(graph: Graph) -> None:
        for node in graph.nodes:
            node.properties.permitted(effective.guard)
            for use in getattr(node.properties, "handlers", ()) if node.spec.takes_handlers else ():
                check_use(use, effective.sections, effective.guard)

    return check


def describe_handlers(effective: LiveConfig) -> Callable[[Any], list[dict[str, Any]]]:
    """How events describe the handlers that a script and the configuration ask for. ValueError for one that cannot be
    used."""
    from services.alerting.handlers import check, configured, to_json

    def described(properties: Any) -> list[dict[str, Any]]:
        configured(properties, effective.sections, effective.guard)
        for use in properties.handlers:
            check(use, effective.sections, effective.guard)
        return [to_json(use) for use in properties.handlers]

    return described


def post_endpoints(effective: LiveConfig) -> Mapping[str, PostEndpoint]:
    """What the sections [[httppost]], which alert handlers use too, mean to httpPost nodes, as they are now.

    Raises OSError where a template of the file's sections cannot be read.
    """
    guard = effective.guard
    found = {
        section.endpoint: _post_endpoint(section, guard) for section in effective.config.sections.get("httppost", ())
    }

    def changed() -> None:
        sections = effective.config.sections.get("httppost", ())
        for name in set(found) - {section.endpoint for section in sections}:
            del found[name]
        for section in sections:
            try:
                found[section.endpoint] = _post_endpoint(section, guard)
            except (OSError, ValueError) as error:
                log.get("config").warn("an endpoint cannot be used", endpoint=section.endpoint, err=error)

    effective.on_change(changed)
    return found


def _post_endpoint(section: Any, guard: Guard) -> PostEndpoint:
    from services.connectors.http_sender import PostEndpoint
    from services.process.files import text_of

    auth, template = section.basic_auth, section.row_template
    if section.row_template_file:
        template = text_of(guard.public(section.row_template_file))
    return PostEndpoint(
        section.url,
        section.headers or {},
        auth.username if auth is not None else "",
        auth.password if auth is not None else "",
        template,
    )
