"""The configuration sections that alert handlers bring along."""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from marshmallow import Schema

from services.alerting import handlers


def handler_sections() -> dict[str, Schema]:
    """Section name -> schema, from the ``CONFIG_SECTIONS`` of every module in services/alerting/handlers."""
    sections: dict[str, Schema] = {}
    for module in _modules():
        sections |= getattr(module, "CONFIG_SECTIONS", {})
    return sections


def handler_defaults() -> dict[str, Sequence[Any]]:
    """Section name -> what counts where none is configured, from their ``CONFIG_DEFAULTS``."""
    defaults: dict[str, Sequence[Any]] = {}
    for module in _modules():
        defaults |= getattr(module, "CONFIG_DEFAULTS", {})
    return defaults


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(handlers.__path__, handlers.__name__ + "."):
        yield importlib.import_module(module.name)
