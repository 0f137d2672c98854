"""The transformers backend on the quickstart model, converted from its GGUF file."""

from __future__ import annotations

import json
import math
import os
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from runtime.backends.transformers import convert
from runtime.chat import Message
from runtime.errors import DeploymentFailed, PromptTooLong
from runtime.store import NullProgress, ResolvedModel
from structured.constraint import (
    ChoiceConstraint,
    JsonConstraint,
    RegexConstraint,
)
from tests.runtime.transformers_models import (
    ask,
    go_on,
    inside,
    open_gguf,
    reference,
    together,
)

pytestmark = [pytest.mark.transformers, pytest.mark.model]

PERSON = JsonConstraint(
    schema_text=json.dumps(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 20},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
            },
            "required": ["name", "age"],
            "additionalProperties": False,
        }
    )
)
PHONE = RegexConstraint(pattern="[0-9]{3}-[0-9]{4}")


@pytest.fixture(scope="module")
def gguf(request: pytest.FixtureRequest) -> Path:
    given = os.environ.get("BYZER_TEST_GGUF")
    return Path(given) if given else request.getfixturevalue("quickstart_gguf")


@pytest.fixture(scope="module")
def model(gguf):
    """In float32: in bfloat16, what is read in other pieces may round to another token."""
    model = open_gguf(gguf, options={"dtype": "float32"})
    yield model
    model.close()


def test_meta(model):
    assert model.meta.backend == "transformers"
    assert model.meta.architectures == ("LlamaForCausalLM",)
    assert model.meta.max_model_len == 8192
    assert model.meta.support_chat_template
    assert model.meta.parameters == 134_515_008


