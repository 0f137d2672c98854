"""A process of its own in which a constraint is compiled on trial.

``python -m structured.engines.trial ENGINE`` is told what to do in lines of JSON, and answers in
lines of JSON; nothing is unpickled. It ends when its input does, or when a job takes too long,
wherever that job hangs.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from structured.constraint import Constraint
from structured.engine import Engine, Vocabulary
from structured.engines.guard import guarded
from structured.errors import ConstraintError

_GRACE_S = 2.0
"""How much later than its supervisor the process ends by itself."""
OUT_OF_MEMORY = 77
"""Exit code."""
_STEPS = 3
"""Tokens that are tried after compiling."""
_constraints: TypeAdapter[Any] = TypeAdapter(Constraint)


def main() -> None:
    """Work until the input ends."""
    from structured.engines import bare_engine

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the supervisor's business
    answers = os.dup(1)
    os.dup2(2, 1)  # engines may print
    engine = bare_engine(sys.argv[1])
    vocabularies: dict[int, Vocabulary] = {}
    _answer(answers, {"ready": True})
    for line in sys.stdin:
        job = json.loads(line)
        if "vocabulary" in job:
            vocabularies = {job["id"]: _vocabulary(job["vocabulary"])}  # one at a time
            _warm(engine, vocabularies[job["id"]])
            _answer(answers, {"ready": True})
        else:
            try:
                with _limited(job["timeout_s"], job["memory_mb"]):
                    answer = _tried(engine, job["constraint"], vocabularies[job["id"]])
            except MemoryError:
                os._exit(OUT_OF_MEMORY)  # what is left of the process is not to be trusted
            _answer(answers, answer)


def _answer(answers: int, answer: dict[str, Any]) -> None:
    os.write(answers, json.dumps(answer).encode() + b"\n")


def _vocabulary(told: dict[str, Any]) -> Vocabulary:
    size, eos = told["size"], tuple(told["eos"])
    if told["tokenizer_json"] is not None:
        return Vocabulary.of_tokenizer_json(told["tokenizer_json"], size=size, eos=eos)
    tokens = [token.encode("latin-1") for token in told["tokens"]]
    special = frozenset(told["special"])
    return Vocabulary(size, eos, tokens, special, _greedy(tokens, special | set(eos)))


def _greedy(tokens: list[bytes], unusable: frozenset[int]) -> Callable[[str], list[int]]:
    """A tokenizer: the model's own is a function, which does not cross process borders."""
    ids = {token: i for i, token in enumerate(tokens) if token and i not in unusable}
    longest = max(map(len, ids), default=1)

    def encode(text: str) -> list[int]:
        left, found = text.encode(), []
        while left:
            size = next((n for n in range(longest, 0, -1) if left[:n] in ids), 0)
            if not size:
                break
            found.append(ids[left[:size]])
            left = left[size:]
        return found

    return encode


def _warm(engine: Engine, vocabulary: Vocabulary) -> None:
    """Prepare the engine for a vocabulary, which no constraint is to be charged with."""
    anything = _constraints.validate_python({"type": "json", "schema_text": "{}"})
    with contextlib.suppress(ConstraintError), guarded(engine.name):
        engine.compile(anything, vocabulary)


def _tried(engine: Engine, constraint: Any, vocabulary: Vocabulary) -> dict[str, Any]:
    start = time.monotonic()
    try:
        with guarded(engine.name):
            grammar = engine.compile(_constraints.validate_python(constraint), vocabulary)
            matcher = grammar.matcher()
            for _ in range(_STEPS):
                mask = int.from_bytes(matcher.mask(), "little")
                if not mask or not matcher.accept([(mask & -mask).bit_length() - 1]):
                    break
    except ConstraintError as error:
        # Out of memory, CPython itself may fail to say so: "error return without exception set".
        if isinstance(error.__cause__, (MemoryError, SystemError)):
            return {"memory": True, "seconds": time.monotonic() - start}
        facts = {key: getattr(error, key) for key in ("message", "path", "keyword", "hint")}
        return {"refused": facts, "seconds": time.monotonic() - start}
    return {"seconds": time.monotonic() - start}


@contextlib.contextmanager
def _limited(timeout_s: float, memory_mb: float) -> Iterator[None]:
    """Bounds that hold even in native code that never returns."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if (now := _address_space()) is not None:
        resource.setrlimit(resource.RLIMIT_AS, (now + int(memory_mb * 2**20), hard))
    signal.setitimer(signal.ITIMER_REAL, timeout_s + _GRACE_S)  # by default, it ends the process
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _address_space() -> int | None:
    """Bytes of address space in use; ``None`` where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return None
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main()
