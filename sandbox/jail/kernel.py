"""Raw system calls: the few that Python's own library does not offer.

Numbers are those of the kernel's tables for x86-64 and aarch64; those above 424 are the same on
both.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Final, Literal

Machine = Literal["x86_64", "aarch64"]

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_SECUREBITS: Final = 28
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4


NUMBERS: Final[dict[Machine, dict[str, int]]] = {
    "x86_64": {
        "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lseek": 8, "mmap": 9,
        "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigprocmask": 14, "rt_sigreturn": 15,
        "ioctl": 16, "mremap": 25, "madvise": 28, "getpid": 39, "exit": 60, "getcwd": 79,
        "readlink": 89, "gettimeofday": 96, "capset": 126, "pivot_root": 155, "gettid": 186,
        "futex": 202, "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231,
        "tgkill": 234, "openat": 257, "newfstatat": 262, "prlimit64": 302, "seccomp": 317,
        "getrandom": 318, "landlock_create_ruleset": 444, "landlock_restrict_self": 446,
    },
    "aarch64": {
        "getcwd": 17, "ioctl": 29, "pivot_root": 41, "openat": 56, "close": 57, "lseek": 62,
        "read": 63, "write": 64, "readlinkat": 78, "newfstatat": 79, "fstat": 80, "capset": 91,
        "exit": 93, "exit_group": 94, "futex": 98, "clock_gettime": 113, "clock_nanosleep": 115,
        "tgkill": 131, "rt_sigprocmask": 135, "rt_sigreturn": 139, "gettimeofday": 169,
        "getpid": 172, "gettid": 178, "brk": 214, "munmap": 215, "mremap": 216, "mmap": 222,
        "mprotect": 226, "madvise": 233, "prlimit64": 261, "seccomp": 277, "getrandom": 278,
        "landlock_create_ruleset": 444, "landlock_restrict_self": 446,
    },
}  # fmt: skip


def machine() -> Machine | None:
    """The processor's architecture, where this is Linux on one that the tables know."""
    name = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if not sys.platform.startswith("linux") or name not in NUMBERS or sys.maxsize < 2**32:
        return None
    return name


def _load() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


LIBC: Final = _load()


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Call the kernel.

    Args:
        name: Name of the call, as in :data:`NUMBERS`.
        arguments: Integers, or memory that the kernel reads or writes.

    Raises:
        OSError: As the kernel says, or that this system has no such call.
    """
    here = machine()
    if here is None or LIBC is None:
        raise OSError(38, f"{name}: only on Linux, x86-64 or aarch64")
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(LIBC.syscall(ctypes.c_long(NUMBERS[here][name]), *given), name)


def prctl(option: int, second: int = 0, third: int = 0, fourth: int = 0, fifth: int = 0) -> int:
    """``prctl(2)``; raises ``OSError`` as the kernel says."""
    if LIBC is None:
        raise OSError(38, "prctl: only on Linux")
    given = (ctypes.c_ulong(a) for a in (second, third, fourth, fifth))
    return _checked(LIBC.prctl(ctypes.c_int(option), *given), f"prctl {option}")


def unshare(flags: int) -> None:
    """``unshare(2)``; raises ``OSError`` as the kernel says."""
    if LIBC is None:
        raise OSError(38, "unshare: only on Linux")
    _checked(LIBC.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """``mount(2)``; raises ``OSError`` as the kernel says."""
    if LIBC is None:
        raise OSError(38, "mount: only on Linux")
    given = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _checked(LIBC.mount(*given), f"mount {kind or 'flags'} on {target}")


def unmount(target: str, flags: int) -> None:
    """``umount2(2)``; raises ``OSError`` as the kernel says."""
    if LIBC is None:
        raise OSError(38, "umount2: only on Linux")
    _checked(LIBC.umount2(target.encode(), ctypes.c_int(flags)), f"umount {target}")
