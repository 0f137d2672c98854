"""The layers put together: what the zygote enters once, what each child locks, and the trials.

The order in a child: limits → no new privileges → Landlock → seccomp. Namespaces and the user were
left behind by the zygote already.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

from sandbox.jail import assurance, kernel, landlock, namespaces, privileges, rlimits, seccomp

_PASSED = 0
_LOCK_FAILED = 97
"""Exit status of a child that could not be locked; it has run nothing."""

Found = dict[str, tuple[bool, str]]


class Lock:
    """What a child needs to lock itself, made ready in the zygote."""

    def __init__(self) -> None:
        self.found: Found = {}
        self._filter: seccomp.Filter | None = None
        self._ruleset: int | None = None
        self._linux = kernel.LIBC is not None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Descriptors that :meth:`apply` needs and closes."""
        return () if self._ruleset is None else (self._ruleset,)

    def prepare(self) -> None:
        """Build the filter and the ruleset, and try each layer out in a fork of its own."""
        self._prepare_landlock()
        self._prepare_seccomp()
        self._try_limits()

    def apply(self, *, with_seccomp: bool = True) -> None:
        """Lock this process for good. Raises ``OSError`` where a layer that was found fails."""
        if self._linux:
            privileges.die_with_parent()
            privileges.forbid_debugging()
        if self.found.get(assurance.LIMITS, (True, ""))[0]:
            rlimits.forbid()
        if self._linux:
            privileges.no_new_privileges()
        if self._ruleset is not None:
            landlock.restrict(self._ruleset)
        if self._filter is not None and with_seccomp:
            self._filter.install()

    def _prepare_landlock(self) -> None:
        try:
            self._ruleset = landlock.ruleset()
        except OSError as error:
            self._missing(assurance.LANDLOCK, f"the kernel offers none ({error})")
            return
        status = _in_child(self._try_landlock)
        if status == _PASSED:
            what = f"no {landlock.forbidden(landlock.version())}"
            self.found[assurance.LANDLOCK] = True, what
        else:
            os.close(self._ruleset)
            self._ruleset = None
            self._missing(assurance.LANDLOCK, f"it was tried and did not hold (status {status})")

    def _try_landlock(self) -> int:
        self.apply(with_seccomp=False)
        try:
            os.scandir("/")
        except OSError as error:
            return _PASSED if error.errno in (errno.EACCES, errno.EMFILE) else 2
        return 1

    def _prepare_seccomp(self) -> None:
        here = kernel.machine()
        if here is None:
            self._missing(assurance.SECCOMP, "only on Linux, x86-64 or aarch64")
            return
        self._filter = seccomp.Filter(here)
        status = _in_child(self._try_seccomp)
        if status == -signal.SIGSYS:
            self.found[assurance.SECCOMP] = True, f"{len(seccomp.ALWAYS) + 3} system calls, no more"
        else:
            self._filter = None
            self._missing(assurance.SECCOMP, f"it was tried and did not hold (status {status})")

    def _try_seccomp(self) -> int:
        self.apply()
        os.getppid()
        return 1

    def _try_limits(self) -> None:
        status = _in_child(self._try_no_files)
        if status == _PASSED:
            self.found[assurance.LIMITS] = True, "memory, processor time, descriptors, processes"
        else:
            self._missing(assurance.LIMITS, f"they were tried and did not hold (status {status})")

    def _try_no_files(self) -> int:
        rlimits.forbid()
        try:
            os.pipe()
        except OSError as error:
            return _PASSED if error.errno == errno.EMFILE else 2
        return 1

    def _missing(self, layer: str, why: str) -> None:
        self.found[layer] = False, why


def _in_child(attempt: Callable[[], int]) -> int:
    """Run this in a fork that is thrown away; its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = _LOCK_FAILED
        try:
            status = attempt()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def leave_the_machine(found: Found) -> bool:
    """Leave the machine's user and namespaces, as far as it lets one.

    Each way is tried in a child first, because a failure half-way cannot be undone.

    Args:
        found: Gets what was found about the user and the namespaces.

    Returns:
        Whether the caller must fork to be inside: the next child is the first process of new
        namespaces.
    """
    if kernel.LIBC is None:
        found[assurance.USER] = os.geteuid() != 0, "the user that started it"
        found[assurance.NAMESPACES] = False, "only on Linux"
        return False
    failures = []
    for as_root in (False, True) if os.geteuid() == 0 else (False,):
        failure = _failure_of(as_root)
        if not failure:
            namespaces.enter(as_root=as_root)
            _now_ordinary(found)
            found[assurance.NAMESPACES] = True, "no network, no other processes, no file system"
            return True
        failures.append(("with root's right: " if as_root else "without rights: ") + failure)
    found[assurance.NAMESPACES] = False, "; ".join(failures)
    _now_ordinary(found)
    return False


def _failure_of(as_root: bool) -> str:
    """What would go wrong on entering; ``""`` for nothing."""
    reader, writer = os.pipe()

    def attempt() -> int:
        try:
            namespaces.enter(as_root=as_root)
        except OSError as error:
            os.write(writer, str(error).encode())
            return 1
        return _PASSED

    status = _in_child(attempt)
    os.close(writer)
    with os.fdopen(reader, "rb") as words:
        said = words.read().decode(errors="replace")
    return said or ("" if status == _PASSED else f"status {status}")


def _now_ordinary(found: Found) -> None:
    try:
        privileges.become_nobody()
    except OSError as error:
        found[assurance.USER] = False, f"still root, which may not change its user ({error})"
    else:
        found[assurance.USER] = True, "an ordinary user without capabilities"
