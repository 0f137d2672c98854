"""What is ours on top of llama.cpp: replies that go on, texts to avoid, scores."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.backends.llama_cpp import LlamaCppModel, LlamaCppOptions
from runtime.chat import ChatRequest, Message, Resumption
from runtime.errors import InvalidParameter, ModelClosed, PromptTooLong, RequestTimeout
from runtime.generation import GenerationParams
from structured.constraint import ChoiceConstraint, Constraint, JsonConstraint, RegexConstraint
from structured.errors import ConstraintError

pytestmark = pytest.mark.model

PERSON = JsonConstraint(
    schema_text=json.dumps(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 20},
                "colour": {"enum": ["red", "redder", "blue"]},
                "sizes": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
            },
            "required": ["name", "colour", "sizes"],
            "additionalProperties": False,
        }
    )
)


@pytest.fixture(scope="module")
def model(quickstart_gguf: Path) -> Iterator[LlamaCppModel]:
    model = LlamaCppModel("quickstart", quickstart_gguf, LlamaCppOptions(max_model_len=1024))
    yield model
    model.close()


def ask(
    text: str,
    begun: str | None = None,
    *avoid: str,
    constraint: Constraint | None = None,
    temperature: float = 0,
    **params: object,
) -> ChatRequest:
    return ChatRequest(
        messages=(Message("user", text),),
        params=GenerationParams(temperature=temperature, **params),
        constraint=constraint,
        resume=None if begun is None else Resumption(begun, avoid),
    )


BOB = "Bob likes red, and his sizes are 4 and 12. As JSON with name, colour, sizes."


def test_a_reply_goes_on_from_any_place(model: LlamaCppModel):
    whole = model.generate(ask(BOB, constraint=PERSON)).text
    for cut in range(0, len(whole) + 1, 5):
        reply = model.generate(ask(BOB, whole[:cut], constraint=PERSON))
        assert reply.text.startswith(whole[:cut])
        assert reply.finish_reason == "stop"
        value = json.loads(reply.text)
        assert list(value) == ["name", "colour", "sizes"]
        assert value["colour"] in ("red", "redder", "blue")
        if cut:
            assert reply.usage.cached_tokens > 0


def test_a_reply_in_words_goes_on_too(model: LlamaCppModel):
    whole = model.generate(ask("Tell me about Rome.", max_output_tokens=30))
    rest = ask("Tell me about Rome.", whole.text[:25], max_output_tokens=30)
    deltas = list(model.stream(rest))
    assert deltas[0].text == whole.text[:25]
    text = "".join(delta.text for delta in deltas)
    assert text.startswith(whole.text[:25])
    assert len(text) > len(whole.text)
    assert (deltas[-1].usage.output_tokens, deltas[-1].finish_reason) == (30, "length")


def test_what_llama_would_not_write_by_itself_is_steered(model: LlamaCppModel):
    odd = RegexConstraint(pattern="Rome (x[0-9]y){4}( is| was)? old!")
    reply = model.generate(ask("Tell me about Rome.", "Rome x", constraint=odd))
    assert reply.finish_reason == "stop"
    assert reply.text.startswith("Rome x")
    assert reply.text.endswith(" old!")
    assert reply.text.count("y") == 4
    counted = model.generate(
        ask("Tell me about Rome.", "Rome x", constraint=odd, max_output_tokens=3)
    )
    assert (counted.usage.output_tokens, counted.finish_reason) == (3, "length")


def test_what_is_avoided_does_not_come(model: LlamaCppModel):
    begun = '{"name": "Bob", "colour": '
    for avoid, left in (
        (('"red"',), {"redder", "blue"}),
        (('"red"', '"blue"'), {"redder"}),
        (('"redder"', '"blue"'), {"red"}),
    ):
        for seed in range(3):
            request = ask(BOB, begun, *avoid, constraint=PERSON, temperature=float(seed), seed=seed)
            assert json.loads(model.generate(request).text)["colour"] in left
    with pytest.raises(ConstraintError, match="nothing here but what is to be avoided"):
        model.generate(ask(BOB, begun, '"red"', '"redder"', '"blue"', constraint=PERSON))


def test_one_after_the_other_is_avoided(model: LlamaCppModel):
    colours = ("red", "blue", "green", "black", "white")
    request = ask("Which colour has the sky?", constraint=ChoiceConstraint(options=colours))
    found: list[str] = []
    for _ in colours:
        resume = Resumption("", tuple(found))
        found.append(model.generate(replace(request, resume=resume)).text)
    assert sorted(found) == sorted(colours)


def test_a_word_is_not_merely_lengthened(model: LlamaCppModel):
    """Where "red" was rejected, "redd" is no answer."""
    name = JsonConstraint(schema_text='{"type": "string", "maxLength": 12}')
    request = ask("Name one colour, as JSON text.", constraint=name)
    first = model.generate(request).text
    other = model.generate(replace(request, resume=Resumption("", (first,)))).text
    assert other != first
    assert not other.startswith(first[:-1])


def test_stops_and_log_probabilities(model: LlamaCppModel):
    reply = model.generate(ask(BOB, '{"name": "', constraint=PERSON, stop=('r": "', "name")))
    assert reply.text.endswith('", "colou')
    reply = model.generate(
        ask(BOB, '{"name": "Bob", "colour": ', '"red"', constraint=PERSON, logprobs=2)
    )
    assert len(reply.logprobs) >= reply.usage.output_tokens
    assert all(token.logprob <= 0 and len(token.top) == 2 for token in reply.logprobs)
    comma = next(i for i in reply.text if i == ",")
    assert comma in "".join(token.token for token in reply.logprobs)


def test_a_beginning_that_cannot_be(model: LlamaCppModel):
    with pytest.raises(ConstraintError, match="does not allow the reply's beginning"):
        model.generate(ask(BOB, '{"nome', constraint=PERSON))
    with pytest.raises(PromptTooLong):
        model.generate(ask(BOB, "word " * 1100))
    with pytest.raises(RequestTimeout):
        model.generate(ask("Tell me about Rome.", "Rome", timeout_s=0.001))


def test_a_resumed_reply_can_be_aborted(model: LlamaCppModel):
    request = ask("Tell me about Rome.", "Rome is", ignore_eos=True, max_output_tokens=900)
    deltas = model.stream(request)
    assert next(deltas).text == "Rome is"
    next(deltas)
    timer = threading.Timer(0.2, model.abort, [request.request_id])
    timer.start()
    last = list(deltas)[-1]
    assert last.finish_reason == "abort"
    assert last.usage.output_tokens < 900
    assert not model.abort(request.request_id)


def test_one_engine_only(model: LlamaCppModel):
    words = ChoiceConstraint(options=("yes", "no"))
    request = ask("Is snow white?", constraint=words)
    assert model.generate(replace(request, engine="llguidance")).text in words.options
    with pytest.raises(InvalidParameter, match="llguidance"):
        model.generate(replace(request, engine="xgrammar"))
    with pytest.raises(InvalidParameter, match=r"backend\.engine"):
        LlamaCppOptions(engine="outlines")


# Scores


def test_scores_are_probabilities_of_whole_replies(model: LlamaCppModel):
    request = ask("Is snow white? Answer yes or no.")
    options = ("Yes", "No", "Yes.", "yes", "Yes, it is.")
    scores = model.score(request, options)
    assert 0 < sum(map(math.exp, scores)) < 1
    assert scores == pytest.approx(model.score(request, options[::-1])[::-1], abs=0.3)
    for wrong in ((), ("",), ("a", "a")):
        with pytest.raises(InvalidParameter, match="different texts"):
            model.score(request, wrong)


@pytest.mark.transformers
@pytest.mark.slow
def test_both_backends_score_alike(model: LlamaCppModel, quickstart_gguf: Path):
    """llama.cpp multiplies quantised weights by quantised activations, so not to the digit."""
    pytest.importorskip("torch")
    from tests.runtime.transformers_models import open_gguf

    other = open_gguf(quickstart_gguf, options={"dtype": "float32"})
    try:
        for request, options in (
            (ask("Is snow white? Answer true or false."), ("true", "false", "True", "False.")),
            (ChatRequest(prompt="The capital of France is"), (" Paris.", " London.", "Paris")),
        ):
            ours, theirs = model.score(request, options), other.score(request, options)
            assert ours == pytest.approx(theirs, abs=1.0, rel=0.05)
            rank = sorted(range(len(options)), key=ours.__getitem__)
            assert rank == sorted(range(len(options)), key=theirs.__getitem__)
    finally:
        other.close()


def test_a_closed_model_does_nothing(quickstart_gguf: Path):
    closed = LlamaCppModel("closed", quickstart_gguf, LlamaCppOptions(max_model_len=256))
    closed.close()
    with pytest.raises(ModelClosed):
        closed.score(ask("x"), ["a"])
    with pytest.raises(ModelClosed):
        closed.generate(ask("x", "y"))
