"""The filter, run by an interpreter of its own, for both architectures on any machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.jail import kernel, seccomp

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = st.sampled_from(sorted(ARCHITECTURES))


def decide(
    machine: kernel.Machine,
    number: int,
    arguments: tuple[int, ...] = (),
    architecture: int | None = None,
) -> int:
    """What the filter says of a call."""
    arch = ARCHITECTURES[machine] if architecture is None else architecture
    given_ = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = number.to_bytes(4, "little") + arch.to_bytes(4, "little") + bytes(8)
    data += b"".join((a % 2**64).to_bytes(8, "little") for a in given_)
    program = seccomp.program(machine)
    accumulator, at = 0, 0
    while True:
        step = program[at]
        at += 1
        if step.code == 0x20:
            accumulator = int.from_bytes(data[step.operand : step.operand + 4], "little")
        elif step.code == 0x54:
            accumulator &= step.operand
        elif step.code == 0x15:
            at += step.if_true if accumulator == step.operand else step.if_false
        elif step.code == 0x06:
            return step.operand
        else:
            raise AssertionError(f"an instruction that is not known: {step}")


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_program_fits_the_kernel(machine: kernel.Machine) -> None:
    program = seccomp.program(machine)
    assert len(program) <= 4096
    assert program[-1] == seccomp.Instruction(0x06, 0, 0, seccomp.KILL)
    assert all(i.if_true < 256 and i.if_false < 256 for i in program)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_is_listed_is_allowed_and_nothing_else(machine: kernel.Machine) -> None:
    numbers = kernel.NUMBERS[machine]
    allowed = {numbers[name] for name in (*seccomp.ALWAYS, *seccomp.NOT_EXECUTABLE)}
    refused = {numbers[name] for name in seccomp.WITHOUT_EFFECT if name in numbers}
    for number in range(1100):
        wanted = (
            seccomp.ALLOW
            if number in allowed
            else seccomp.REFUSE
            if number in refused
            else seccomp.ALLOW  # with other arguments all zero it asks for RLIMIT_CPU
            if number == numbers["prlimit64"]
            else seccomp.KILL
        )
        assert decide(machine, number) == wanted, number


@given(MACHINES, st.integers(0, 2**32 - 1))
def test_numbers_of_other_tables_are_no_calls(machine: kernel.Machine, number: int) -> None:
    if machine == "x86_64":
        assert decide(machine, number | 0x40000000) == seccomp.KILL
    other = next(arch for name, arch in ARCHITECTURES.items() if name != machine)
    assert decide(machine, number, architecture=other) == seccomp.KILL
    assert decide(machine, number, architecture=0x40000003) == seccomp.KILL  # 32-bit x86


@given(MACHINES, st.sampled_from(seccomp.NOT_EXECUTABLE), st.integers(0, 2**64 - 1))
def test_nothing_becomes_executable(machine: kernel.Machine, name: str, protection: int) -> None:
    said = decide(machine, kernel.NUMBERS[machine][name], (0, 4096, protection))
    assert said == (seccomp.KILL if protection & 4 else seccomp.ALLOW)


@given(
    MACHINES,
    st.sampled_from([0, 1, 2**32, 2**63]),
    st.integers(0, 20) | st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 2**32, 2**63]),
)
def test_limits_can_only_be_set_of_itself(
    machine: kernel.Machine, process: int, limit: int, old: int
) -> None:
    said = decide(machine, kernel.NUMBERS[machine]["prlimit64"], (process, limit, 1, old))
    fine = process == 0 and old == 0 and limit % 2**32 in (0, 9)
    assert said == (seccomp.ALLOW if fine else seccomp.KILL)
