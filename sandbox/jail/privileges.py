"""Giving up what a process may do by its user: root's identity, capabilities, debugging."""

from __future__ import annotations

import contextlib
import os

from sandbox.jail import kernel

NOBODY = 65534
_LAST_CAPABILITY = 63
_SECURE_BITS = 0b101111
"""No root privileges, no fix-up on a change of user, no keeping of capabilities; the first two
and the last are locked so."""


def become_nobody() -> None:
    """From root to the user without rights, for good; does nothing for an ordinary user.

    Raises:
        OSError: Root without the right to change its user (some containers).
    """
    if os.geteuid() != 0 and os.getuid() != 0:
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def drop_capabilities() -> None:
    """Give up every capability, in every set, so that none can come back.

    Raises:
        OSError: The kernel refused to empty the sets that count.
    """
    with contextlib.suppress(OSError):  # needs CAP_SETPCAP, which an ordinary user lacks
        for capability in range(_LAST_CAPABILITY + 1):
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_SECUREBITS, _SECURE_BITS)
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    version_3 = (0x20080522).to_bytes(4, "little") + bytes(4)
    kernel.syscall("capset", version_3, bytes(24))


def no_new_privileges() -> None:
    """No exec gives more rights from now on; seccomp and Landlock need it from ordinary users."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)


def forbid_debugging() -> None:
    """No other process of the same user may look into this one's memory."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def allow_debugging() -> None:
    """Make ``/proc/self`` belong to the process itself again, after a change of user."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def die_with_parent() -> None:
    """SIGKILL when the parent ends, however it ends."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
