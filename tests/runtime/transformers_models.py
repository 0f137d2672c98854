"""Models for the tests of the transformers backend: tiny random ones, and the quickstart."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from runtime.backends.transformers import open_transformers
from runtime.backends.transformers.model import TransformersModel
from runtime.chat import ChatReply, ChatRequest, Message
from runtime.deployment import DeploymentSpec
from runtime.generation import GenerationParams
from runtime.store import NullProgress, ResolvedModel

SPECIAL = ("<|end|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
    "<|user|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_tokenizer(*, template: str | None = TEMPLATE, **more: Any) -> Any:
    """One token per byte (0 to 255), then ``SPECIAL``."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(list(SPECIAL))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|end|>", chat_template=template, **more
    )


def tiny_folder(folder: Path, *, config: Any = None, tokenizer: Any = None) -> Path:
    """A folder with a random model of some 100 000 weights."""
    torch.manual_seed(0)
    config = config or tiny_config("LlamaConfig", num_key_value_heads=2)
    model = transformers.AutoModelForCausalLM.from_config(config)
    model.generation_config.eos_token_id = 256
    model.save_pretrained(folder)
    (tokenizer or byte_tokenizer()).save_pretrained(folder)
    return folder


def tiny_config(kind: str, **more: Any) -> Any:
    """A configuration of some class, as small as it gets."""
    return getattr(transformers, kind)(
        **{
            "vocab_size": 264,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 512,
            "initializer_range": 0.4,
            "bos_token_id": None,
            "eos_token_id": 256,
            "pad_token_id": 256,
        }
        | more
    )


def open_folder(folder: Path, name: str = "tiny", **spec: Any) -> TransformersModel:
    """A model folder, deployed."""
    model = open_transformers(
        DeploymentSpec(name, str(folder), **spec), ResolvedModel(folder.name, folder, "hf")
    )
    assert isinstance(model, TransformersModel)
    return model


def open_gguf(file: Path, name: str = "quickstart", **spec: Any) -> TransformersModel:
    """A GGUF file, converted and deployed."""
    model = open_transformers(
        DeploymentSpec(name, str(file), **spec),
        ResolvedModel(file.stem, file, "gguf"),
        progress=NullProgress(),
    )
    assert isinstance(model, TransformersModel)
    return model


def ask(text: str, *, constraint: Any = None, temperature: float = 0, **params: Any) -> ChatRequest:
    """A user's question, greedy unless said otherwise."""
    return ChatRequest(
        messages=(Message("user", text),),
        params=GenerationParams(temperature=temperature, **params),
        constraint=constraint,
    )


def go_on(
    text: str, *, constraint: Any = None, temperature: float = 0, **params: Any
) -> ChatRequest:
    """A text to go on from, greedy unless said otherwise."""
    return ChatRequest(
        prompt=text,
        params=GenerationParams(temperature=temperature, **params),
        constraint=constraint,
    )


def together(model: TransformersModel, requests: Iterable[ChatRequest]) -> list[ChatReply]:
    """All requests at once, each from a thread of its own; their replies in order."""
    requests = list(requests)
    replies: list[Any] = [None] * len(requests)

    def generate(i: int) -> None:
        try:
            replies[i] = model.generate(requests[i])
        except Exception as error:  # noqa: BLE001 - a reply like others
            replies[i] = error

    threads = [threading.Thread(target=generate, args=(i,)) for i in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a request hangs"
    return replies


def reference(model: TransformersModel, request: ChatRequest, *, tokens: int) -> list[int]:
    """The tokens that transformers' own ``generate`` goes on with, greedily."""
    codec, forward = inside(model)._codec, inside(model)._scheduler._forward
    prompt = codec.prompt_ids(request)
    with torch.inference_mode():
        ids = forward.model.generate(
            torch.tensor([prompt]),
            do_sample=False,
            max_new_tokens=tokens,
            eos_token_id=sorted(codec.end),
            pad_token_id=min(codec.end),
        )
    found: list[int] = ids[0, len(prompt) :].tolist()
    return found


def tokens_of(reply: ChatReply) -> list[int]:
    """The token ids of a reply that was asked for with log probabilities."""
    return [token.token_id for token in reply.logprobs]


def inside(model: TransformersModel) -> Any:
    """The model without its types, for a look at private parts."""
    return model


def edit_json(file: Path, **changes: Any) -> None:
    """Change keys of a JSON file; ``None`` removes one."""
    data = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))
