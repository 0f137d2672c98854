"""Prompt templates: how a conversation becomes one text, where the model's own is not used.

The names and the texts they render are those that users of the reference rely on; a model's own
chat template (``"auto"``) is applied by its backend instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.chat import Message
from runtime.errors import InvalidConversation, InvalidParameter, nearest
from structured.errors import shorten

ROLE_KEYS = (
    "user_role",
    "assistant_role",
    "system_msg",
    "user_role_func",
    "assistant_role_func",
    "system_msg_func",
)
DEFAULT_SYSTEM = (
    "You are a helpful assistant. Think it over and answer the user question correctly."
)
FormatFunc = Callable[..., str]


def _as_is(text: str) -> str:
    return text


@dataclass(frozen=True)
class Template:
    """How a model's prompts are written and its replies cleaned.

    ``role_mapping`` holds ``user_role`` and ``assistant_role`` (put before each turn's text),
    ``system_msg`` (the system turn; ``{system_msg}`` in it stands for the message), and
    optionally ``user_role_func``, ``assistant_role_func``, ``system_msg_func``: functions of
    (the mapping's text, the message) that write the turn instead.
    """

    role_mapping: Mapping[str, Any]
    generation_config: Mapping[str, Any] = field(default_factory=dict)
    clean_func: Callable[[str], str] = _as_is
    function_calling_format_func: FormatFunc | None = None
    response_class_format_func: FormatFunc | None = None
    response_class_format_after_chat_func: FormatFunc | None = None

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt of a conversation; the assistant's turn is opened after the user's."""
        return render(self.role_mapping, messages)


def check_role_mapping(mapping: Mapping[str, Any]) -> None:
    """Refuse a mapping with a key that nothing reads.

    Raises:
        InvalidParameter
    """
    for key, value in mapping.items():
        if key not in ROLE_KEYS:
            raise InvalidParameter(
                f"role_mapping[{key!r}]", value, f"a key out of {', '.join(ROLE_KEYS)}"
            )
        expected = "a function" if key.endswith("_func") else "a string"
        if not (callable(value) if key.endswith("_func") else isinstance(value, str)):
            raise InvalidParameter(f"role_mapping[{key!r}]", value, expected)


def render(mapping: Mapping[str, Any], messages: Sequence[Message]) -> str:
    """A conversation under a role mapping: the turns, joined by newlines."""
    assistant = mapping.get("assistant_role", "")
    pieces = [turn for message in messages if (turn := _turn(mapping, message))]
    if messages[-1].role != "assistant":
        pieces.append(assistant)
    return "\n".join(pieces)


def _turn(mapping: Mapping[str, Any], message: Message) -> str:
    key = {"system": "system_msg", "assistant": "assistant_role"}.get(message.role, "user_role")
    text = mapping.get(key, "")
    write = mapping.get(f"{key}_func")
    if write is not None:
        return str(write(text, message.content))
    if key == "system_msg":
        return text.replace("{system_msg}", message.content) if text else message.content
    return f"{text}{message.content}"


def _cut_at(*stops: str) -> Callable[[str], str]:
    def clean(text: str) -> str:
        for stop in stops:
            text = text.split(stop, 1)[0]
        return text

    return clean


def _with_end(prefix: str, end: str) -> Callable[[str, str], str]:
    def write(_: str, content: str) -> str:
        return f"{prefix}{content}{end}"

    return write


def _chatml(stop_token_ids: list[int], repetition_penalty: float | None) -> Template:
    generation: dict[str, Any] = {"generation.stop_token_ids": stop_token_ids}
    if repetition_penalty is not None:
        generation["generation.repetition_penalty"] = repetition_penalty
    return Template(
        role_mapping={
            "user_role": "<|im_start|>user\n",
            "assistant_role": "<|im_start|>assistant\n",
            "system_msg": "<|im_start|>system\n{system_msg}<|im_end|>",
            "user_role_func": _with_end("<|im_start|>user\n", "\n<|im_end|>"),
            "assistant_role_func": _with_end("<|im_start|>assistant\n", "\n<|im_end|>"),
        },
        generation_config=generation,
        clean_func=_cut_at("<|im_end|>", "<|endoftext|>", "<|im_start|>"),
    )


def _only_system(_: str, content: str) -> str:
    return ""


def _insertion(text: str, content: str) -> str:
    hole = "<｜fim▁hole｜>"
    if hole not in content:
        raise InvalidConversation(
            f"the system message must mark the place to fill with {hole}, got {shorten(content)}"
        )
    return text.replace("{system_msg}", content)


class Templates:
    """The reference's templates."""

    @staticmethod
    def default() -> Template:
        """``User:…`` / ``Assistant:…``."""
        return Template({"user_role": "User:", "assistant_role": "Assistant:", "system_msg": ""})

    @staticmethod
    def empty() -> Template:
        """The messages' texts and nothing else."""
        return Template({"user_role": "", "assistant_role": "", "system_msg": ""})

    @staticmethod
    def qwen() -> Template:
        """ChatML with Qwen's stop tokens."""
        return _chatml([151643, 151645], 1.1)

    @staticmethod
    def yi() -> Template:
        """ChatML with Yi's stop token."""
        return _chatml([7], None)

    @staticmethod
    def llama() -> Template:
        """Llama 2's ``[INST]``."""
        return Template(
            {
                "user_role": "",
                "assistant_role": "",
                "system_msg": "<s>[INST] <<SYS>>\n{system_msg}\n<</SYS>>\n[/INST]</s>",
                "user_role_func": _with_end("<s>[INST] ", " [/INST]"),
                "assistant_role_func": _with_end(" ", " </s>"),
            },
            clean_func=_cut_at("</s>"),
        )

    @staticmethod
    def deepseek_code_chat() -> Template:
        """DeepSeek Coder's instruction format."""
        return Template(
            {
                "user_role": "### Instruction:\n",
                "assistant_role": "### Response:\n",
                "system_msg": "{system_msg}",
                "assistant_role_func": _with_end("### Response:\n", "\n<|EOT|>"),
            },
            generation_config={"generation.stop_token_ids": [32021]},
            clean_func=_cut_at("<|EOT|>"),
        )

    @staticmethod
    def deepseek_code_insertion() -> Template:
        """DeepSeek Coder's fill-in-the-middle: the system message is code with a hole."""
        return Template(
            {
                "user_role": "",
                "assistant_role": "",
                "system_msg": "<｜fim▁begin｜>{system_msg}<｜fim▁end｜>",
                "system_msg_func": _insertion,
                "user_role_func": _only_system,
                "assistant_role_func": _only_system,
            }
        )

    @staticmethod
    def deepseek_code_completion() -> Template:
        """DeepSeek Coder's completion: the system message is the code to go on from."""
        return Template(
            {
                "user_role": "",
                "assistant_role": "",
                "system_msg": "{system_msg}",
                "user_role_func": _only_system,
                "assistant_role_func": _only_system,
            }
        )


def template_named(name: str) -> Template:
    """The template of :class:`Templates` with this name.

    Raises:
        InvalidParameter: There is none.
    """
    known = sorted(n for n in vars(Templates) if not n.startswith("_"))
    if name not in known:
        raise InvalidParameter(
            "template", name, f"'auto' or one of {', '.join(known)}; {nearest(name, known)}"
        )
    template: Template = getattr(Templates, name)()
    return template
