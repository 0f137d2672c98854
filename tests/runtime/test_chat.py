"""Conversations, requests and replies."""

import copy
import pickle
from typing import Any

import pytest

from runtime import (
    ChatReply,
    ChatRequest,
    GenerationParams,
    InvalidConversation,
    Message,
    ModelMeta,
    Timing,
    TokenLogprob,
    Usage,
    parse_conversation,
)
from structured import ChoiceConstraint


def test_a_text_is_one_users_turn():
    assert parse_conversation("你好") == (Message("user", "你好"),)
    assert parse_conversation("") == (Message("user", ""),)


def test_turns_of_every_role_as_dicts_or_messages():
    turns = [
        {"role": "system", "content": "be brief"},
        Message("user", "hello"),
        {"role": "assistant", "content": "", "name": "ignored"},
        {"role": "tool", "content": "42"},
    ]
    before = copy.deepcopy(turns)
    messages = parse_conversation(turns)
    assert [(m.role, m.content) for m in messages] == [
        ("system", "be brief"),
        ("user", "hello"),
        ("assistant", ""),
        ("tool", "42"),
    ]
    assert turns == before
    assert messages[1] is turns[1]
    assert parse_conversation(tuple(messages)) == messages
    assert parse_conversation([m.as_dict() for m in messages]) == messages


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        ([], "at least one message"),
        ((), "at least one message"),
        (None, "got None"),
        ({"role": "user", "content": "x"}, "expected a list"),
        (3, "expected a list"),
        (iter([]), "expected a list"),
        (["hello"], "message 0: expected a dict, got 'hello'"),
        ([None], "message 0"),
        ([{"role": "user", "content": "x"}, {"role": "usr", "content": "x"}], "message 1"),
        ([{"content": "x"}], "got None"),
        ([{"role": None, "content": "x"}], "got None"),
        ([{"role": "User", "content": "x"}], "did you mean 'user'?"),
        ([{"role": ["user"], "content": "x"}], "expected a role out of system, user"),
        ([{"role": "user"}], "message 0 (user): expected content as a string, got None"),
        ([{"role": "user", "content": None}], "got None"),
        ([{"role": "user", "content": [{"type": "text"}]}], "expected content as a string"),
        ([{"role": "user", "content": b"x"}], "expected content as a string"),
    ],
)
def test_what_no_model_can_answer_is_refused_with_its_place(conversation: Any, said: str):
    with pytest.raises(InvalidConversation) as caught:
        parse_conversation(conversation)
    assert said in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_request_has_messages_or_a_prompt():
    messages = (Message("user", "hello"),)
    assert ChatRequest(messages).prompt is None
    assert ChatRequest(prompt="").prompt == ""
    with pytest.raises(InvalidConversation, match="got neither"):
        ChatRequest()
    with pytest.raises(InvalidConversation, match="got both"):
        ChatRequest(messages, prompt="hello")


def test_requests_have_ids_of_their_own_and_travel():
    one, two = ChatRequest(prompt="x"), ChatRequest(prompt="x")
    assert one.request_id != two.request_id
    request = ChatRequest(
        prompt="x",
        params=GenerationParams(seed=3),
        constraint=ChoiceConstraint(options=("a",)),
        request_id="r",
    )
    assert pickle.loads(pickle.dumps(request)) == request


def test_usage_adds_up():
    assert Usage(1, 2, 3) + Usage(10, 20, 30) == Usage(11, 22, 33)
    assert sum((Usage(1, 1), Usage(2, 2)), Usage()) == Usage(3, 3)


def test_speed_is_that_of_decoding():
    assert Timing(1.0, 3.0).tokens_per_second(Usage(100, 11)) == 5.0
    assert Timing(1.0, 1.0).tokens_per_second(Usage(1, 1)) == 0.0
    assert Timing().tokens_per_second(Usage()) == 0.0


def test_a_reply_is_as_likely_as_its_tokens_together():
    tokens = (TokenLogprob(1, "a", -0.5), TokenLogprob(2, "b", -1.5, (("c", -0.1),)))
    reply = ChatReply("ab", "stop", Usage(), Timing(), "m", "r", tokens)
    assert reply.cumulative_logprob == -2.0
    assert ChatReply("ab", "stop", Usage(), Timing(), "m", "r").cumulative_logprob == 0
    assert pickle.loads(pickle.dumps(reply)) == reply


def test_what_a_model_says_of_itself_in_the_references_form():
    meta = ModelMeta("llama_cpp", 4096, ("llama",), parameters=7)
    assert meta.as_dict() == {
        "backend": "llama_cpp",
        "max_model_len": 4096,
        "architectures": ["llama"],
        "model_deploy_type": "proprietary",
        "support_stream": True,
        "support_chat_template": True,
        "embedding_mode": False,
        "message_format": True,
        "parameters": 7,
    }
