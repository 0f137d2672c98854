"""Compilation ends within its bounds; nothing of it outlives the process."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from structured import (
    ChoiceConstraint,
    Constraint,
    ConstraintError,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
)
from structured.engine import Vocabulary
from structured.engines import bare_engine, engine
from structured.engines.bounded import BoundedEngine, CompileLimits
from structured.engines.cost import is_cheap, written_out
from structured.errors import CompilationTooExpensive

from . import adversarial
from .strategies import BYTES


def of_schema(schema: object) -> JsonConstraint:
    return JsonConstraint(schema_text=json.dumps(schema))


@pytest.fixture(scope="module")
def dear():
    """An engine that tries everything elsewhere first."""
    made = BoundedEngine(bare_engine("llguidance"), cheap=lambda constraint: False)
    yield made
    made._supervisor.stop()


def allowed(engine, constraint: Constraint) -> bytes:
    return engine.compile(constraint, BYTES).matcher().mask()


# --- at a glance ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("abc", 3),
        ("a{3}", 3),
        ("(ab){10}c", 21),
        ("((ab){10}){10}", 200),
        (r"\d{4}[-/]\d{2}", 7),
        (r"a\{3\}", 4),
        ("[{3}]{2}", 2),
        ("a{2,}b", 3),
        ("(", 0),
        ("))){9", 5),
    ],
)
def test_repetitions_are_written_out(pattern, size):
    assert written_out(pattern, 10_000) == size


def test_counting_stops_where_it_is_enough():
    assert written_out("((((a{99}){99}){99}){99}){99}", 1_000) > 1_000
    assert written_out("(" * 100_000, 1_000) > 1_000
    assert written_out(["no text"], 1_000) == 0


@pytest.mark.parametrize(
    "constraint",
    [
        of_schema(
            {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(50)}}
        ),
        of_schema({"enum": [f"option {i}" for i in range(1_000)]}),
        of_schema({"type": "string", "maxLength": 1_000, "pattern": "^[a-z]{1,64}$"}),
        ChoiceConstraint(options=("yes", "no")),
        RegexConstraint(pattern="[0-9]{1,20}"),
        LarkConstraint(grammar='start: "a"+'),
        JsonConstraint(schema_text="no schema"),
        of_schema(True),
        of_schema([1]),
    ],
)
def test_what_people_write_is_cheap(constraint):
    assert is_cheap(constraint)


@pytest.mark.parametrize(
    "name",
    [
        "10000 properties",
        "anyOf of 10000 objects",
        "enum of 100000 numbers",
        "depth 500: arrays",
        "counts in counts",
        "regex: counts of counts",
        "pattern: counts of counts of counts",
        "Lark of 10000 rules",
        "choice of 100000",
        "10000 tools",
        "a name of a megabyte",
    ],
)
def test_what_nobody_should_send_is_not(name):
    assert not is_cheap(adversarial.constraint(name))


# --- trials ---------------------------------------------------------------------------------


def test_what_passes_its_trial_is_compiled_here(dear):
    constraint = of_schema({"type": "integer", "minimum": 3})
    assert allowed(dear, constraint) == allowed(engine(), constraint)
    assert dear.check(of_schema({"uniqueItems": True, "type": "array"}))
    assert not dear.audit(constraint).by("validator")


def test_a_refusal_on_trial_reads_as_one_here(dear):
    constraint = of_schema({"type": "object", "required": ["a"], "properties": {"a": False}})
    with pytest.raises(ConstraintError) as elsewhere:
        dear.compile(constraint, BYTES)
    with pytest.raises(ConstraintError) as here:
        engine().compile(constraint, BYTES)
    assert type(elsewhere.value) is ConstraintError
    assert str(elsewhere.value) == str(here.value)
    assert elsewhere.value.path == here.value.path
    assert elsewhere.value.keyword == here.value.keyword


def test_a_trial_without_end_is_ended():
    slow = BoundedEngine(bare_engine("llguidance"), CompileLimits(timeout_s=0.3))
    slow.compile(adversarial.constraint("1000 properties"), BYTES)  # starts the process
    start = time.monotonic()
    with pytest.raises(CompilationTooExpensive, match=r"longer than its 0\.3 s") as caught:
        slow.compile(adversarial.constraint("100000 required properties"), BYTES)
    assert time.monotonic() - start < 3
    assert (caught.value.bound, caught.value.limit) == ("time", 0.3)
    assert caught.value.spent >= 0.3
    # The next one gets a process of its own.
    assert allowed(slow, adversarial.constraint("1000 properties"))
    slow._supervisor.stop()


def test_a_trial_that_takes_too_much_memory_is_ended():
    small = BoundedEngine(bare_engine("llguidance"), CompileLimits(memory_mb=16))
    with pytest.raises(CompilationTooExpensive, match="16 MB") as caught:
        small.compile(adversarial.constraint("anyOf of 10000 objects"), BYTES)
    assert caught.value.bound in ("memory", "stack")
    small._supervisor.stop()


def test_what_would_kill_this_process_kills_another_one():
    with pytest.raises(CompilationTooExpensive, match="overran the stack"):
        engine().compile(adversarial.constraint("Lark of 10000 rules"), BYTES)


def test_an_overrun_costs_once():
    with pytest.raises(CompilationTooExpensive):
        engine().compile(adversarial.constraint("Lark of 10000 rules"), BYTES)
    start = time.monotonic()
    with pytest.raises(CompilationTooExpensive):
        engine().compile(adversarial.constraint("Lark of 10000 rules"), BYTES)
    assert time.monotonic() - start < 0.1


def test_a_process_that_was_killed_is_replaced(dear):
    allowed(dear, of_schema({"const": "before"}))
    dear._supervisor._process.kill()
    dear._supervisor._process.wait()
    assert allowed(dear, of_schema({"const": "after"}))


def test_a_trial_knows_the_vocabulary_it_is_about(dear):
    words = [b"yes", b"no", b"y", b"e", b"s", "né".encode()[:2], b"<eos>"]

    def encode(text: str) -> list[int]:
        return [words.index(text.encode())]

    other = Vocabulary.of_tokens(words, special=frozenset([6]), eos=(6,), encode=encode)
    constraint = ChoiceConstraint(options=("yes", "no"))
    assert dear.compile(constraint, other).matcher().forced() == []
    assert allowed(dear, constraint)


def test_whatever_an_engine_fails_with_is_a_refusal():
    class Broken:
        name = "llguidance"

        def compile(self, constraint, vocabulary):
            raise RecursionError("maximum recursion depth exceeded")

        def check(self, constraint):
            raise KeyError("x")

        audit = check

    broken = BoundedEngine(Broken())
    with pytest.raises(ConstraintError, match="nested too deeply"):
        broken.compile(ChoiceConstraint(options=("a",)), BYTES)
    with pytest.raises(ConstraintError, match="KeyError"):
        broken.check(ChoiceConstraint(options=("a",)))


def test_threads_may_ask_at_once(dear):
    constraints = [of_schema({"const": f"thread {i % 5}"}) for i in range(20)]
    with ThreadPoolExecutor(8) as pool:
        masks = list(pool.map(lambda c: allowed(dear, c), constraints))
    assert len(set(masks)) == 1
    assert threading.active_count() < 50


# --- processes ------------------------------------------------------------------------------

SCRIPT = """
import json, os, sys
from structured import JsonConstraint, Vocabulary
from structured.engines.bounded import BoundedEngine
from structured.engines import bare_engine

def make():
    return BoundedEngine(bare_engine("llguidance"), cheap=lambda constraint: False)

engine, vocabulary = make(), Vocabulary.of_bytes()
def compiled(text):
    constraint = JsonConstraint(schema_text=json.dumps({"const": text}))
    return bool(engine.compile(constraint, vocabulary).matcher().mask())
assert compiled("a")
print(engine._supervisor._process.pid, flush=True)
"""


def run(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.split()


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_no_process_is_left_behind():
    assert gone(int(run("")[0]))


def test_a_process_that_dies_takes_its_trial_with_it():
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT + "import time; time.sleep(60)"], stdout=subprocess.PIPE
    )
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    assert gone(pid)


def test_a_forked_process_has_a_trial_of_its_own():
    script = """
child = os.fork()
if not child:
    ok = compiled("in the fork")
    print(engine._supervisor._process.pid, flush=True)
    engine._supervisor.stop()
    os._exit(0 if ok else 1)
assert os.waitpid(child, 0)[1] == 0
assert compiled("in the parent")
print(engine._supervisor._process.pid, flush=True)
"""
    first, forked, last = run(script)
    assert first == last
    assert forked != first
    assert gone(int(first))
    assert gone(int(forked))
