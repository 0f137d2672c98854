"""Assumed breach: native code in the jail reaches nothing, whatever the language let through."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import (
    Assurance,
    CodeFailed,
    Limits,
    Policy,
    Sandbox,
    SandboxCrash,
    SandboxTimeout,
    SandboxUnavailable,
    SandboxViolation,
)
from sandbox.pool.pool import Pool
from tests.sandbox.jail_probes import sources

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the jail is Linux's")

HERE = str(Path(__file__).parent)


def breached(worker: str) -> Sandbox:
    return Sandbox(_pool=Pool(ready=2, most_running=4, worker=worker, roots=(HERE,)))


@pytest.fixture(scope="module")
def jail() -> Iterator[Sandbox]:
    with breached("unrestricted") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def without_seccomp() -> Iterator[Sandbox]:
    with breached("without_seccomp") as sandbox:
        yield sandbox


def reached(sandbox: Sandbox, source: str) -> object:
    limits = Limits(timeout_s=5, minimum_assurance=Assurance.CONFINED)
    try:
        return sandbox.run(source, "f", limits=limits).value
    except (CodeFailed, SandboxViolation, SandboxCrash):
        return None


def test_the_whole_jail_stands(jail: Sandbox) -> None:
    status = jail.status()
    if status.assurance is not Assurance.FULL:
        pytest.skip(f"this machine lacks {status.missing}")
    assert not status.missing
    # The worker itself does run what it is given: what fails below, the jail has kept off.
    assert jail.run("import os\ndef f(): return len(os.urandom(4))", "f", returns=int).value == 4


@pytest.mark.parametrize("name", sources())
def test_nothing_is_reached(jail: Sandbox, name: str) -> None:
    assert not reached(jail, sources()[name])


OUTWARDS = (
    "password file", "write a file", "write shared memory", "environment of the parent",
    "list of the root", "memory of the parent", "up and out", "exec", "TCP", "UDP", "remove",
    "make directory", "mode", "owner", "link", "symbolic link", "set user",
    "set groups", "fork", "fork bomb", "thread", "change root", "raise its memory",
    "more descriptors", "call: ptrace attach", "call: mount", "call: setuid", "call: unshare user",
    "call: pidfd_open", "call: process_vm_readv", "call: kexec_load", "call: memfd_create",
    "call: io_uring_setup", "call: bpf", "call: setns", "pipe", "vsock",
)  # fmt: skip


@pytest.mark.parametrize("name", OUTWARDS)
def test_the_other_layers_hold_without_seccomp(without_seccomp: Sandbox, name: str) -> None:
    if without_seccomp.status().missing.keys() - {"seccomp"}:
        pytest.skip(f"this machine lacks {without_seccomp.status().missing}")
    assert not reached(without_seccomp, sources()[name])


@pytest.fixture(scope="module", params=["namespaces", "landlock"])
def lacking(request: pytest.FixtureRequest) -> Iterator[tuple[str, Sandbox]]:
    with breached(f"without_{request.param}") as sandbox:
        yield request.param, sandbox


def test_seccomp_holds_without_another_layer(lacking: tuple[str, Sandbox]) -> None:
    layer, sandbox = lacking
    if sandbox.status().missing.keys() - {layer}:
        pytest.skip(f"this machine lacks {sandbox.status().missing}")
    assert sandbox.status().assurance is Assurance.CONFINED
    assert "taken away by a test" in sandbox.status().missing[layer]
    assert [name for name, source in sources().items() if reached(sandbox, source)] == []


def test_a_missing_layer_lowers_the_assurance(without_seccomp: Sandbox) -> None:
    status = without_seccomp.status()
    assert status.assurance is not Assurance.FULL
    assert status.missing["seccomp"] == "taken away by a test"


def test_without_the_kernel_s_layers_nothing_runs_unless_asked_for() -> None:
    calls: list[int] = []
    policy = Policy(tools={"note": lambda: calls.append(1)})
    source = "def f():\n    call_tool('note', [], {})\n    return 1"
    with breached("without_kernel") as sandbox:
        with pytest.raises(SandboxUnavailable, match="PROCESS") as caught:
            sandbox.run(source, "f", policy=policy)
        assert calls == []
        assert set(caught.value.missing) == {"namespaces", "landlock", "seccomp"}
        weak = Limits(minimum_assurance=Assurance.PROCESS)
        run = sandbox.run(source, "f", limits=weak, policy=policy)
        assert (run.value, run.assurance, calls) == (1, Assurance.PROCESS, [1])


def test_without_namespaces_children_still_go_with_their_zygote() -> None:
    with breached("without_namespaces") as sandbox, ThreadPoolExecutor(1) as threads:
        sandbox.run("def f(): return 1", "f")
        run = threads.submit(sandbox.run, "def f():\n while True: pass", "f")
        time.sleep(0.3)
        zygote = sandbox._pool._zygote  # type: ignore[union-attr]
        assert zygote is not None
        (child,) = sandbox._pool._running.values()  # type: ignore[union-attr]
        os.kill(zygote.process_id, signal.SIGKILL)
        with pytest.raises((SandboxTimeout, SandboxCrash)):
            run.result(8)
        assert child.handle is None
        assert sandbox.run("def f(): return 2", "f").value == 2
