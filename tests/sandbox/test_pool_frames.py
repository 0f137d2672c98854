"""Whatever a child sends: an event or a typed error, and never memory beyond its caps."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sandbox import Limits, SandboxCrash, SandboxError, SandboxOutputLimit
from sandbox.exchange import Exchange
from sandbox.job import Answer, Job, RecordSpec
from sandbox.outcomes import death, value_of
from sandbox.pool import frames, wire
from sandbox.pool.conversation import Call, Conversation, Done

LIMITS = Limits(output_bytes=1000, printed_chars=100)
TEXTS = st.text(max_size=50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from([b"A", b"V", b"T", b"J", b"G", b"F", b"\x00"])
FIELDS = [*Answer.__dataclass_fields__, "unknown"]


def answers() -> st.SearchStrategy[object]:
    fields = {name: JSON for name in FIELDS if name != "kind"}
    kinds = st.sampled_from([*wire.KINDS, "nonsense", 3, None])
    return st.fixed_dictionaries({"kind": kinds}, optional=fields)


def hear(data: bytes, piece: int = 7) -> list[object]:
    """Everything that comes of these bytes, in pieces."""
    conversation = Conversation(LIMITS)
    events: list[object] = []
    for start in range(0, len(data), piece):
        conversation.feed(data[start : start + piece])
        while True:
            event = conversation.event()
            if event is None:
                break
            events.append(event)
            if isinstance(event, Done):
                adapter = TypeAdapter(list[int])
                events.append(value_of(event, adapter, Exchange((), depth=9), LIMITS))
                return events
    return events


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes(data: bytes, piece: int) -> None:
    with contextlib.suppress(SandboxError):
        assert all(isinstance(event, Call | Done | list) for event in hear(data, piece))


@given(st.lists(st.tuples(KINDS, JSON | answers() | st.binary(max_size=30)), max_size=5))
def test_any_messages(messages: list[tuple[bytes, object]]) -> None:
    data = b"".join(
        frames.pack(kind, said if isinstance(said, bytes) else json.dumps(said).encode())
        for kind, said in messages
    )
    try:
        events = hear(data, 100)
    except SandboxError:
        return
    assert all(isinstance(event, Call | Done | list) for event in events)


@given(answers(), JSON)
@example({"kind": "value", "printed": "\ud800"}, [1])
@example({"kind": "failed", "traceback": [[1, "f"]] * 500}, None)
@example({"kind": "value", "printed_dropped": 10**30}, [2])
def test_any_answer(answer: object, value: object) -> None:
    data = frames.pack(b"A", json.dumps(answer).encode())
    data += frames.pack(b"V", json.dumps(value).encode())
    try:
        done, got = hear(data, 1000)
    except SandboxError as error:
        failure = error
    else:
        failure = None
    if failure is not None:
        assert str(failure).encode()
        assert len(failure.printed) <= LIMITS.printed_chars
        return
    assert isinstance(done, Done)
    assert isinstance(got, list)
    assert all(type(one) is int for one in got)
    done.answer.printed.encode()
    assert len(done.answer.printed) <= LIMITS.printed_chars


@pytest.mark.parametrize(
    "value",
    ["NaN", "[Infinity]", "[" * 100_000, "1" * 5000, '"\\ud800"', "[1", "", '{"$": "int", "v": 1}'],
)
def test_values_that_are_no_data(value: str) -> None:
    limits = Limits(output_bytes=200_000)
    done = Done(Answer("value"), value.encode())
    with pytest.raises(SandboxError):
        value_of(done, TypeAdapter(list[int]), Exchange((), depth=9), limits)


@pytest.mark.parametrize("length", [LIMITS.output_bytes + 1, 2**32 - 1])
def test_a_message_that_is_too_long_is_refused_at_its_head(length: int) -> None:
    conversation = Conversation(LIMITS)
    conversation.feed(frames.pack(b"A", b'{"kind": "value"}'))
    conversation.feed(b"V" + length.to_bytes(4, "big"))
    with pytest.raises(SandboxOutputLimit):
        conversation.event()


def test_messages_out_of_turn() -> None:
    answer = frames.pack(b"A", b'{"kind": "value"}')
    for data in (answer * 2, frames.pack(b"V", b"1"), answer + frames.pack(b"T", b"{}")):
        with pytest.raises(SandboxCrash):
            hear(data)


@given(
    st.builds(
        Job,
        source=TEXTS,
        entry=TEXTS,
        arguments=st.dictionaries(TEXTS, st.integers() | TEXTS, max_size=3),
        modules=st.lists(TEXTS, max_size=3).map(tuple),
        tools=st.lists(TEXTS, max_size=3).map(tuple),
        types=st.lists(
            st.builds(
                RecordSpec,
                name=TEXTS,
                kind=st.sampled_from(["record", "tuple", "enum"]),
                fields=st.lists(st.tuples(TEXTS, st.booleans()), max_size=3).map(tuple),
                defaults=st.lists(st.tuples(TEXTS, st.integers()), max_size=3).map(tuple),
                members=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
        printed_chars=st.integers(0, 99),
        depth=st.integers(1, 99),
        seed=st.integers(0, 2**64),
        output_bytes=st.integers(1, 10**9),
    )
)
def test_a_job_arrives_as_it_was_sent(job: Job) -> None:
    order = wire.Order(job, 12.5, 0.3)
    assert wire.order_from_json(wire.order_to_json(order)) == order


@pytest.mark.parametrize("code", [None, 0, 1, 97, 98, -1, -6, -9, -11, -24, -31, -34, -64])
def test_every_end_has_an_error(code: int | None) -> None:
    error = death(code, LIMITS)
    assert isinstance(error, SandboxError)
    assert str(error)
