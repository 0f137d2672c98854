"""Text from models: batches, raw prompts, streams, counts, aborts; on the real model."""

import asyncio
import threading
import time

import pytest

from byzer_agents import ByzerLLM, LLMRequest
from byzer_agents.testing import ScriptedModel
from runtime import RequestTimeout
from runtime.local import LocalHost

pytestmark = pytest.mark.model


def test_chat_is_a_turn_and_raw_chat_a_completion(llm):
    chat = llm.chat("chat", LLMRequest("The capital of France is", max_length=8, temperature=0))[0]
    raw = llm.raw_chat("chat", LLMRequest("The capital of France is", max_length=8, temperature=0))[
        0
    ]
    assert raw.metadata["input_tokens_count"] == 5
    assert chat.metadata["input_tokens_count"] > 20
    assert raw.output != chat.output
    assert chat.input == raw.input == "The capital of France is"


def test_a_batch_is_answered_in_order(llm):
    questions = ["1, 2, 3,", "a, b, c,", "Monday, Tuesday,", "red, green,", "one, two,"]
    request = LLMRequest(questions, max_length=6, temperature=0)
    together = [answer.output for answer in llm.raw_chat("chat", request)]
    alone = [
        llm.raw_chat("chat", LLMRequest(q, max_length=6, temperature=0))[0].output
        for q in questions
    ]
    assert together == alone
    assert together[0].startswith(" 4")


def test_an_empty_batch(llm):
    assert llm.chat("chat", LLMRequest([])) == []


def test_metadata(llm):
    meta = llm.chat("chat", LLMRequest("Hi", max_length=5, temperature=0))[0].metadata
    assert meta["generated_tokens_count"] == 5
    assert meta["finish_reason"] == "length"
    assert 0 < meta["first_token_time"] < meta["time_cost"]
    assert meta["speed"] > 0
    assert meta["prob"] is None


def test_logprobs_and_best_of(llm):
    config = {"gen.logprobs": 2, "temperature": 0.8, "max_length": 5, "gen.seed": 1}
    [one] = llm.chat_oai("Hi", llm_config=config)
    [best] = llm.chat_oai("Hi", llm_config={**config, "gen.best_of": 4})
    assert one.metadata["prob"] < 0
    assert best.metadata["prob"] >= one.metadata["prob"]
    assert best.metadata["generated_tokens_count"] > one.metadata["generated_tokens_count"]


def test_seeds(llm):
    def say(seed):
        config = {"gen.seed": seed, "temperature": 1.5, "max_length": 12}
        return llm.chat_oai("Tell me something.", llm_config=config)[0].output

    assert say(1) == say(1)
    assert len({say(seed) for seed in range(4)}) > 1


def test_stop_strings(llm):
    config = {"temperature": 0, "max_length": 40}
    free = llm.raw_chat("chat", "1, 2, 3, 4,", **config)[0].output
    assert " 7" in free
    stopped = llm.raw_chat("chat", "1, 2, 3, 4,", **config, stopping_sequences=" 7,xyz")[0]
    assert stopped.output == free[: free.index(" 7")]
    assert stopped.metadata["finish_reason"] == "stop"


def test_streaming_agrees_with_not_streaming(llm):
    config = {"temperature": 0, "max_length": 24}
    whole = llm.chat_oai("Hello, how are you?", llm_config=config)[0].output
    items = list(llm.stream_chat_oai("Hello, how are you?", llm_config=config))
    deltas = list(llm.stream_chat_oai("Hello, how are you?", llm_config=config, delta_mode=True))
    assert items[-1].text == whole
    assert "".join(item.text for item in deltas) == whole
    assert items[-1].meta.generated_tokens_count == 24
    assert items[-1].meta.finish_reason == "length"


