"""Guesses at what comes next, and choices for many places at once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import numpy as np  # noqa: E402

from runtime.backends.transformers.greedy import likeliest  # noqa: E402
from runtime.backends.transformers.guide import COMPLETE, Guide, unpacked  # noqa: E402
from runtime.backends.transformers.lookup import Lookup  # noqa: E402
from structured.constraint import ChoiceConstraint, JsonConstraint, RegexConstraint  # noqa: E402
from structured.engine import Vocabulary  # noqa: E402
from structured.engines import engine  # noqa: E402
from structured.errors import ConstraintError  # noqa: E402
from tests.runtime.transformers_models import (  # noqa: E402
    go_on,
    inside,
    open_folder,
    tiny_folder,
    together,
)

pytestmark = pytest.mark.transformers

BYTES = Vocabulary.of_bytes()
NAMES = JsonConstraint(
    schema_text=json.dumps(
        {"type": "array", "items": {"enum": ["Ann Miller", "Bo"]}, "minItems": 4, "maxItems": 4}
    )
)


def encode(text: str) -> list[int]:
    return list(text.encode())


def lookup(prompt: str) -> Lookup:
    return Lookup(prompt, encode(prompt), encode)


def say(found: Lookup, text: str) -> None:
    for letter in text:
        found.saw(ord(letter), letter)


# Guesses


def test_what_came_before_is_guessed():
    found = lookup("Ann Miller lives in Oslo. ")
    assert found.guess(10) == []
    say(found, '{"name":"An')
    assert bytes(found.guess(10)) == b"n Mi"
    found.learn(4, 4)
    assert bytes(found.guess(10)) == b"n Miller"
    assert bytes(found.guess(3)) == b"n M"
    found.learn(8, 0)
    found.learn(4, 0)
    assert bytes(found.guess(10)) == b"n "
    assert found.guess(0) == []


def test_the_reply_itself_is_looked_up_too():
    found = lookup("?")
    say(found, '[{"size":1},{"s')
    assert bytes(found.guess(10)) == b'ize"'


def test_a_name_is_found_however_it_is_spelled():
    """Behind a space, the prompt's tokens are others than those behind a quote."""
    words = {" Oslo": 1, "Os": 2, "lo": 3, '"': 4, "in": 5, ".": 6}

    def split(text: str) -> list[int]:
        ids = []
        while text:
            word = max((w for w in words if text.startswith(w)), key=len)
            ids.append(words[word])
            text = text[len(word) :]
        return ids

    found = Lookup("in Oslo.", split("in Oslo."), split)
    found.saw(4, '"')
    found.saw(2, "Os")
    assert found.guess(4) == [3, 6]


# The model decides


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The same model with guesses and without, in float32."""
    folder = tiny_folder(tmp_path_factory.mktemp("tiny"))
    with_guesses = open_folder(folder, options={"dtype": "float32"})
    without = open_folder(folder, options={"dtype": "float32", "backend.guess": "false"})
    yield with_guesses, without
    with_guesses.close()
    without.close()


REQUESTS = [
    go_on("Ann Miller and Bo, as a list:", constraint=NAMES),
    go_on("abcabcabcabc", max_output_tokens=60),
    go_on("abcabcabcabc", max_output_tokens=60, logprobs=2),
    go_on("xyxyxyxy", max_output_tokens=60, temperature=0.5, seed=1),
    go_on("xyxyxyxy", max_output_tokens=40, repetition_penalty=1.2),
    go_on("xyxyxyxy", max_output_tokens=40, ignore_eos=True, frequency_penalty=0.5),
    go_on(
        "aaaa bbbb", constraint=RegexConstraint(pattern="(aa|bb){3,20}c?"), temperature=1.0, seed=3
    ),
    go_on("stop here", max_output_tokens=60, stop=("e", "\n")),
]


@pytest.mark.parametrize("i", range(len(REQUESTS)))
def test_guesses_do_not_change_the_reply(models, i):
    with_guesses, without = (model.generate(REQUESTS[i]) for model in models)
    assert with_guesses.text == without.text
    assert with_guesses.finish_reason == without.finish_reason
    assert with_guesses.usage.output_tokens == without.usage.output_tokens
    ours = [(t.token_id, *(name for name, _ in t.top)) for t in with_guesses.logprobs]
    assert ours == [(t.token_id, *(name for name, _ in t.top)) for t in without.logprobs]


def test_guesses_do_not_change_replies_beside_others(models):
    with_guesses, without = models
    requests = [replace(request, request_id=f"{i}") for i, request in enumerate(REQUESTS)]
    alone = [without.generate(request).text for request in requests]
    assert [reply.text for reply in together(with_guesses, requests)] == alone


def test_guesses_save_steps(models, monkeypatch):
    pairs = RegexConstraint(pattern="([xy][pq]){30}")
    steps = []
    for model in models:
        count: list[int] = []
        batch = inside(model)._scheduler._batch
        step = batch.step

        def counted(tokens, *, last=1, step=step, count=count):
            count.append(last)
            return step(tokens, last=last)

        monkeypatch.setattr(batch, "step", counted)
        reply = model.generate(go_on("x", constraint=pairs))
        assert reply.usage.output_tokens == 60
        steps.append(count)
    assert max(steps[1]) == 1
    assert len(steps[1]) == 59
    assert max(steps[0]) > 1
    assert len(steps[0]) < 40


# Masks and choices


def test_masks_along_a_guess():
    words = ChoiceConstraint(options=("ab", "ac", "b"))
    guide = Guide(engine().compile(words, BYTES).matcher(), width=257)
    assert guide.fitting(b"ax") == 1
    assert guide.fitting(b"ac") == 2
    first, second = guide.allowed(b"a")
    assert unpacked(first, 257).nonzero().flatten().tolist() == list(b"ab")
    assert unpacked(second, 257).nonzero().flatten().tolist() == list(b"bc")
    assert len(guide.allowed(b"ab")) == 2  # the text ends there
    assert len(guide.allowed(b"x")) == 1
    guide.accept(ord("a"))
    assert unpacked(guide.allowed()[0], 257).nonzero().flatten().tolist() == list(b"bc")


def test_masks_where_nothing_may_come():
    letters = RegexConstraint(pattern="a?")
    guide = Guide(engine().compile(letters, BYTES).matcher(), width=257, banned=[ord("a"), 256])
    assert guide.allowed() == [COMPLETE]
    letters = RegexConstraint(pattern="a")
    guide = Guide(engine().compile(letters, BYTES).matcher(), width=257, banned=[ord("a")])
    [error] = guide.allowed()
    assert isinstance(error, ConstraintError)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 1000))
def test_the_likeliest_allowed_tokens(places: int, width: int, seed: int):
    chance = np.random.default_rng(seed)
    logits = torch.from_numpy(chance.normal(size=(places, width)).astype(np.float32))
    masks = []
    for _ in range(places):
        bits = (chance.random(width) < 0.5).astype(np.uint8)
        bits[chance.integers(width)] = 1
        masks.append(None if chance.random() < 0.3 else np.packbits(bits, bitorder="little"))
    for place, (token, value) in enumerate(likeliest(logits, masks)):
        mask = masks[place]
        allowed = range(width) if mask is None else unpacked(mask, width).nonzero().flatten()
        best = max((float(logits[place, i]), -int(i)) for i in allowed)
        assert (value, -token) == pytest.approx(best)
