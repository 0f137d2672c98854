"""A process for every run, as on other systems than Linux: tried here, where it works too."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from sandbox import (
    Assurance,
    CodeFailed,
    Limits,
    Policy,
    Sandbox,
    SandboxCrash,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
)
from sandbox.pool.fresh import Fresh
from tests.sandbox.conftest import HERE
from tests.sandbox.timing import in_time

WEAK = Limits(timeout_s=10, minimum_assurance=Assurance.NONE)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Sandbox]:
    with Sandbox(limits=WEAK, _pool=Fresh(most_running=4)) as made:
        yield made


def test_it_says_what_it_lacks(fresh: Sandbox) -> None:
    status = fresh.status()
    assert status.assurance <= Assurance.PROCESS
    assert {"namespaces", "landlock", "seccomp"} <= set(status.missing)
    if sys.platform == "linux":
        assert status.assurance is Assurance.PROCESS


def test_it_refuses_where_more_is_asked_for(fresh: Sandbox) -> None:
    with pytest.raises(SandboxUnavailable, match="CONFINED") as caught:
        fresh.run("def f(): return 1", "f", limits=Limits())
    assert "seccomp" in caught.value.missing


async def test_it_runs(fresh: Sandbox) -> None:
    policy = Policy(tools={"double": lambda n: 2 * n})
    run = fresh.run("def f(n):\n    print(n)\n    return double(n)", "f", [4], policy=policy)
    assert (run.value, run.printed, run.assurance) == (8, "4\n", fresh.status().assurance)
    runs = [fresh.arun("def f(n): return n", "f", [n]) for n in range(6)]
    assert [run.value for run in await asyncio.gather(*runs)] == list(range(6))


def test_its_errors_are_the_same(fresh: Sandbox) -> None:
    with pytest.raises(CodeFailed, match="KeyError"):
        fresh.run("def f(): return {}[1]", "f")
    limits = Limits(timeout_s=1, minimum_assurance=Assurance.NONE)

    def too_long() -> None:
        with pytest.raises(SandboxTimeout):
            fresh.run("def f():\n    while True: pass", "f", limits=limits)

    in_time(1.3, too_long)
    if sys.platform == "linux":
        with pytest.raises(SandboxMemory):
            fresh.run("def f(): return len('x' * 10 ** 9)", "f")


def test_places_come_back(fresh: Sandbox) -> None:
    for _ in range(6):
        with pytest.raises(CodeFailed):
            fresh.run("def f(): return {}[1]", "f")
    pool = fresh._pool
    assert isinstance(pool, Fresh)
    assert pool._places._value == 4
    assert len(pool._running) == 0


def test_a_child_that_dies_and_one_that_never_starts() -> None:
    with Sandbox(
        limits=WEAK, _pool=Fresh(most_running=1, worker="unrestricted", roots=(HERE,))
    ) as box:
        with pytest.raises(SandboxCrash) as caught:
            box.run("import os\ndef f(): os._exit(5)", "f")
        assert caught.value.exit_code == 5
    with (
        Sandbox(limits=WEAK, _pool=Fresh(most_running=1, worker="no_such_worker")) as box,
        pytest.raises(SandboxUnavailable, match="does not start"),
    ):
        box.run("def f(): return 1", "f")
    with pytest.raises(SandboxUnavailable, match="closed"):
        box.run("def f(): return 1", "f")
