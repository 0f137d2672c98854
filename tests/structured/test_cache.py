"""The cache of compiled grammars: bounded, shared, each made once."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from structured.constraint import ChoiceConstraint
from structured.engine import Vocabulary
from structured.engines.cache import GrammarCache
from structured.errors import CompilationTooExpensive, ConstraintError

MB = 1024 * 1024
VOCABULARY = Vocabulary.of_bytes()


def choice(name: str) -> ChoiceConstraint:
    return ChoiceConstraint(options=(name,))


def test_a_value_is_made_once_for_equal_keys():
    cache: GrammarCache[object] = GrammarCache()
    first = cache.get(choice("a"), VOCABULARY, lambda: (object(), 1))
    assert cache.get(choice("a"), VOCABULARY, lambda: (object(), 1)) is first
    assert cache.get(choice("b"), VOCABULARY, lambda: (object(), 1)) is not first
    assert cache.get(choice("a"), Vocabulary.of_bytes(), lambda: (object(), 1)) is not first


def test_the_least_recently_used_makes_room():
    cache: GrammarCache[str] = GrammarCache(budget_mb=2)
    for name in "ab":
        cache.get(choice(name), VOCABULARY, lambda: ("", MB))
    cache.get(choice("a"), VOCABULARY, lambda: ("", MB))
    cache.get(choice("c"), VOCABULARY, lambda: ("", MB))
    assert (choice("a"), VOCABULARY) in cache
    assert (choice("b"), VOCABULARY) not in cache
    assert cache.size == 2 * MB


def test_what_is_larger_than_the_budget_is_kept_alone():
    cache: GrammarCache[str] = GrammarCache(budget_mb=1)
    cache.get(choice("a"), VOCABULARY, lambda: ("", 1))
    assert cache.get(choice("b"), VOCABULARY, lambda: ("large", 5 * MB)) == "large"
    assert len(cache) == 1
    cache.get(choice("a"), VOCABULARY, lambda: ("", 1))
    assert cache.size == 1


def test_threads_that_ask_at_once_wait_for_one_of_them():
    cache: GrammarCache[object] = GrammarCache()
    made = []
    inside = threading.Event()

    def make() -> tuple[object, int]:
        inside.wait(10)
        made.append(object())
        return made[-1], 1

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(cache.get, choice("a"), VOCABULARY, make) for _ in range(8)]
        inside.set()
        values = {id(f.result(10)) for f in found}
    assert len(made) == len(values) == 1


def test_a_refusal_is_remembered_and_a_mishap_is_not():
    cache: GrammarCache[str] = GrammarCache()
    calls = []

    def refuse() -> tuple[str, int]:
        calls.append("refused")
        raise ConstraintError("no", path="$.a")

    errors = []
    for _ in range(2):
        with pytest.raises(ConstraintError) as caught:
            cache.get(choice("a"), VOCABULARY, refuse)
        errors.append(caught.value)
    assert calls == ["refused"]
    assert errors[0] is not errors[1]
    assert errors[1].path == "$.a"

    def break_down() -> tuple[str, int]:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        cache.get(choice("b"), VOCABULARY, break_down)
    assert cache.get(choice("b"), VOCABULARY, lambda: ("mended", 1)) == "mended"


def test_an_overrun_is_tried_again_later(monkeypatch):
    cache: GrammarCache[str] = GrammarCache()

    def overrun() -> tuple[str, int]:
        raise CompilationTooExpensive("slow", bound="time", limit=1, spent=2)

    with pytest.raises(CompilationTooExpensive):
        cache.get(choice("a"), VOCABULARY, overrun)
    with pytest.raises(CompilationTooExpensive):
        cache.get(choice("a"), VOCABULARY, lambda: ("fast", 1))
    import time

    now = time.monotonic()
    monkeypatch.setattr("structured.engines.cache.time.monotonic", lambda: now + 1000)
    assert cache.get(choice("a"), VOCABULARY, lambda: ("fast", 1)) == "fast"


def test_a_vocabulary_takes_its_grammars_with_it():
    cache: GrammarCache[str] = GrammarCache()
    vocabulary = Vocabulary.of_bytes()
    cache.get(choice("a"), vocabulary, lambda: ("", 100))
    cache.get(choice("a"), VOCABULARY, lambda: ("", 10))
    del vocabulary
    gc.collect()
    assert len(cache) == 1
    assert cache.size == 10


def test_a_kept_refusal_still_says_what_caused_it_and_keeps_no_frame():
    def fails() -> tuple[str, int]:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ConstraintError("out of memory") from error

    cache: GrammarCache[str] = GrammarCache()
    for _ in range(2):
        with pytest.raises(ConstraintError) as caught:
            cache.get(choice("a"), VOCABULARY, fails)
        assert isinstance(caught.value.__cause__, MemoryError)
        assert caught.value.__cause__.__traceback__ is None
