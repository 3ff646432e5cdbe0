"""The configuration sections that alert handlers bring along."""

import importlib
import pkgutil

from marshmallow import Schema

from services.alerting import handlers


def handler_sections() -> dict[str, Schema]:
    """Section name -> schema, from the ``CONFIG_SECTIONS`` of every module in services/alerting/handlers."""
    sections: dict[str, Schema] = {}
    for module in pkgutil.iter_modules(handlers.__path__, handlers.__name__ + "."):
        sections |= getattr(importlib.import_module(module.name), "CONFIG_SECTIONS", {})
    return sections
