"""``tickbus test``: run tests of rules, without a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from schemas.rule_tests.json_schema import json_schema
from services.alerting.handlers import configured, specs
from services.cli.composition import post_endpoints
from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.handler_settings import handler_defaults, handler_sections
from services.cli.options import Settings, takes_settings
from services.cli.output.printing import as_json, note, print_json, safe, styled
from services.nodes import ConfiguredNodes
from services.nodes.udf_host.functions import UdfFunctions
from services.process import log
from services.process.files import replace_text
from services.store.live_config import LiveConfig
from services.testing.errors import BadTestFile
from services.testing.format.document import read_documents
from services.testing.format.model import TestFile
from services.testing.format.reading import read_tests
from services.testing.reporting.coverage import coverage_lines, coverage_of
from services.testing.reporting.plain import junit, plain_of, plain_of_bad
from services.testing.reporting.text import BAD, EXTRA, FAINT, GOOD, MISSING, lines_of
from services.testing.running.building import Workshop, workshop
from services.testing.running.result import ERROR, FAILED, PASSED, TestResult
from services.testing.running.runner import run_test
from services.testing.updating import updated

_PATH = click.Path(path_type=Path)
_STYLES: dict[str, dict[str, Any]] = {
    GOOD: {"fg": "green"},
    BAD: {"fg": "red", "bold": True},
    MISSING: {"fg": "red"},
    EXTRA: {"fg": "yellow"},
    FAINT: {"dim": True},
}
_LOOKS = 0.3  # seconds between two looks at files
_ENDINGS = (".yaml", ".yml")
_MISTAKEN = 2


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line asks for."""

    files: tuple[Path, ...]
    scripts: Path | None
    filter: str
    update: bool
    coverage: bool
    json: bool
    junit: Path | None


@dataclass(slots=True)
class _Outcome:
    """Of all files: results, those files that are none, and every file that had a part in it."""

    results: list[TestResult] = field(default_factory=list)
    bad: list[BadTestFile] = field(default_factory=list)
    reads: set[Path] = field(default_factory=set)
    written: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def code(self) -> int:
        if self.bad:
            return _MISTAKEN
        return 0 if all(result.status == PASSED for result in self.results) else 1


@click.command(cls=Command)
@click.argument("files", nargs=-1, type=_PATH)
@click.option("--dir", "scripts", type=_PATH, metavar="DIR", help="Where the scripts of kapacitor-unit's files lie.")
@click.option("--filter", "filter_", default="", metavar="TEXT", help="Only tests whose name has this in it.")
@click.option("--update", is_flag=True, help="Write what came into the files, where it is not what was expected.")
@click.option("--watch", is_flag=True, help="Run again whenever a file changes, until Ctrl-C.")
@click.option("--coverage", is_flag=True, help="Tell which nodes gave nothing, and which levels were not reached.")
@click.option("--junit", type=_PATH, metavar="FILE", help="Write a report for CI systems.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of files of tests.")
@as_json
@takes_settings()
def command(
    settings: Settings,
    files: tuple[Path, ...],
    scripts: Path | None,
    filter_: str,
    update: bool,
    watch: bool,
    coverage: bool,
    junit: Path | None,
    schema: bool,
    json: bool,
) -> int:
    """Run tests of rules: YAML files, or all in a directory that are named *test*.yaml.

    No server is asked and nothing leaves. Files of kapacitor-unit are run as they are. Functions (UDFs) and endpoints
    are those of --config.

    \b
    tickbus test cpu_test.yaml
    tickbus test tests/ --coverage --junit report.xml
    tickbus test cpu_test.yaml --watch
    """
    if schema:
        print_json(json_schema())
        return 0
    if not files:
        raise click.UsageError("Missing argument 'FILES...'.")
    asked = _Asked(files, scripts, filter_, update, coverage, json, junit)
    log.setup(level=settings.quiet.logging.level)
    return asyncio.run(_watch(settings, asked) if watch else _once(settings, asked))


async def _once(settings: Settings, asked: _Asked) -> int:
    async with UdfFunctions(settings.config.udf.functions) as functions:
        outcome = _Outcome()
        await _run(_workshop(settings, functions), asked, outcome)
    _tell(outcome, asked)
    if asked.filter and not outcome.results and not outcome.bad:
        raise CommandFailed(f"no test has {asked.filter!r} in its name")
    return outcome.code


async def _watch(settings: Settings, asked: _Asked) -> int:
    async with UdfFunctions(settings.config.udf.functions) as functions:
        made = _workshop(settings, functions)
        while True:
            began, outcome = time.time_ns(), _Outcome()
            try:
                await _run(made, asked, outcome)
                # what was changed meanwhile may have been read before that
                changed, now = _changed(outcome.reads), time.time_ns()
                seen = {path: at for path, at in changed.items() if not began <= at <= now}
                _tell(outcome, asked)
            except CommandFailed as error:
                note(str(error))
                seen = _changed(outcome.reads)
            note(f"waiting for changes of {len(outcome.reads)} files; Ctrl-C ends it")
            while _changed(outcome.reads | _there(asked.files)) == seen:
                await asyncio.sleep(_LOOKS)


