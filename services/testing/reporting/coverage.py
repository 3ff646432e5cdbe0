"""What of each script tests have had work: nodes that gave something, and levels that alerts reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from services.alertlog.info import LEVELS
from services.testing.running.result import TestResult


@dataclass(slots=True)
class Coverage:
    """Of one script, by all its tests. nodes: in the script's order. named, reached: levels by alert node."""

    source: str
    nodes: dict[str, bool] = field(default_factory=dict)
    named: dict[str, set[int]] = field(default_factory=dict)
    reached: dict[str, set[int]] = field(default_factory=dict)

    @property
    def quiet(self) -> list[str]:
        """Nodes that never gave anything."""
        return [name for name, spoke in self.nodes.items() if not spoke]

    @property
    def missed(self) -> dict[str, list[str]]:
        """Levels that were never reached, by alert node."""
        left = {node: sorted(named - self.reached.get(node, set())) for node, named in self.named.items()}
        return {node: [LEVELS[level] for level in levels] for node, levels in left.items() if levels}

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        levels = sum(map(len, self.named.values()))
        missed = sum(map(len, self.missed.values()))
        return {
            "script": self.source,
            "nodes": {"all": len(self.nodes), "covered": len(self.nodes) - len(self.quiet), "quiet": self.quiet},
            "levels": {"all": levels, "covered": levels - missed, "missed": self.missed},
        }


def coverage_of(results: Iterable[TestResult]) -> list[Coverage]:
    """By script, in the order of the tests."""
    found: dict[str, Coverage] = {}
    for result in results:
        covered = result.covered
        if not covered.source:
            continue
        mine = found.setdefault(covered.source, Coverage(covered.source))
        for name in covered.nodes:
            mine.nodes[name] = mine.nodes.get(name, False) or name in covered.spoke
        for node, levels in covered.levels.items():
            mine.named.setdefault(node, set()).update(levels.named)
            mine.reached.setdefault(node, set()).update(levels.reached)
    return list(found.values())


def coverage_lines(all_of: Iterable[Coverage]) -> Iterator[str]:
    """For people."""
    for one in all_of:
        plain = one.plain()
        nodes, levels = plain["nodes"], plain["levels"]
        yield f"{one.source}: {nodes['covered']} of {nodes['all']} nodes, {levels['covered']} of {levels['all']} levels"
        if nodes["quiet"]:
            yield f"    gave nothing: {', '.join(nodes['quiet'])}"
        for node, missed in levels["missed"].items():
            yield f"    {node} never was {', '.join(missed)}"
