"""The decode loop on tiny random models: batching, ends of all kinds, failures, threads."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from runtime.backends.transformers import scheduler as scheduling  # noqa: E402
from runtime.backends.transformers.batching import Alone  # noqa: E402
from runtime.backends.transformers.slots import Slots  # noqa: E402
from runtime.chat import ChatRequest, Message  # noqa: E402
from runtime.errors import (  # noqa: E402
    GenerationFailed,
    InvalidConversation,
    ModelClosed,
    PromptTooLong,
    RequestTimeout,
    WorkerDied,
)
from runtime.generation import GenerationParams  # noqa: E402
from structured.constraint import (  # noqa: E402
    ChoiceConstraint,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
)
from structured.errors import ConstraintError  # noqa: E402
from tests.runtime.transformers_models import (  # noqa: E402
    ask,
    byte_tokenizer,
    go_on,
    inside,
    open_folder,
    reference,
    tiny_config,
    tiny_folder,
    together,
    tokens_of,
)

pytestmark = pytest.mark.transformers

PROMPTS = ["a", "The quick brown fox", "你好", "x" * 40, "0123456789 0123456789", "Once upon"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    # In bfloat16, what was read in other pieces may round to another token.
    folder = tiny_folder(tmp_path_factory.mktemp("tiny"))
    model = open_folder(folder, options={"dtype": "float32"})
    yield model
    model.close()


@pytest.fixture
def own_model(tmp_path):
    """A model that a test may break."""
    model = open_folder(tiny_folder(tmp_path))
    yield model
    model.close()


def batch_of(model):
    return inside(model)._scheduler._batch


def watch_steps(model, monkeypatch, *, delay_s: float = 0.0) -> list[list[int]]:
    """From now on, how many tokens each row of each step was given."""
    seen: list[list[int]] = []
    batch = batch_of(model)
    step = batch.step

    def watched(tokens, **more):
        seen.append([len(row) for row in tokens])
        time.sleep(delay_s)
        return step(tokens, **more)

    monkeypatch.setattr(batch, "step", watched)
    return seen


def is_idle(model) -> bool:
    scheduler = inside(model)._scheduler
    return not (scheduler._running or scheduler._waiting or scheduler._reading)


def becomes(condition, timeout_s=10.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


# Models of all kinds

KINDS = {
    "llama": ("LlamaConfig", {"num_key_value_heads": 2}, Slots),
    "llama-eager": (
        "LlamaConfig",
        {"num_key_value_heads": 2, "attn_implementation": "eager"},
        Slots,
    ),
    "gpt2": ("GPT2Config", {"n_inner": 48}, Slots),
    "mixtral": (
        "MixtralConfig",
        {"num_key_value_heads": 2, "num_local_experts": 4, "sliding_window": None},
        Slots,
    ),
    "gemma2": (
        "Gemma2Config",
        {"num_key_value_heads": 2, "sliding_window": 8, "head_dim": 8},
        Alone,
    ),
    "bloom": ("BloomConfig", {"n_layer": 2, "n_head": 4}, Alone),
    "mamba": ("MambaConfig", {"state_size": 8}, Alone),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_says_what_transformers_says(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(scheduling, "_PROMPT_TOKENS", 16)  # so that the longer ones are cut
    name, more, batch = KINDS[kind]
    model = open_folder(tiny_folder(tmp_path, config=tiny_config(name, **more)))
    try:
        assert type(batch_of(model)) is batch
        requests = [go_on(prompt, max_output_tokens=12, logprobs=0) for prompt in PROMPTS[:4]]
        wanted = [reference(model, request, tokens=12) for request in requests]
        assert [tokens_of(reply) for reply in together(model, requests)] == wanted
    finally:
        model.close()


def test_a_batch_says_what_each_says_alone(model, monkeypatch):
    requests = [go_on(p, max_output_tokens=8 * (i + 1)) for i, p in enumerate(PROMPTS)]
    requests.append(go_on("stop?", max_output_tokens=30, stop=("\x00", "e")))
    requests.append(go_on("3 + 4", max_output_tokens=60, constraint=NUMBERS))
    alone = [model.generate(request) for request in requests]
    steps = watch_steps(model, monkeypatch, delay_s=0.002)
    replies = together(
        model, [replace(request, request_id=f"r{i}") for i, request in enumerate(requests)]
    )
    assert max(len(step) for step in steps) >= 6
    for reply, before in zip(replies, alone, strict=True):
        assert (reply.text, reply.finish_reason) == (before.text, before.finish_reason)
        assert tokens_used(reply) == tokens_used(before)
    assert becomes(lambda: is_idle(model))
    assert batch_of(model).lengths == []


NUMBERS = JsonConstraint(
    schema_text=json.dumps(
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 99},
            "minItems": 2,
            "maxItems": 3,
        }
    )
)


def test_a_crowd_that_comes_and_goes(tmp_path):
    """Rows enter, are forced ahead, stop, and are aborted at all times; the rest must not care."""
    chance = random.Random(0)
    model = open_folder(tiny_folder(tmp_path), options={"max_batch_size": 5, "dtype": "float32"})
    constraints = [None, None, NUMBERS, AB, RegexConstraint(pattern="[ab]c{30}[ab]d{3}[ab]")]
    requests = [
        go_on(
            chance.choice(PROMPTS) * chance.randint(1, 4),
            max_output_tokens=chance.randint(1, 40),
            constraint=chance.choice(constraints),
            temperature=chance.choice([0, 0, 1.0]),
            seed=i,
            stop=chance.choice([(), ("a",), ("cc", "z")]),
            repetition_penalty=chance.choice([1, 1, 1.3]),
            ignore_eos=chance.choice([False, True]),
        )
        for i in range(40)
    ]
    try:
        alone = [model.generate(request) for request in requests]
        leaving = threading.Thread(target=come_and_go, args=(model, 25))
        leaving.start()
        replies = together(model, requests)
        leaving.join(60)
        assert [reply.text for reply in replies] == [reply.text for reply in alone]
        assert [tokens_used(reply) for reply in replies] == [tokens_used(reply) for reply in alone]
        assert becomes(lambda: is_idle(model))
    finally:
        model.close()


def tokens_used(reply):
    """Input and output: how many were in the cache depends on what ran before."""
    return reply.usage.input_tokens, reply.usage.output_tokens


def come_and_go(model, times):
    for i in range(times):
        stream = model.stream(replace(go_on("x" * i, ignore_eos=True), request_id=f"gone {i}"))
        next(stream)
        if i % 2:
            model.abort(f"gone {i}")
        stream.close()


def test_rows_beyond_the_batch_wait(tmp_path, monkeypatch):
    model = open_folder(tiny_folder(tmp_path), options={"backend.max_batch_size": "2"})
    try:
        steps = watch_steps(model, monkeypatch, delay_s=0.002)
        replies = together(model, [go_on(p, max_output_tokens=15) for p in PROMPTS])
        assert {reply.finish_reason for reply in replies} <= {"length", "stop"}
        assert max(len(step) for step in steps) == 2
    finally:
        model.close()


def test_long_prompts_are_read_in_pieces_while_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduling, "_PROMPT_TOKENS", 16)
    model = open_folder(tiny_folder(tmp_path))
    try:
        requests = [
            go_on("short", max_output_tokens=40, logprobs=0),
            go_on("long " * 60, max_output_tokens=5, logprobs=0),
        ]
        wanted = [reference(model, r, tokens=r.params.max_output_tokens) for r in requests]
        assert [tokens_of(reply) for reply in together(model, requests)] == wanted
    finally:
        model.close()


# How replies end


def test_length_and_usage(model):
    reply = model.generate(go_on("count", max_output_tokens=7, ignore_eos=True))
    assert reply.finish_reason == "length"
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (5, 7)
    assert 0 < reply.timing.first_token_s <= reply.timing.total_s


def test_the_context_is_a_limit(model):
    reply = model.generate(go_on("x" * 500, ignore_eos=True))
    assert reply.finish_reason == "length"
    assert reply.usage.input_tokens + reply.usage.output_tokens == model.meta.max_model_len == 512
    with pytest.raises(PromptTooLong) as caught:
        model.generate(go_on("x" * 512))
    assert (caught.value.tokens, caught.value.limit, caught.value.model) == (512, 511, "tiny")
    assert model.generate(go_on("x" * 511)).usage.output_tokens == 1


def test_stop_token_ids_end_before_the_token(model):
    free = model.generate(go_on("abc", max_output_tokens=20, ignore_eos=True))
    whole = model.tokenize(free.text) if "\ufffd" not in free.text else None
    first = model.generate(go_on("abc", max_output_tokens=1, logprobs=0)).logprobs[0].token_id
    reply = model.generate(go_on("abc", max_output_tokens=20, stop_token_ids=(first,)))
    assert (reply.text, reply.finish_reason, reply.usage.output_tokens) == ("", "stop", 0)
    assert whole is None or whole[0] == first


def test_ignored_end_tokens_never_come(model):
    words = "start: /[a-z]{0,5}/"
    for constraint in (None, LarkConstraint(grammar=words)):
        request = go_on(
            "x", max_output_tokens=40, ignore_eos=True, constraint=constraint, logprobs=0
        )
        reply = model.generate(request)
        assert 256 not in [token.token_id for token in reply.logprobs]
        if constraint is not None:
            assert (len(reply.text), reply.finish_reason) == (5, "stop")


def test_end_tokens_only_where_the_grammar_ends(model):
    texts = {
        model.generate(go_on("x", temperature=5.0, top_p=1.0, seed=seed, constraint=AB)).text
        for seed in range(20)
    }
    assert all(text.count("a") == 3 and text.strip("ab") == "" for text in texts)
    assert len(texts) > 2


AB = RegexConstraint(pattern="(b{0,3}a){3}b{0,2}")


def test_a_stream_agrees_with_the_reply(model):
    request = go_on("stream", max_output_tokens=25, logprobs=2)
    deltas = list(model.stream(request))
    reply = model.generate(request)
    assert "".join(delta.text for delta in deltas) == reply.text
    assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    assert sum((delta.logprobs for delta in deltas), ()) == reply.logprobs
    assert len(reply.logprobs) == reply.usage.output_tokens
    assert all(len(token.top) == 2 and token.top[0][1] >= token.logprob for token in reply.logprobs)


def test_characters_of_many_tokens_stream_whole(model):
    text = "你好，世界🎉 é"
    deltas = list(model.stream(go_on("x", constraint=ChoiceConstraint(options=(text, "🗼塔")))))
    assert "\ufffd" not in "".join(delta.text for delta in deltas)
    assert "".join(delta.text for delta in deltas) in (text, "🗼塔")
    cut = model.generate(
        go_on("x", constraint=ChoiceConstraint(options=("你",)), max_output_tokens=2)
    )
    assert (cut.text, cut.finish_reason) == ("\ufffd", "length")


def test_forced_tokens_are_read_in_one_pass(model, monkeypatch):
    words = ChoiceConstraint(
        options=("a" + "0123456789" * 3 + "yes", "b" + "9876543210" * 3 + "no")
    )
    steps = watch_steps(model, monkeypatch)
    assert model.generate(go_on("x", constraint=words)).text in words.options
    assert len(steps) <= 1  # the first token, from the prompt's pass, forces all others
    tail = RegexConstraint(pattern="a{20}[bc]d{20}[ef]")
    reply = model.generate(go_on("x", constraint=tail))
    assert reply.usage.output_tokens == 42
    assert len(steps) <= 5
    assert max(max(step) for step in steps) >= 20
    slow = model.generate(go_on("x", constraint=tail, logprobs=0))
    assert slow.text == reply.text
    assert len(slow.logprobs) == 42


def test_rows_may_be_forced_at_different_lengths(model, monkeypatch):
    grammars = [RegexConstraint(pattern=f"[ab]c{{{n}}}[ab]d{{{n}}}[ab]") for n in (1, 5, 17, 40)]
    requests = [go_on(f"row {i}", constraint=g) for i, g in enumerate(grammars)]
    requests.append(go_on("free", max_output_tokens=30))
    alone = [model.generate(request).text for request in requests]
    steps = watch_steps(model, monkeypatch, delay_s=0.01)
    assert [reply.text for reply in together(model, requests)] == alone
    assert any(len(step) > 1 and len(set(step)) > 1 for step in steps)


def test_stop_strings_in_forced_text(model):
    constraint = RegexConstraint(pattern="[ab]hello world[ab]")
    reply = model.generate(go_on("x", constraint=constraint, stop=("o w",)))
    assert (reply.text[1:], reply.finish_reason) == ("hell", "stop")
    reply = model.generate(go_on("x", constraint=constraint, max_output_tokens=4))
    assert (reply.text[1:], reply.finish_reason) == ("hel", "length")
    reply = model.generate(go_on("x", constraint=constraint, stop=("d!",)))
    assert (reply.text[1:11], reply.finish_reason) == ("hello worl", "stop")


# Constraints


def test_what_no_grammar_can_say_is_refused_before_it_starts(model):
    with pytest.raises(ConstraintError):
        model.generate(go_on("x", constraint=RegexConstraint(pattern="(?=a)b")))
    assert is_idle(model)


def test_constrained_and_free_rows_mix(model):
    requests = [
        go_on("n", constraint=NUMBERS, temperature=1.5, seed=i, max_output_tokens=200)
        for i in range(3)
    ]
    requests += [
        go_on("f", max_output_tokens=20),
        go_on("c", constraint=ChoiceConstraint(options=("x", "y"))),
    ]
    replies = together(model, requests)
    for reply in replies[:3]:
        value = json.loads(reply.text)
        assert 2 <= len(value) <= 3
        assert all(0 <= number <= 99 for number in value)
    assert replies[4].text in ("x", "y")


# Templates and prompts


def test_templates(model):
    messages = (Message("user", "hi"),)
    assert model.apply_chat_template(messages) == "<|user|>hi<|end|><|assistant|>"
    assert model.tokenize("<|user|>h<|end|>") == [257, model.tokenize("h")[0], 256]
    assert model.generate(ask("hi", max_output_tokens=1)).usage.input_tokens == 5
    with pytest.raises(InvalidConversation, match="no tools"):
        model.generate(ChatRequest(messages=(Message("tool", "x"),)))


def test_without_a_template(tmp_path):
    model = open_folder(tiny_folder(tmp_path, tokenizer=byte_tokenizer(template=None)))
    try:
        assert not model.meta.support_chat_template
        with pytest.raises(InvalidConversation, match="setup_template"):
            model.apply_chat_template((Message("user", "hi"),))
        with pytest.raises(InvalidConversation, match="setup_template"):
            model.generate(ask("hi"))
        assert model.generate(go_on("hi", max_output_tokens=2)).usage.input_tokens == 2
    finally:
        model.close()


def test_the_beginning_token_is_added_once(tmp_path):
    from tokenizers.processors import TemplateProcessing

    tokenizer = byte_tokenizer(bos_token="<|user|>")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|user|> $A", special_tokens=[("<|user|>", 257)]
    )
    model = open_folder(tiny_folder(tmp_path, tokenizer=tokenizer))
    try:
        codec = inside(model)._codec
        h = model.tokenize("h")
        assert len(h) == 1
        assert codec.prompt_ids(go_on("h")) == [257, *h]
        assert codec.prompt_ids(go_on("<|user|>h")) == [257, *h]
        assert codec.prompt_ids(ask("h")) == [257, *h, 256, 258]
        assert codec.prompt_ids(go_on("")) == [257]
    finally:
        model.close()


def test_an_empty_prompt_starts_somewhere(model):
    assert model.generate(go_on("", max_output_tokens=3, ignore_eos=True)).usage.input_tokens == 1


# Ends from outside


def test_a_timeout_carries_what_came(model, monkeypatch):
    watch_steps(model, monkeypatch, delay_s=0.05)
    with pytest.raises(RequestTimeout) as caught:
        model.generate(go_on("slow", timeout_s=0.4, ignore_eos=True))
    assert caught.value.text
    assert becomes(lambda: is_idle(model))
    with pytest.raises(RequestTimeout):
        model.generate(go_on("no time", timeout_s=0))


def test_waiting_counts_as_time(tmp_path, monkeypatch):
    model = open_folder(tiny_folder(tmp_path), options={"max_batch_size": 1})
    try:
        watch_steps(model, monkeypatch, delay_s=0.02)
        first = model.stream(go_on("first", ignore_eos=True))
        next(first)
        started = time.monotonic()
        with pytest.raises(RequestTimeout) as caught:
            model.generate(go_on("second", timeout_s=0.3))
        assert time.monotonic() - started < 2
        assert caught.value.text == ""
        first.close()
        assert becomes(lambda: is_idle(model))
    finally:
        model.close()


def test_a_late_row_leaves_even_when_nobody_reads(model, monkeypatch):
    watch_steps(model, monkeypatch, delay_s=0.02)
    stream = model.stream(go_on("x", timeout_s=0.3, ignore_eos=True))
    next(stream)
    assert becomes(lambda: is_idle(model), timeout_s=3)
    with pytest.raises(RequestTimeout):
        list(stream)


def test_abort_in_the_middle(model, monkeypatch):
    watch_steps(model, monkeypatch, delay_s=0.02)
    stream = model.stream(replace(go_on("x", ignore_eos=True), request_id="me"))
    next(stream)
    assert model.abort("me")
    rest = list(stream)
    assert rest[-1].finish_reason == "abort"
    assert rest[-1].usage.input_tokens == 1
    assert rest[-1].usage.output_tokens >= 1
    assert not model.abort("me")
    assert becomes(lambda: is_idle(model))


def test_abort_while_waiting(tmp_path, monkeypatch):
    model = open_folder(tiny_folder(tmp_path), options={"max_batch_size": 1})
    try:
        watch_steps(model, monkeypatch, delay_s=0.02)
        first = model.stream(go_on("first", ignore_eos=True))
        next(first)
        waiting = replace(go_on("second"), request_id="second")
        threading.Timer(0.2, model.abort, ["second"]).start()
        reply = model.generate(waiting)
        assert (reply.text, reply.finish_reason) == ("", "abort")
        first.close()
    finally:
        model.close()


def test_closing_a_stream_frees_the_row(model, monkeypatch):
    watch_steps(model, monkeypatch, delay_s=0.01)
    streams = [model.stream(go_on("x", ignore_eos=True)) for _ in range(3)]
    for stream in streams:
        next(stream)
    streams[1].close()
    assert becomes(lambda: len(inside(model)._scheduler._running) == 2)
    assert next(streams[2]).finish_reason is None
    for stream in streams:
        stream.close()
    assert becomes(lambda: is_idle(model))
    assert not inside(model)._rows


def test_two_event_loops(model, monkeypatch):
    watch_steps(model, monkeypatch, delay_s=0.002)
    found = []

    async def both():
        async def stream(text):
            deltas = model.astream(go_on(text, max_output_tokens=20))
            return "".join([delta.text async for delta in deltas])

        found.append(await asyncio.gather(*(stream(text) for text in PROMPTS[:3])))

    threads = [threading.Thread(target=asyncio.run, args=(both(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wanted = [model.generate(go_on(p, max_output_tokens=20)).text for p in PROMPTS[:3]]
    assert found == [wanted, wanted]


async def test_a_cancelled_task_frees_the_row(model, monkeypatch):
    watch_steps(model, monkeypatch, delay_s=0.02)
    task = asyncio.create_task(model.agenerate(go_on("x", ignore_eos=True)))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert becomes(lambda: is_idle(model))


# Failures


def test_a_failing_step_fails_its_rows_only(own_model, monkeypatch):
    batch = batch_of(own_model)
    step = batch.step

    def fail(tokens, **more):
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(batch, "step", fail)
    replies = together(own_model, [go_on(p, max_output_tokens=9, ignore_eos=True) for p in "abc"])
    assert all(isinstance(reply, GenerationFailed) for reply in replies)
    assert "no memory left" in str(replies[0])
    monkeypatch.setattr(batch, "step", step)
    assert (
        own_model.generate(go_on("a", max_output_tokens=9, ignore_eos=True)).finish_reason
        == "length"
    )


def test_a_failing_prompt_fails_alone(own_model, monkeypatch):
    scheduler = inside(own_model)._scheduler
    new_cache, calls = scheduler._forward.new_cache, []

    def fail_once():
        calls.append(1)
        if len(calls) == 1:
            cache = new_cache()
            cache.update = None
            return cache
        return new_cache()

    monkeypatch.setattr(scheduler._forward, "new_cache", fail_once)
    with pytest.raises(GenerationFailed):
        own_model.generate(go_on("a", max_output_tokens=3))
    assert own_model.generate(go_on("a", max_output_tokens=3)).text is not None


def test_logits_that_are_no_numbers(own_model):
    weights = inside(own_model)._scheduler._forward.model.lm_head.weight
    with torch.inference_mode(False):
        weights.data.fill_(float("nan"))
    with pytest.raises(GenerationFailed, match="float32"):
        own_model.generate(go_on("a"))


def test_nothing_hangs_when_the_loop_dies(own_model, monkeypatch):
    def die(tokens, **more):
        raise SystemExit("gone")

    stream = own_model.stream(go_on("x", ignore_eos=True))
    monkeypatch.setattr(batch_of(own_model), "step", die)
    with pytest.raises(WorkerDied, match="gone"):
        list(stream)
    with pytest.raises(WorkerDied):
        own_model.generate(go_on("x"))
    own_model.close()


def test_close_while_running(own_model, monkeypatch):
    watch_steps(own_model, monkeypatch, delay_s=0.02)
    found = []

    def read(text):
        try:
            own_model.generate(go_on(text, ignore_eos=True))
        except Exception as error:  # noqa: BLE001 - looked at below
            found.append(error)

    threads = [threading.Thread(target=read, args=(f"x{i}",)) for i in range(10)]
    for thread in threads:
        thread.start()
    assert becomes(lambda: len(inside(own_model)._scheduler._running) == 8)
    own_model.close()
    for thread in threads:
        thread.join(10)
    assert [type(error) for error in found] == [ModelClosed] * 10
    own_model.close()
    for use in (
        lambda: own_model.generate(go_on("x")),
        lambda: own_model.tokenize("x"),
        lambda: own_model.apply_chat_template((Message("user", "x"),)),
    ):
        with pytest.raises(ModelClosed):
            use()
    assert not own_model.abort("x")


def test_a_closed_model_is_let_go(tmp_path):
    import gc
    import weakref

    model = open_folder(tiny_folder(tmp_path))
    model.generate(go_on("x", max_output_tokens=3))
    weights = weakref.ref(inside(model)._scheduler._forward.model)
    model.close()
    gc.collect()
    assert weights() is None


def test_best_of(model):
    request = go_on(
        "x", temperature=2.0, top_p=1.0, seed=5, best_of=3, max_output_tokens=6, ignore_eos=True
    )
    reply = model.generate(request)
    assert reply.usage.output_tokens == 18
    assert reply.text == model.generate(request).text
    assert GenerationParams().best_of == 1
