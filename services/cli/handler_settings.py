"""The configuration sections that alert handlers bring along."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from marshmallow import Schema

from schemas.config import ConfigError
from services.alerting.declarations.sections import Section
from services.alerting.handlers import kinds


def handler_sections() -> dict[str, Schema]:
    """Section name -> schema, of every handler that reads a section."""
    return {section.name: section.schema for section in _sections()}


def handler_defaults() -> dict[str, Sequence[Any]]:
    """Section name -> what counts where none is configured, of those that may stand repeatedly."""
    return {section.name: section.defaults for section in _sections() if section.defaults}


def check_handlers(names: Iterable[str]) -> None:
    """ConfigError for a name that no alert handler has: one that is misspelt would not be disabled."""
    known = kinds()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"config: [security] disable-handlers: no handler is {unknown[0]}, there are {', '.join(sorted(known))}"
        )


def _sections() -> Iterator[Section[Any]]:
    return (handler.section for handler in kinds().values() if handler.section is not None)