def test_async_streaming(llm):
    async def collect():
        return [
            text
            async for text, _ in llm.async_stream_chat_oai(
                "Hello, how are you?", llm_config={"temperature": 0, "max_length": 10}
            )
        ]

    texts = asyncio.run(collect())
    sync = llm.stream_chat_oai(
        "Hello, how are you?", llm_config={"temperature": 0, "max_length": 10}
    )
    assert texts == [item.text for item in sync]


def test_closing_a_stream_stops_the_generation(llm):
    stream = llm.stream_chat_oai("Tell me everything.", llm_config={"gen.ignore_eos": True})
    next(stream)
    stream.close()
    model = llm.model("chat")
    deadline = time.monotonic() + 10
    while model._running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not model._running


def test_abort(llm):
    config = {"gen.ignore_eos": True, "max_length": 2000, "gen.request_id": "to-abort"}
    texts = []
    for item in llm.stream_chat_oai("Tell me everything.", llm_config=config):
        texts.append(item.text)
        if len(texts) == 4:
            assert llm.abort("to-abort", model="chat")
    assert item.meta.finish_reason == "abort"
    assert len(texts) < 20
    assert not llm.abort("to-abort", model="chat")
    [answer] = llm.chat_oai("x", llm_config={"gen.request_id": "none", "gen.abort": "true"})
    assert answer.metadata["aborted"] is True


def test_a_deadline(llm):
    config = {"gen.ignore_eos": True, "max_length": 4000, "timeout_s": 1}
    started = time.perf_counter()
    with pytest.raises(RequestTimeout, match="within 1 s") as caught:
        llm.chat_oai("Tell me everything.", llm_config=config)
    assert time.perf_counter() - started < 5
    assert caught.value.text
    assert caught.value.retryable


def test_tokens_and_templates(llm):
    assert llm.tokenize("chat", "<|im_start|>") == [1]
    assert llm.tokenize("chat", "") == []
    prompt = llm.apply_chat_template("chat", [{"role": "user", "content": "hi"}])
    assert prompt.endswith("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert llm.generate_instruction_from_history([{"role": "user", "content": "你好"}]) == (
        "User:你好\nAssistant:"
    )


def test_setup_auto(llm):
    llm.setup_auto("chat")
    assert llm.get_max_model_length("chat") == llm.get_meta("chat")["max_model_len"]


def test_threads_and_loops_share_one_client(llm):
    """Two threads and two event loops at once, each with its own text, all answered right."""
    expected = {
        start: llm.raw_chat("chat", start, temperature=0, max_length=5)[0].output
        for start in ("1, 2, 3,", "a, b, c,", "Monday, Tuesday,", "one, two, three,")
    }
    found = {}

    def in_thread(start):
        for _ in range(3):
            answer = llm.raw_chat("chat", start, temperature=0, max_length=5)[0].output
            found.setdefault(start, []).append(answer)

    def in_loop(start):
        async def ask():
            model = llm.model("chat")
            from runtime import ChatRequest, GenerationParams

            params = GenerationParams(temperature=0, max_output_tokens=5)
            for _ in range(3):
                reply = await model.agenerate(ChatRequest(prompt=start, params=params))
                found.setdefault(start, []).append(reply.text)

        asyncio.run(ask())

    threads = [
        threading.Thread(target=work, args=(start,))
        for work, start in zip((in_thread, in_thread, in_loop, in_loop), expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {start: [text] * 3 for start, text in expected.items()}


def test_settings_of_one_call_never_reach_another():
    """Calls with different settings, at once, from several threads: each model sees its own."""
    llm = ByzerLLM(host=LocalHost())
    replies = 200
    model = ScriptedModel(*[lambda request: str(request.params.top_k)] * replies)
    llm.register(model)
    wrong = []

    def work(top_k):
        for _ in range(replies // 4):
            answer = llm.chat_oai("x", llm_config={"gen.top_k": top_k})[0].output
            if answer != str(top_k):
                wrong.append((top_k, answer))

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(model.requests) == replies
    assert llm._model_setup("scripted").generation == {}
