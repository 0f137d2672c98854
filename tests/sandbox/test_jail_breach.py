"""Assumed breach: native code in the jail reaches nothing, whatever the language let through."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Assurance, CodeFailed, Limits, Sandbox, SandboxCrash, SandboxViolation
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
    with breached("unrestricted_without_seccomp") as sandbox:
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


def test_a_missing_layer_lowers_the_assurance(without_seccomp: Sandbox) -> None:
    status = without_seccomp.status()
    assert status.assurance is not Assurance.FULL
    assert status.missing["seccomp"] == "taken away by a test"
