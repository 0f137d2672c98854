"""Templates: the texts that users of the reference rely on."""

from typing import Any

import pytest

from runtime import InvalidConversation, InvalidParameter, Message, Template, Templates
from runtime.templates import DEFAULT_SYSTEM, check_role_mapping, render, template_named

HELLO = [Message("user", "你好")]
TALK = [
    Message("system", "Be brief."),
    Message("user", "Hi"),
    Message("assistant", "Hello!"),
    Message("user", "Who are you?"),
]
NAMES = [
    "deepseek_code_chat",
    "deepseek_code_completion",
    "deepseek_code_insertion",
    "default",
    "empty",
    "llama",
    "qwen",
    "yi",
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", "User:你好\nAssistant:"),
        ("empty", "你好\n"),
        ("qwen", "<|im_start|>user\n你好\n<|im_end|>\n<|im_start|>assistant\n"),
        ("yi", "<|im_start|>user\n你好\n<|im_end|>\n<|im_start|>assistant\n"),
        ("llama", "<s>[INST] 你好 [/INST]\n"),
        ("deepseek_code_chat", "### Instruction:\n你好\n### Response:\n"),
    ],
)
def test_one_users_turn(name: str, expected: str):
    assert template_named(name).render(HELLO) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", "Be brief.\nUser:Hi\nAssistant:Hello!\nUser:Who are you?\nAssistant:"),
        ("empty", "Be brief.\nHi\nHello!\nWho are you?\n"),
        (
            "qwen",
            "<|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nHi\n<|im_end|>\n"
            "<|im_start|>assistant\nHello!\n<|im_end|>\n"
            "<|im_start|>user\nWho are you?\n<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        (
            "llama",
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n[/INST]</s>\n"
            "<s>[INST] Hi [/INST]\n Hello! </s>\n<s>[INST] Who are you? [/INST]\n",
        ),
        (
            "deepseek_code_chat",
            "Be brief.\n### Instruction:\nHi\n### Response:\nHello!\n<|EOT|>\n"
            "### Instruction:\nWho are you?\n### Response:\n",
        ),
    ],
)
def test_a_talk_of_several_turns(name: str, expected: str):
    assert template_named(name).render(TALK) == expected


def test_after_an_assistants_turn_nothing_is_opened():
    assert Templates.default().render(TALK[:3]) == "Be brief.\nUser:Hi\nAssistant:Hello!"
    assert Templates.qwen().render(TALK[1:3]).endswith("Hello!\n<|im_end|>")


def test_what_a_tool_said_comes_as_a_users_turn():
    talk = [*HELLO, Message("assistant", "calling"), Message("tool", "42")]
    assert Templates.default().render(talk).endswith("Assistant:calling\nUser:42\nAssistant:")


def test_code_is_completed_after_the_system_message():
    code = [Message("system", "def f():"), Message("user", "go on")]
    assert Templates.deepseek_code_completion().render(code) == "def f():\n"


def test_code_is_filled_in_at_the_hole():
    template = Templates.deepseek_code_insertion()
    code = [Message("system", "a = <｜fim▁hole｜>\nb = 2"), Message("user", "")]
    assert template.render(code) == ("<｜fim▁begin｜>a = <｜fim▁hole｜>\nb = 2<｜fim▁end｜>\n")
    with pytest.raises(InvalidConversation, match="fim▁hole"):
        template.render([Message("system", "a = 1"), Message("user", "")])


@pytest.mark.parametrize(
    ("name", "text", "cleaned"),
    [
        ("qwen", "Hello!<|im_end|>\n<|im_start|>user", "Hello!"),
        ("qwen", "Hello!<|endoftext|>x", "Hello!"),
        ("yi", "a<|im_start|>b<|im_end|>c", "a"),
        ("llama", "Hello! </s> more", "Hello! "),
        ("deepseek_code_chat", "x = 1\n<|EOT|>", "x = 1\n"),
        ("default", "Hello!</s>", "Hello!</s>"),
        ("qwen", "nothing to cut", "nothing to cut"),
    ],
)
def test_replies_are_cut_at_the_models_stop_tokens(name: str, text: str, cleaned: str):
    assert template_named(name).clean_func(text) == cleaned


def test_stop_tokens_go_to_the_generation():
    assert Templates.qwen().generation_config == {
        "generation.stop_token_ids": [151643, 151645],
        "generation.repetition_penalty": 1.1,
    }
    assert Templates.yi().generation_config == {"generation.stop_token_ids": [7]}
    assert Templates.deepseek_code_chat().generation_config == {
        "generation.stop_token_ids": [32021]
    }
    assert Templates.default().generation_config == {}


def test_templates_are_found_by_name():
    for name in NAMES:
        found, made = template_named(name), getattr(Templates, name)()
        assert found.role_mapping.keys() == made.role_mapping.keys()
        assert found.generation_config == made.generation_config
        assert found.render([Message("assistant", "x")]) == made.render([Message("assistant", "x")])
        check_role_mapping(found.role_mapping)
    for name in ("qwenn", "__init__", "_chatml", ""):
        with pytest.raises(InvalidParameter) as caught:
            template_named(name)
        assert all(known in str(caught.value) for known in NAMES)
    with pytest.raises(InvalidParameter, match="did you mean 'qwen'"):
        template_named("qwenn")


def test_templates_are_made_anew_so_that_callers_cannot_spoil_each_others():
    assert Templates.qwen().generation_config is not Templates.qwen().generation_config


# --- role mappings --------------------------------------------------------------------------


def test_a_mapping_of_ones_own():
    mapping = {
        "user_role": "Q: ",
        "assistant_role": "A: ",
        "system_msg": "[{system_msg}|{system_msg}]",
    }
    assert render(mapping, TALK) == (
        "[Be brief.|Be brief.]\nQ: Hi\nA: Hello!\nQ: Who are you?\nA: "
    )
    assert Template(mapping).render(TALK) == render(mapping, TALK)


def test_functions_write_the_turns_where_there_are_any():
    def shout(prefix: str, content: str) -> str:
        return f"{prefix}{content.upper()}!"

    mapping = {
        "user_role": "U ",
        "assistant_role": "B ",
        "user_role_func": shout,
        "system_msg": "S",
        "system_msg_func": lambda text, content: "",
    }
    assert render(mapping, TALK) == "U HI!\nB Hello!\nU WHO ARE YOU?!\nB "


def test_an_empty_mapping_renders_the_texts():
    assert render({}, HELLO) == "你好\n"


def test_a_system_text_without_a_place_for_the_message_stands_as_it_is():
    assert render({"system_msg": DEFAULT_SYSTEM}, TALK[:1]) == f"{DEFAULT_SYSTEM}\n"


@pytest.mark.parametrize(
    "mapping",
    [
        {"usr_role": "User:"},
        {"user_role": None},
        {"user_role": len},
        {"user_role_func": "User:"},
        {"system_msg_func": None},
        {"assistant_role": 3},
    ],
)
def test_a_mapping_with_something_that_nothing_reads_is_refused(mapping: dict[str, Any]):
    with pytest.raises(InvalidParameter) as caught:
        check_role_mapping(mapping)
    assert f"role_mapping[{next(iter(mapping))!r}]" in caught.value.message


def test_a_complete_mapping_is_fine():
    check_role_mapping({})
    check_role_mapping(
        {"user_role": "", "assistant_role": "", "system_msg": "", "user_role_func": str.join}
    )
