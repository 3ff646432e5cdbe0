"""What has to be put together above the services: scripts may use the alert handlers that alerting has."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.config import Config
from services import log

if TYPE_CHECKING:
    from services.engine.posting import PostEndpoint
    from services.store.effective import Effective


async def gateway(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """The gateway, which checks scripts with all handlers known. SIGHUP has it read anew what it reads from files."""
    from services.alerting.handlers import specs
    from services.gateway.main import main

    again = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, again.set)
    effective = _effective(config)
    await main(config, ready, stop, specs(), check_handler(effective.sections), again, effective)


async def engine(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """A worker, which tells alerting what handlers a script asks for."""
    from services.alerting.handlers import specs
    from services.engine.main import main

    effective = _effective(config)
    await main(config, ready, stop, specs(), describe_handlers(effective), post_endpoints(effective), effective)


async def recorder(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """The recorder, whose replays run tasks as workers do."""
    from services.alerting.handlers import specs
    from services.recorder.main import main

    effective = _effective(config)
    await main(config, ready, stop, specs(), describe_handlers(effective), post_endpoints(effective), effective)


async def alerting(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """The alerting service."""
    from services.alerting.main import main

    await main(config, ready, stop, _effective(config))


def _effective(config: Config) -> Effective:
    """The configuration, which each service has follow its fold."""
    from services.cli.sections import handler_defaults, handler_sections
    from services.store.effective import Effective

    return Effective(config, handler_sections(), handler_defaults())


def check_handler(sections: Mapping[str, Any]) -> Callable[[str, Any, str], None]:
    """What says whether a topic may have a handler of this kind, with these options and this match, or ValueError."""
    from services.alerting.handlers import check_json
    from services.alerting.match import match_of

    def check(kind: str, options: Any, match: str) -> None:
        check_json(kind, options, sections)
        match_of(match)

    return check


def describe_handlers(effective: Effective) -> Callable[[Any], list[dict[str, Any]]]:
    """How events describe the handlers that a script and the configuration ask for. ValueError for one that cannot be
    used."""
    from services.alerting.handlers import check, configured, to_json

    def described(properties: Any) -> list[dict[str, Any]]:
        configured(properties, effective.sections)
        for use in properties.handlers:
            check(use, effective.sections)
        return [to_json(use) for use in properties.handlers]

    return described


def post_endpoints(effective: Effective) -> Mapping[str, PostEndpoint]:
    """What the sections [[httppost]], which alert handlers use too, mean to httpPost nodes, as they are now.

    Raises OSError where a template of the file's sections cannot be read.
    """
    found = {section.endpoint: _post_endpoint(section) for section in effective.config.sections.get("httppost", ())}

    def changed() -> None:
        sections = effective.config.sections.get("httppost", ())
        for name in set(found) - {section.endpoint for section in sections}:
            del found[name]
        for section in sections:
            try:
                found[section.endpoint] = _post_endpoint(section)
            except (OSError, ValueError) as error:
                log.get("config").warn("an endpoint cannot be used", endpoint=section.endpoint, err=error)

    effective.on_change(changed)
    return found


def _post_endpoint(section: Any) -> PostEndpoint:
    from services.engine.posting import PostEndpoint

    auth, template = section.basic_auth, section.row_template
    if section.row_template_file:
        template = Path(section.row_template_file).read_text("utf-8")
    return PostEndpoint(
        section.url,
        section.headers or {},
        auth.username if auth is not None else "",
        auth.password if auth is not None else "",
        template,
    )
