"""The list of system calls that a locked child may make; any other ends it at once.

The filter is a classic BPF program over ``struct seccomp_data``: the call's number at 0, the
architecture at 4, six arguments of 8 bytes from 16 on (little endian on both machines).
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.jail import kernel

KILL = 0x80000000  # the whole process, SIGSYS
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | 1  # EPERM

_LOAD, _EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_PROT_EXEC = 4
_LIMITS_TO_LOWER = (0, 9)  # RLIMIT_CPU, RLIMIT_AS

ALWAYS = (
    "read", "write", "close", "munmap", "mremap", "brk", "madvise", "futex", "rt_sigreturn",
    "gettimeofday", "clock_gettime", "clock_nanosleep", "getrandom", "exit", "exit_group",
)  # fmt: skip
NOT_EXECUTABLE = ("mmap", "mprotect")
"""Allowed when the third argument, the protection, does not ask for execution."""
WITHOUT_EFFECT = (
    "rt_sigprocmask", "getpid", "gettid", "tgkill",
    "openat", "newfstatat", "stat", "fstat", "lseek", "ioctl", "readlink", "readlinkat", "getcwd",
)  # fmt: skip
"""Refused with an error instead. ``abort()`` makes the first, and should end as the crash it is;
an import that comes late makes the others, and should end as the exception it is."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of classic BPF: ``struct sock_filter``."""

    code: int
    if_true: int
    if_false: int
    operand: int


def _load(offset: int) -> Instruction:
    return Instruction(_LOAD, 0, 0, offset)


def _skip_unless(value: int, how_many: int) -> Instruction:
    return Instruction(_EQUAL, 0, how_many, value)


def _return(action: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, action)


def _argument(index: int, *, high: bool = False) -> Instruction:
    return _load(16 + 8 * index + (4 if high else 0))


def _when(number: int, body: Sequence[Instruction]) -> list[Instruction]:
    """``body`` for this call; the number is in the accumulator before and after."""
    return [_skip_unless(number, len(body)), *body]


def program(machine: kernel.Machine) -> list[Instruction]:
    """The filter for this architecture.

    One thing beyond plain calls: a process may *lower* its own limits of memory and processor
    time (``prlimit64`` on itself, asking for nothing back), which is how a job's limits are set in
    a child that was locked before the job was known.
    """
    numbers = kernel.NUMBERS[machine]
    out = [
        _load(4),
        Instruction(_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        _return(KILL),  # 32-bit calls have other numbers
        _load(0),
    ]
    for name in ALWAYS:
        out += _when(numbers[name], [_return(ALLOW)])
    for name in NOT_EXECUTABLE:
        out += _when(
            numbers[name],
            [
                _argument(2),
                Instruction(_AND, 0, 0, _PROT_EXEC),
                _skip_unless(0, 1),
                _return(ALLOW),
                _return(KILL),
            ],
        )
    for name in WITHOUT_EFFECT:
        if name in numbers:
            out += _when(numbers[name], [_return(REFUSE)])
    zero = [
        (_argument(0), 0),
        (_argument(0, high=True), 0),
        (_argument(3), 0),
        (_argument(3, high=True), 0),
    ]
    body: list[Instruction] = []
    for load, value in zero:
        body += [load, Instruction(_EQUAL, 1, 0, value), _return(KILL)]
    body.append(_argument(1))
    for limit in _LIMITS_TO_LOWER:
        body += [_skip_unless(limit, 1), _return(ALLOW)]
    out += _when(numbers["prlimit64"], [*body, _return(KILL)])
    return [*out, _return(KILL)]


class Filter:
    """The program as the kernel takes it. Built once, installed by every child."""

    def __init__(self, machine: kernel.Machine) -> None:
        instructions = program(machine)
        packed = b"".join(
            struct.pack("<HBBI", i.code, i.if_true, i.if_false, i.operand) for i in instructions
        )
        self._code = ctypes.create_string_buffer(packed, len(packed))
        head = struct.pack("@HxxxxxxP", len(instructions), ctypes.addressof(self._code))
        self._head = ctypes.create_string_buffer(head, len(head))

    def install(self) -> None:
        """Apply it to this process, for good; raises ``OSError`` where the kernel cannot."""
        kernel.syscall("seccomp", 1, 0, self._head)  # SECCOMP_SET_MODE_FILTER
