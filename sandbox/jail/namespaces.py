"""Namespaces of their own: no network, no other processes, an empty file system.

Entered once, by the zygote, after it has imported all that will ever be needed; its children are
born into them at no cost.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from sandbox.jail import kernel, privileges

_NEWNS = 0x00020000
_NEWUSER = 0x10000000
_NEWPID = 0x20000000
_ALL_BUT_USER = (
    _NEWNS
    | _NEWPID
    | 0x02000000  # cgroup
    | 0x04000000  # host name
    | 0x08000000  # System V and POSIX IPC
    | 0x40000000  # network
)
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _MOVE = 1, 2, 4, 8, 32, 8192
_PRIVATE = (1 << 18) | 16384  # and everything below
_DETACH = 2


def enter(*, as_root: bool) -> None:
    """Leave the machine's namespaces. The *next* child is the first process of the new ones.

    Args:
        as_root: With root's own right, for a kernel that gives ordinary users none: the caller
            becomes nobody afterwards. Otherwise as an ordinary user, within a user namespace.

    Raises:
        OSError: The kernel, or a policy of the machine, does not allow it.
    """
    if as_root:
        kernel.unshare(_ALL_BUT_USER)
        _empty_root()
        privileges.become_nobody()
        return
    privileges.become_nobody()
    privileges.allow_debugging()
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(_NEWUSER | _ALL_BUT_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{privileges.NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{privileges.NOBODY} {group} 1")
    with contextlib.suppress(OSError):  # of this namespace's own count: none within it
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    _empty_root()


def _empty_root() -> None:
    """Make the root an empty directory that nobody can write."""
    place = next(p for p in ("/tmp", "/var", "/usr", "/etc") if Path(p).is_dir())  # noqa: S108
    kernel.mount("none", "/", "", _PRIVATE)
    kernel.mount("none", place, "tmpfs", _NOSUID | _NODEV | _NOEXEC, "size=4k,nr_inodes=2")
    os.chdir(place)
    try:
        kernel.syscall("pivot_root", b".", b".")
        kernel.unmount(".", _DETACH)
    except OSError:  # the root is the kernel's first one, which cannot be pivoted
        kernel.mount(".", "/", "", _MOVE)
        os.chroot(".")
    os.chdir("/")
    kernel.mount("none", "/", "", _REMOUNT | _RDONLY | _NOSUID | _NODEV | _NOEXEC)