async def _run(made: Workshop, asked: _Asked, outcome: _Outcome) -> None:
    """Raises CommandFailed where there is no file."""
    began = time.perf_counter()
    for path in _files_there(asked.files):
        outcome.reads.add(path)
        try:
            outcome.results += await _file(path, made, asked, outcome)
        except BadTestFile as error:
            outcome.bad.append(error)
            outcome.reads.update(error.reads)
    outcome.seconds = time.perf_counter() - began


async def _file(path: Path, made: Workshop, asked: _Asked, outcome: _Outcome) -> list[TestResult]:
    """Raises BadTestFile."""
    file = read_tests(path, asked.scripts)
    outcome.reads.update(file.reads)
    results = await _results(file, made, asked)
    if not asked.update or all(result.status == PASSED for result in results):
        return results
    text = updated(file.text, results)
    if text == file.text:
        return results
    try:
        read_documents(text, str(path))
    except BadTestFile as error:  # an anchor was in what is not expected any more
        raise BadTestFile(
            str(path), f"cannot be updated, it would have {error.text}", error.line, error.column
        ) from None
    try:
        replace_text(path, text)
    except OSError as error:
        raise BadTestFile(str(path), f"cannot be written: {error.strerror or error}") from None
    outcome.written.append(path)
    return await _results(read_tests(path, asked.scripts), made, asked)


async def _results(file: TestFile, made: Workshop, asked: _Asked) -> list[TestResult]:
    wanted = asked.filter.casefold()
    return [await run_test(test, made) for test in file.tests if wanted in test.name.casefold()]


def _workshop(settings: Settings, functions: UdfFunctions) -> Workshop:
    effective = LiveConfig(settings.config, handler_sections(), handler_defaults())
    registry = ConfiguredNodes(settings.config.deadman)(specs(), functions)

    def prepare(properties: Any) -> None:
        configured(properties, effective.sections, effective.guard)

    prepared = prepare if settings.file is not None else None
    return workshop(registry, post_endpoints(effective), effective.guard, prepared)


def _files_there(given: Iterable[Path]) -> list[Path]:
    """Files, and what is named as a test in directories. Raises CommandFailed where there is none."""
    found: dict[Path, None] = {}
    for path in given:
        if path.is_dir():
            some = [one for one in sorted(path.rglob("*")) if one.suffix in _ENDINGS and "test" in one.stem]
            if not some:
                raise CommandFailed(f"there is no file *test*.yaml in {path}")
            found |= dict.fromkeys(some)
        else:
            found[path] = None
    return list(found)


def _there(given: Iterable[Path]) -> set[Path]:
    """The same, without any where there is none."""
    try:
        return set(_files_there(given))
    except CommandFailed:
        return set()


def _changed(files: Iterable[Path]) -> dict[Path, int]:
    """When files were changed, ns; 0 for those that are not there."""
    found: dict[Path, int] = {}
    for path in files:
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            found[path] = 0
    return found


def _tell(outcome: _Outcome, asked: _Asked) -> None:
    results = outcome.results
    if asked.junit is not None:
        try:
            asked.junit.write_bytes(junit(results, outcome.bad))
        except OSError as error:
            raise CommandFailed(f"{asked.junit} cannot be written: {error.strerror or error}") from error
    for path in outcome.written:
        note(f"{path} was updated")
    for bad in outcome.bad:
        note(str(bad))
    coverage = coverage_of(results) if asked.coverage else []
    if asked.json:
        found: dict[str, Any] = {"tests": [plain_of(result) for result in results], **_counts(results)}
        found |= {"mistaken": [plain_of_bad(bad) for bad in outcome.bad], "seconds": round(outcome.seconds, 6)}
        print_json(found | {"coverage": [one.plain() for one in coverage]} if asked.coverage else found)
        return
    for result in results:
        for line in lines_of(result):
            print(styled(safe(line.text), **_STYLES.get(line.style, {})))
    for text in coverage_lines(coverage):
        print(safe(text))
    print(_summary(results, outcome.seconds), flush=True)


def _summary(results: Sequence[TestResult], seconds: float) -> str:
    told = ", ".join(f"{n} {word}" for word, n in _counts(results).items() if n or word == "passed")
    text = f"{told} in {seconds:.2f} s"
    good = all(result.status == PASSED for result in results)
    return styled(text, fg="green" if good else "red", bold=True)


def _counts(results: Sequence[TestResult]) -> dict[str, int]:
    statuses = [result.status for result in results]
    return {
        "passed": statuses.count(PASSED),
        "failed": statuses.count(FAILED),
        "errors": statuses.count(ERROR),
    }
