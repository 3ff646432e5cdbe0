"""Commands, as both event loops run them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from services.alerting.transports.command import CommandResult, kill_all, run
from tests.support.pipes import Pipe
from tests.support.processes import gone

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

Play = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=LOOPS)
def play(request: pytest.FixtureRequest) -> Play:
    """Runs a coroutine to its end, within 20 s."""

    def played(work: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(20):
                return await work

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(bounded())

    return played


def shell(script: str, given: bytes = b"", timeout: float | None = None) -> Coroutine[Any, Any, CommandResult]:
    return run("/bin/sh", ["-c", script], given, timeout)


@pytest.fixture
def said(tmp_path: Path) -> Iterator[Pipe]:
    """Where commands can say that they are so far."""
    pipe = Pipe(tmp_path / "said")
    yield pipe
    pipe.close()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def test_its_input_status_and_output(play: Play) -> None:
    assert play(shell("cat; echo err >&2; exit 3", b"given\n")) == CommandResult(3, "given\nerr", "")
    assert str(CommandResult(3, "given", "")) == "exit status 3; output: given"
    assert str(play(shell("kill -9 $$"))) == "signal: killed"
    assert play(run("true", [], b"", None)).status == 0


@pytest.mark.parametrize("script", ["exit 0", "exec 0<&-; sleep 0.05", "head -c 1 >/dev/null; sleep 0.05"])
def test_a_command_need_not_read_its_input(play: Play, script: str) -> None:
    assert play(shell(script, b"x" * (4 << 20))) == CommandResult(0, "", "")


def test_only_the_last_of_much_output_is_kept(play: Play) -> None:
    ended = play(shell("yes é | head -c 3000000; echo; echo end; exit 1"))
    assert ended.output.startswith("… ") and ended.output.endswith("é\n\nend") and len(ended.output.encode()) < 4200


def test_what_it_leaves_in_the_background_is_not_waited_for_and_may_go_on_writing(
    play: Play, said: Pipe, tmp_path: Path
) -> None:
    async def both() -> str:
        go = Pipe(tmp_path / "go")
        background = f"(read x < {go.path}; for i in 1 2 3; do echo more || exit 1; done; echo wrote > {said.path}) &"
        assert await shell(f"echo here; {background}") == CommandResult(0, "here", "")
        go.say("now\n")
        answer = await said.said()
        go.close()
        return answer

    assert play(both()) == "wrote"


@pytest.mark.parametrize(("trap", "by"), [("", signal.SIGTERM), ("trap '' TERM; ", signal.SIGKILL)])
def test_after_its_time_all_in_its_group_are_ended(play: Play, said: Pipe, trap: str, by: int) -> None:
    async def timed() -> None:
        script = f"{trap}sleep 60 & echo $! > {said.path}; echo started; wait; sleep 60"
        running = asyncio.create_task(shell(script, timeout=0.5))
        child = int(await said.said())
        assert await running == CommandResult(-by, "started", "not ended within 0.5 s")
        await until(lambda: gone(child))

    play(timed())


async def cancelled(said: Pipe) -> None:
    running = asyncio.create_task(shell(f"echo out; sleep 60 & echo $! > {said.path}; wait"))
    child = int(await said.said())
    running.cancel()
    assert await running == CommandResult(-signal.SIGTERM, "out", "ended with the service")
    assert not running.cancelled()
    await until(lambda: gone(child))


async def killed(said: Pipe) -> None:
    running = asyncio.create_task(shell(f"sleep 60 & echo $! > {said.path}; wait"))
    child = int(await said.said())
    # the child may be faster than the one who started it, who has not noted it yet then
    kill_all()
    await until(lambda: gone(child))
    assert (await running).status == -signal.SIGKILL


@pytest.mark.parametrize("way", [cancelled, killed])
def test_it_ends_with_who_runs_it(play: Play, said: Pipe, way: Callable[[Pipe], Awaitable[None]]) -> None:
    play(way(said))  # type: ignore[arg-type]


def test_a_command_that_has_ended_when_it_is_broken_off_has_ended(play: Play, said: Pipe, tmp_path: Path) -> None:
    async def late() -> CommandResult:
        # its output is held open by something in the background
        end = Pipe(tmp_path / "end")
        running = asyncio.create_task(shell(f"read x < {end.path} & echo over > {said.path}"))
        await said.said()
        await asyncio.sleep(0.05)
        running.cancel()
        ended: CommandResult = await running
        end.say("now\n")
        await asyncio.sleep(0.05)
        end.close()
        return ended

    assert play(late()) == CommandResult(0, "", "")


@pytest.mark.parametrize(
    ("prog", "args", "error"),
    [
        ("/no/such", [], FileNotFoundError),
        ("", [], OSError),
        ("/etc/passwd", [], PermissionError),
        ("/bin/sh", ["-c", "a\0b"], ValueError),
        ("/bin/sh", ["\ud800"], ValueError),
        ("/bin/true", ["x" * 3_000_000], OSError),
    ],
)
def test_what_cannot_be_run(play: Play, prog: str, args: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        play(run(prog, args, b"", None))


def test_the_environment_is_ours_without_the_bus(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAPACITOR_NATS_URL", "nats://user:secret@localhost")
    monkeypatch.setenv("FOR_THE_SCRIPT", "yes")
    monkeypatch.chdir(Path(sys.prefix))
    said = play(shell('echo "$KAPACITOR_NATS_URL$FOR_THE_SCRIPT $PWD"')).output
    assert said == f"yes {Path(sys.prefix).resolve()}"
