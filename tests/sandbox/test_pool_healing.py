"""What is killed is replaced; nobody hangs; nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import Limits, Sandbox, SandboxCrash, SandboxError, SandboxTimeout, SandboxUnavailable
from sandbox.pool.pool import Pool
from tests.sandbox.conftest import HERE, unrestricted_pool
from tests.sandbox.timing import in_time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the pool is Linux's")

DOUBLE = "def f(n): return 2 * n"
SPIN = "def f():\n while True: pass"
SLEEP = "import time\ndef f(n):\n time.sleep(n)\n return n"


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = unrestricted_pool()
    yield made
    made.close()


@pytest.fixture
def box(pool: Pool) -> Sandbox:
    return Sandbox(_pool=pool)


def until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False


def test_a_killed_zygote_is_replaced(box: Sandbox, pool: Pool) -> None:
    assert box.run(DOUBLE, "f", [1]).value == 2
    first = pool._zygote
    assert first is not None
    os.kill(first.process_id, signal.SIGKILL)
    assert box.run(DOUBLE, "f", [2]).value == 4
    assert until(lambda: pool._zygote is not None and pool._zygote is not first)
    assert first._process.returncode is not None  # waited for: no zombie


def test_a_run_whose_zygote_dies_is_run_again(box: Sandbox, pool: Pool) -> None:
    box.run(DOUBLE, "f", [1])
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(box.run, SLEEP, "f", [0.4], limits=Limits(timeout_s=10))
        assert until(lambda: pool._running)
        time.sleep(0.1)
        assert pool._zygote is not None
        os.kill(pool._zygote.process_id, signal.SIGKILL)
        assert run.result(15).value == 0.4


def test_a_run_that_called_a_tool_is_not_run_twice(box: Sandbox, pool: Pool) -> None:
    from sandbox import Policy

    calls = []

    def note() -> None:
        calls.append(1)
        assert pool._zygote is not None
        os.kill(pool._zygote.process_id, signal.SIGKILL)

    source = "import time\ndef f():\n call_tool('note', [], {})\n time.sleep(5)"
    with pytest.raises(SandboxCrash):
        box.run(source, "f", policy=Policy(tools={"note": note}))
    assert calls == [1]


def test_a_killed_child_at_work_is_a_crash(box: Sandbox, pool: Pool) -> None:
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(box.run, SPIN, "f", limits=Limits(timeout_s=20))
        assert until(lambda: pool._running)
        time.sleep(0.1)
        (child,) = pool._running.values()
        signal.pidfd_send_signal(child.handle or -1, signal.SIGKILL)
        with pytest.raises(SandboxCrash) as caught:
            run.result(5)
    assert caught.value.exit_code == -signal.SIGKILL
    assert box.run(DOUBLE, "f", [3]).value == 6


def test_children_killed_while_they_wait_cost_no_run(box: Sandbox, pool: Pool) -> None:
    box.run(DOUBLE, "f", [1])
    for number in range(20):
        for child in list(pool._ready):
            if child.handle is not None:
                signal.pidfd_send_signal(child.handle, signal.SIGKILL)
        assert box.run(DOUBLE, "f", [number]).value == 2 * number


def test_under_load_nobody_hangs_when_zygotes_and_children_are_killed(
    box: Sandbox, pool: Pool
) -> None:
    box.run(DOUBLE, "f", [1])
    over = time.monotonic() + 4
    outcomes: list[str] = []
    wrong: list[object] = []

    def work(number: int) -> None:
        while time.monotonic() < over:
            try:
                value = box.run(DOUBLE, "f", [number], limits=Limits(timeout_s=5)).value
                outcomes.append("value")
                if value != 2 * number:
                    wrong.append(value)
            except SandboxError as error:
                outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    turn = 0
    while time.monotonic() < over - 0.5:
        time.sleep(0.15)
        turn += 1
        zygote = pool._zygote
        if turn % 5 == 0 and zygote is not None:
            os.kill(zygote.process_id, signal.SIGKILL)
        for child in [*pool._ready, *pool._running.values()][:1]:
            if child.handle is not None:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(child.handle, signal.SIGKILL)
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert set(outcomes) <= {"value", "SandboxCrash"}
    assert outcomes.count("value") > 50
    assert box.run(DOUBLE, "f", [4]).value == 8


def test_a_zygote_that_answers_no_more_is_ended(
    box: Sandbox, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.pool import pool as module

    monkeypatch.setattr(module, "_SILENCE_S", 0.5)
    box.run(DOUBLE, "f", [1])
    for process in _family(pool):
        os.kill(process, signal.SIGSTOP)
    values = [box.run(DOUBLE, "f", [n], limits=Limits(timeout_s=15)).value for n in range(6)]
    assert values == [0, 2, 4, 6, 8, 10]


def _family(pool: Pool) -> list[int]:
    """The zygote's processes: the one that waits outside and the one inside."""
    assert pool._zygote is not None
    outer = pool._zygote.process_id
    inner = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if path.read_text().rsplit(")", 1)[1].split()[1] == str(outer)
    ]
    return [outer, *inner]