def test_the_template_and_its_tokens(model):
    prompt = model.apply_chat_template((Message("user", "hi"),))
    assert prompt.endswith("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert model.tokenize("<|im_start|>user\nhi<|im_end|>") == [1, 4093, 198, 6004, 2]


@pytest.mark.parametrize(
    "request_",
    [
        ask("What is the capital of France?"),
        go_on("The three primary colours are"),
        go_on("def fibonacci(n):\n"),
    ],
    ids=["chat", "text", "code"],
)
def test_greedy_text_is_that_of_transformers(model, request_):
    tokens = reference(model, request_, tokens=12)
    asked = replace(request_, params=request_.params.but(max_output_tokens=12))
    reply = model.generate(asked)
    assert reply.text == inside(model)._codec.decode(tokens)
    assert reply.usage.output_tokens == len(tokens)


def test_greedy_text_is_always_the_same(model):
    replies = [model.generate(ask("Tell me a story", max_output_tokens=8)) for _ in range(3)]
    assert len({reply.text for reply in replies}) == 1


def test_a_batch_says_what_each_says_alone(model):
    requests = [
        ask("What is the capital of France?", max_output_tokens=12),
        go_on("The quick brown fox", max_output_tokens=9, stop=(".",)),
        ask("Extract as JSON: Bob is 42 years old", constraint=PERSON, max_output_tokens=40),
        go_on("1, 2, 3, 4,", max_output_tokens=8, logprobs=1),
        go_on("Once upon a time " * 8, max_output_tokens=6),
        go_on("Roses are red,", max_output_tokens=10, repetition_penalty=1.2, presence_penalty=0.3),
    ]
    alone = [model.generate(request) for request in requests]
    batch = inside(model)._scheduler._batch
    most, step = [], batch.step
    batch.step = lambda tokens, **more: most.append(len(tokens)) or step(tokens, **more)
    try:
        replies = together(model, requests)
    finally:
        del batch.step
    assert max(most) >= 4
    for reply, before in zip(replies, alone, strict=True):
        assert (reply.text, reply.finish_reason) == (before.text, before.finish_reason)
    assert json.loads(replies[2].text) == {"name": "Bob", "age": 42}


def test_constrained_and_free_rows_together(model):
    options = ("red", "green", "blue")
    requests = [
        ask("Ann, 30", constraint=PERSON, temperature=1.5, seed=1, max_output_tokens=60),
        ask("my phone?", constraint=PHONE, temperature=1.0, seed=2),
        ask("The sky is", constraint=ChoiceConstraint(options=options)),
        ask("Say hello.", max_output_tokens=10, temperature=0.8, seed=3),
    ]
    person, phone, colour, free = together(model, requests)
    assert set(json.loads(person.text)) == {"name", "age"}
    assert re.fullmatch(PHONE.pattern, phone.text)
    assert colour.text in options
    assert free.text
    assert {person.finish_reason, phone.finish_reason, colour.finish_reason} == {"stop"}


def test_seeds(model):
    def text(seed):
        return model.generate(
            go_on("My favourite animal is", temperature=1.2, seed=seed, max_output_tokens=8)
        ).text

    assert text(1) == text(1)
    assert len({text(1), text(2), text(3)}) > 1


def test_stop_strings_across_tokens(model):
    free = model.generate(go_on("The capital of France is", max_output_tokens=14))
    pieces = [d.text for d in model.stream(free_request()) if d.text]
    assert len(pieces) > 4
    stop = pieces[2][-2:] + pieces[3][:2]
    assert stop in free.text
    deltas = list(model.stream(free_request(stop=(stop, "never"))))
    text = "".join(delta.text for delta in deltas)
    assert text == free.text[: free.text.index(stop)]
    assert deltas[-1].finish_reason == "stop"


def free_request(**params):
    return go_on("The capital of France is", max_output_tokens=14, **params)


def test_stop_ids_and_length(model):
    stop = model.tokenize(",")[0]
    reply = model.generate(go_on("one, two, three, four", max_output_tokens=12, logprobs=0))
    ids = [token.token_id for token in reply.logprobs]
    assert reply.finish_reason == "length"
    assert reply.usage.output_tokens == 12
    assert stop in ids
    ended = model.generate(
        go_on("one, two, three, four", max_output_tokens=12, stop_token_ids=(stop,))
    )
    assert (ended.finish_reason, ended.usage.output_tokens) == ("stop", ids.index(stop))
    assert reply.text.startswith(ended.text)


def test_logprobs(model):
    reply = model.generate(go_on("Paris is the capital of", max_output_tokens=6, logprobs=3))
    assert "".join(token.token for token in reply.logprobs) == reply.text
    for token in reply.logprobs:
        assert token.logprob == token.top[0][1] <= 0  # greedy
        assert sum(math.exp(logprob) for _, logprob in token.top) <= 1.0001
    assert -20 < reply.cumulative_logprob < 0


def test_end_tokens(model):
    question = "What is the capital of France? Answer in one word."
    short = model.generate(ask(question))
    assert short.finish_reason == "stop"
    assert "<|" not in short.text
    longer = model.generate(
        ask(
            "What is the capital of France? Answer in one word.",
            ignore_eos=True,
            max_output_tokens=16,
        )
    )
    assert longer.finish_reason == "length"
    assert longer.text.startswith(short.text)


def test_many_tokens_per_character(model):
    text = "你好，世界🎉！𝔘𝔫𝔦"
    deltas = list(model.stream(ask("hi", constraint=ChoiceConstraint(options=(text,)))))
    assert "".join(delta.text for delta in deltas) == text
    assert all("\ufffd" not in delta.text for delta in deltas)
    other = "🗼塔"
    both = ChoiceConstraint(options=(text, other))
    found = model.generate(ask("hi", constraint=both, temperature=1.0, seed=0, logprobs=0))
    assert found.text in (text, other)


def test_too_long_prompts(model):
    with pytest.raises(PromptTooLong) as caught:
        model.generate(go_on("x y " * 5000))
    assert caught.value.tokens >= 10000
    assert caught.value.limit == 8191


def test_an_abort_and_a_close_leave_the_others_alone(model):
    aborted = replace(go_on("Once", ignore_eos=True), request_id="aborted")
    stream, closed = model.stream(aborted), model.stream(go_on("Twice", ignore_eos=True))
    next(stream)
    next(closed)
    found = []
    other = threading.Thread(target=lambda: found.append(model.generate(free_request())))
    other.start()
    assert model.abort("aborted")
    assert list(stream)[-1].finish_reason == "abort"
    closed.close()
    other.join(60)
    assert found[0].text == model.generate(free_request()).text


def test_a_conversion_is_made_once(model, gguf):
    resolved = ResolvedModel(gguf.stem, gguf, "gguf")
    folder = convert.converted(resolved, deployment="m", progress=NullProgress())
    names = {file.name for file in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [0, 2]


def test_files_that_cannot_be_converted(tmp_path, monkeypatch):
    monkeypatch.setenv("BYZER_AGENTS_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "bad.gguf"
    file.write_bytes(b"GGUF" + b"\0" * 60)
    with pytest.raises(DeploymentFailed, match="could not be converted") as caught:
        convert.converted(
            ResolvedModel("bad", file, "gguf"), deployment="m", progress=NullProgress()
        )
    assert "LLAMA_CPP" in caught.value.hint
    left = [path.name for path in (tmp_path / "cache" / "converted").iterdir()]
    assert all(name.endswith(".lock") for name in left)
