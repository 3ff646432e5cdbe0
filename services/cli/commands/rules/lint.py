"""``tickbus lint``: look for mistakes in scripts, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from services.cli.errors import MistakenCall
from services.cli.go_flags import Command
from services.cli.options import Settings, takes_settings
from services.cli.output.printing import as_json, note, print_json, safe, styled
from services.cli.scripts import takes_sample, usable
from services.linting.documents import plain, sarif
from services.linting.finding import Finding, Severity
from services.linting.fixing import fixed
from services.linting.linter import lint
from services.linting.rules import RULES
from services.linting.sample import Sample
from services.process import log
from services.process.files import replace_text, text_of

_PATH = click.Path(path_type=Path)
_MISTAKEN = 2
_STYLES: dict[Severity, dict[str, Any]] = {
    Severity.ERROR: {"fg": "red", "bold": True},
    Severity.WARNING: {"fg": "yellow"},
}


@dataclass(slots=True)
class _Outcome:
    """Of all files: what was found, those that were formatted, and why others could not be read."""

    findings: list[Finding] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


@click.command(cls=Command)
@click.argument("files", nargs=-1, type=_PATH)
@click.option("--fix", is_flag=True, help="Format the scripts: write them as TICKscript is laid out.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print SARIF 2.1.0, for CI systems.")
@takes_sample
@click.option("--strict", is_flag=True, help="Let the exit code be 1 for warnings, too.")
@click.option("--rules", is_flag=True, help="List the rules.")
@as_json
@takes_settings()
def command(
    settings: Settings,
    files: tuple[Path, ...],
    fix: bool,
    as_sarif: bool,
    sample: Sample | None,
    interval: int | None,
    strict: bool,
    rules: bool,
    json: bool,
) -> int:
    """Look for mistakes in scripts: files, or all in a directory that are named *.tick.

    No server is asked. Functions (UDFs) are those of --config. A comment `// tickbus:ignore RULE` on the line before
    says that what the rule finds is meant.

    \b
    tickbus lint cpu.tick
    tickbus lint tasks/ --sample points.txt --strict
    tickbus lint tasks/ --fix
    """
    if rules:
        _list_rules(json)
        return 0
    if not files:
        raise click.UsageError("Missing argument 'FILES...'.")
    if json and as_sarif:
        raise click.UsageError("--json and --sarif do not go together.")
    log.setup(level=settings.quiet.logging.level)
    outcome = asyncio.run(_lint(settings, _files_there(files), sample, interval, fix))
    _tell(outcome, json, as_sarif)
    if outcome.unread:
        return _MISTAKEN
    return int(any(strict or finding.severity is Severity.ERROR for finding in outcome.findings))


async def _lint(
    settings: Settings, files: Iterable[Path], sample: Sample | None, interval: int | None, fix: bool
) -> _Outcome:
    outcome = _Outcome()
    registry = await usable(settings.config)
    for path in files:
        try:
            text = _text(path, fix, outcome)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            outcome.unread.append(f"{path}: {reason or error}")
            continue
        outcome.findings += lint(text, str(path), registry, sample, interval)
    return outcome


def _text(path: Path, fix: bool, outcome: _Outcome) -> str:
    """A script as it is now. Raises OSError, ValueError."""
    text = text_of(str(path))
    if fix and (better := fixed(text)) != text:
        replace_text(path, better)
        outcome.written.append(path)
        return better
    return text


def _files_there(given: Iterable[Path]) -> list[Path]:
    """Files, and all scripts in directories. Raises MistakenCall where there is none."""
    found: dict[Path, None] = {}
    for path in given:
        some = sorted(path.rglob("*.tick")) if path.is_dir() else [path]
        if not some:
            raise MistakenCall(f"there is no file *.tick in {path}")
        found |= dict.fromkeys(some)
    return list(found)


def _tell(outcome: _Outcome, json: bool, as_sarif: bool) -> None:
    for path in outcome.written:
        note(f"{path} was formatted")
    for text in outcome.unread:
        note(text)
    findings = outcome.findings
    if as_sarif:
        print_json(sarif(findings, version("tickbus")))
        return
    counts = {f"{one.value}s": sum(f.severity is one for f in findings) for one in Severity}
    if json:
        print_json({"findings": [plain(one) for one in findings], **counts, "unread": outcome.unread})
        return
    for one in findings:
        print(styled(safe(str(one)), **_STYLES[one.severity]))
        if one.help:
            print(styled(safe(f"    {one.help}"), dim=True))
    if findings:
        print(", ".join(f"{n} {word if n != 1 else word[:-1]}" for word, n in counts.items()))


def _list_rules(json: bool) -> None:
    if json:
        print_json([{"rule": one.name, "severity": one.severity.value, "about": one.doc} for one in RULES.values()])
        return
    width = max(map(len, RULES))
    for rule in RULES.values():
        print(f"{rule.name:{width}}  {rule.severity.value:7}  {rule.about}")