def _descendants(ancestors: set[int]) -> set[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
    found = set(ancestors)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def test_close_ends_every_process() -> None:
    pool = unrestricted_pool()
    box = Sandbox(_pool=pool)
    box.run(DOUBLE, "f", [1])
    assert pool._zygote is not None
    family = _descendants({pool._zygote.process_id})
    assert len(family) > 2
    box.close()
    assert until(lambda: not any(Path(f"/proc/{process}").exists() for process in family))
    with pytest.raises(SandboxUnavailable):
        box.run(DOUBLE, "f", [1])
    box.close()


def test_a_run_under_way_ends_with_its_sandbox() -> None:
    box = Sandbox(_pool=unrestricted_pool())
    box.run(DOUBLE, "f", [1])
    with ThreadPoolExecutor(2) as threads:
        run = threads.submit(box.run, SPIN, "f", limits=Limits(timeout_s=20))
        assert until(lambda: box._pool._running)
        time.sleep(0.1)
        box.close()
        with pytest.raises((SandboxCrash, SandboxUnavailable)):
            run.result(5)


def test_nothing_is_left_behind(box: Sandbox, pool: Pool) -> None:
    def messy() -> None:
        for source in (SPIN, "import os\ndef f(): os._exit(3)", "def f(): return 1", "nonsense("):
            with contextlib.suppress(SandboxError):
                box.run(source, "f", limits=Limits(timeout_s=0.2))

    def settled() -> bool:
        if len(pool._ready) != 2 or pool._running or pool._zygote is None:
            return False
        # The zygote's two processes and the two children that wait; no zombie besides.
        return len(_descendants({pool._zygote.process_id})) == 4

    messy()
    assert until(settled)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        messy()
    assert until(settled)
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_more_jobs_than_places_take_turns() -> None:
    pool = unrestricted_pool(most_running=2, ready=1)
    most = 0

    def watch(box: Sandbox) -> object:
        nonlocal most
        run = box.run(SLEEP, "f", [0.1])
        most = max(most, len(pool._running))
        return run.value

    with Sandbox(_pool=pool) as box, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(watch, [box] * 8)) == [0.1] * 8
    assert most <= 2


def test_who_waits_for_a_place_does_not_wait_for_ever() -> None:
    with Sandbox(_pool=unrestricted_pool(most_running=1)) as box, ThreadPoolExecutor(1) as threads:
        long = threads.submit(box.run, SLEEP, "f", [1.5])
        assert until(lambda: box._pool._running)

        def wait() -> None:
            with pytest.raises(SandboxTimeout):
                box.run(DOUBLE, "f", [1], limits=Limits(timeout_s=0.3))

        in_time(0.5, wait)
        assert long.result().value == 1.5
        assert box.run(DOUBLE, "f", [1]).value == 2


async def test_a_cancelled_run_ends_its_child(box: Sandbox, pool: Pool) -> None:
    await box.arun(DOUBLE, "f", [1])
    task = asyncio.ensure_future(box.arun(SPIN, "f", limits=Limits(timeout_s=20)))
    await asyncio.sleep(0.1)
    (child,) = pool._running.values()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not pool._running
    assert child.handle is None  # killed and let go


async def test_being_cancelled_while_waiting_for_a_place_loses_none() -> None:
    with Sandbox(_pool=unrestricted_pool(most_running=1)) as box:
        long = asyncio.ensure_future(box.arun(SLEEP, "f", [0.5]))
        await asyncio.sleep(0.2)
        waiting = [asyncio.ensure_future(box.arun(DOUBLE, "f", [n])) for n in range(5)]
        await asyncio.sleep(0.05)
        for task in waiting[::2]:
            task.cancel()
        assert (await long).value == 0.5
        assert [(await task).value for task in waiting[1::2]] == [2, 6]
        assert (await box.arun(DOUBLE, "f", [9])).value == 18


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_of_the_host_has_processes_of_its_own(box: Sandbox, pool: Pool) -> None:
    assert box.run(DOUBLE, "f", [1]).value == 2
    process = os.fork()
    if process == 0:
        status = 1
        try:
            status = 0 if box.run(DOUBLE, "f", [5]).value == 10 else 2
            box.close()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert box.run(DOUBLE, "f", [6]).value == 12


def test_a_worker_that_does_not_start_is_said_at_once() -> None:
    pool = Pool(ready=1, most_running=1, worker="no_such_worker", roots=(HERE,))
    with Sandbox(_pool=pool) as box:
        with pytest.raises(SandboxUnavailable, match="no_such_worker"):
            box.run(DOUBLE, "f", [1], limits=Limits(timeout_s=20))
        with pytest.raises(SandboxUnavailable, match="no_such_worker"):
            box.status()


def test_children_go_with_the_host(tmp_path: Path) -> None:
    """kill -9 of the host itself: neither zygote nor children stay."""
    import subprocess

    program = f"""
import sys, time, threading
sys.path[:0] = {sys.path!r}
from tests.sandbox.conftest import unrestricted_pool
from sandbox import Sandbox
box = Sandbox(_pool=unrestricted_pool())
box.run("def f(): return 1", "f")
threading.Thread(target=lambda: box.run({SPIN!r}, "f"), daemon=True).start()
time.sleep(0.2)
print(box._pool._zygote.process_id, flush=True)
time.sleep(60)
"""
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    zygote = int(host.stdout.readline())
    family = _descendants({zygote})
    assert len(family) > 2
    host.kill()
    host.wait()
    host.stdout.close()
    assert until(lambda: not any(_alive(process) for process in family))


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
