"""The rules: one file each, listed here."""

from __future__ import annotations

from types import MappingProxyType

from services.linting.rule import Rule
from services.linting.rules import (
    alert_handler,
    alert_id,
    alert_level,
    compile,
    deadman_interval,
    field_type,
    join_groupings,
    lambda_,
    never_true,
    regex_anchor,
    stateful_in_alert,
    stateful_in_batch,
    syntax,
    unknown_field,
    unreachable,
    unused_var,
)

_MODULES = (
    syntax,
    compile,
    lambda_,
    unused_var,
    unreachable,
    never_true,
    alert_level,
    alert_handler,
    alert_id,
    join_groupings,
    stateful_in_batch,
    stateful_in_alert,
    deadman_interval,
    field_type,
    unknown_field,
    regex_anchor,
)

RULES: MappingProxyType[str, Rule] = MappingProxyType({module.RULE.name: module.RULE for module in _MODULES})
"""By name, in the order in which they are documented."""

NEVER_IGNORED = frozenset((syntax.RULE.name, compile.RULE.name))
"""No comment makes a script run that cannot be read."""
