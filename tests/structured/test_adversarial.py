"""Hostile constraints end within their bounds: as a grammar that works, or as a typed refusal."""

import contextlib
import resource
import time

import pytest

from structured import ByzerError, Vocabulary
from structured.engine import Engine, Matcher
from structured.engines import engine
from structured.engines.bounded import CompileLimits

from . import adversarial
from .strategies import BYTES

LIMITS = CompileLimits()
FAST_S = 5.0
"""For what is not marked slow; a busy machine included."""
MASK_S = 1.0
"""For one mask, however hostile; llguidance's own limits come to some 20 ms."""
MEMORY_MB = 1024
SLOW = {
    "10000 properties",
    "100000 properties",
    "10000 required properties",
    "100000 required properties",
    "anyOf of 1000 objects",
    "anyOf of 10000 objects",
    "anyOf of 100000 objects",
    "enum of 100000 texts",
    "enum of 100000 numbers",
    "choice of 10000",
    "choice of 100000",
    "oneOf of 10000 constants",
    "oneOf of 10000 overlapping ranges",
    "10000 definitions that are used",
    "10000 tools",
    "a name of a megabyte",
    "a constant of a megabyte",
    "regex: a megabyte of dots",
    "60 conditions",
    "a chain of 20000 references",
    "a chain of 20000 objects",
}
OTHERS = [
    *("depth 50: arrays", "depth 50: anyOf", "depth 500: objects", "depth 5000: not"),
    *("enum of 1000 texts", "1000 properties", "anyOf of 1000 objects", "choice of 1000"),
    *("allOf of 5 anyOf", "20 doubling definitions", "60 doubling anyOf", "billion laughs"),
    *("minLength 100000", "maxItems 2147483648", "counts in counts", "long texts in long lists"),
    *("pattern: counts of counts", "regex: hundredth from the end", "regex: (.*a){20}"),
    *("pattern: classes of everything", "regex: unclosed", "pattern: look-ahead product"),
    *(
        "recursion without an end",
        "a tree of trees",
        "a ring of references",
        "a reference to a file",
    ),
    *("minimum NaN", "const 1e400", "a multiple of 1e-300", "half a surrogate as a constant"),
    *("every control character", "names of the grammar", "choice of nul and surrogates"),
    *("no schema: not JSON", "type against type", "Lark: left recursion", "Lark: a repeat"),
]
"""For the engines that are chosen by name: a sample, each of them seconds."""


def cases():
    slow = [pytest.mark.slow]
    return [pytest.param(n, marks=slow if n in SLOW else []) for n in adversarial.CASES]


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.fixture(scope="module")
def before() -> float:
    """Peak of the process's memory, once the engine has started."""
    constraint = adversarial.constraint("no schema: true")
    engine().compile(constraint, BYTES).matcher().mask()
    return peak_mb()


def first_of(mask: bytes) -> int:
    bits = int.from_bytes(mask, "little")
    return (bits & -bits).bit_length() - 1


def walk(matcher: Matcher, end: int, steps: int = 12) -> None:
    """A few tokens down one path and one step back, each mask in time."""
    for _ in range(steps):
        start = time.monotonic()
        mask = matcher.mask()
        assert time.monotonic() - start < MASK_S
        token = first_of(mask)
        assert token >= 0, "a reply that can neither go on nor end"
        if matcher.finished or token == end:
            break
        assert matcher.accept([token]) == 1
    else:
        matcher.rollback(1)
        assert matcher.accept([token]) == 1


def try_out(tried: Engine, name: str, vocabulary: Vocabulary) -> float:
    """Compile a case and take a few steps; how long compiling took."""
    constraint = adversarial.constraint(name)
    start = time.monotonic()
    try:
        grammar = tried.compile(constraint, vocabulary)
    except ByzerError:
        return time.monotonic() - start
    spent = time.monotonic() - start
    with contextlib.suppress(ByzerError):  # at a limit that holds during the run
        walk(grammar.matcher(), vocabulary.eos[0])
    return spent


def test_there_are_many_cases():
    assert len(adversarial.CASES) >= 200
    assert set(adversarial.CASES) >= SLOW | set(OTHERS)


@pytest.mark.parametrize("name", cases())
def test_a_hostile_constraint_ends_within_its_bounds(name: str, before: float):
    spent = try_out(engine(), name, BYTES)
    limit = 2 * LIMITS.timeout_s + FAST_S if name in SLOW else FAST_S
    assert spent < limit
    assert peak_mb() - before < MEMORY_MB


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("chosen", ["xgrammar", "outlines"])
def test_an_engine_chosen_by_name_keeps_the_bounds_too(chosen: str, name: str, before: float):
    pytest.importorskip({"xgrammar": "xgrammar", "outlines": "outlines_core"}[chosen])
    spent = try_out(engine(chosen), name, BYTES)
    assert spent < 2 * LIMITS.timeout_s + 10
    assert peak_mb() - before < MEMORY_MB + 300  # torch, which xgrammar imports
