"""How to generate: the parameters of one request, and the reference's names for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from runtime.errors import FeatureNotAvailable, InvalidParameter, UnknownParameter
from structured.errors import shorten


@dataclass(frozen=True, slots=True)
class GenerationParams:
    """Sampling and length of one request. ``None`` leaves the choice to the backend."""

    max_output_tokens: int | None = None
    """``None``: until the model stops or its context is full."""
    temperature: float = 0.1
    """0 is greedy."""
    top_p: float = 0.95
    top_k: int | None = None
    """Keep the ``top_k`` likeliest tokens; ``None`` or -1 keeps all."""
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    """The reply ends before any of these strings."""
    stop_token_ids: tuple[int, ...] = ()
    """The reply ends before any of these tokens."""
    ignore_eos: bool = False
    seed: int | None = None
    logprobs: int | None = None
    """Report each token's log probability and those of this many likeliest tokens."""
    best_of: int = 1
    """Generate this many replies and return the likeliest."""
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidParameter(name, value, f"a number from {low:g} to {high:g}")
        if "" in self.stop:
            raise InvalidParameter("stop", self.stop, "strings that are not empty")

    def but(self, **changes: Any) -> GenerationParams:
        """A copy with some fields changed."""
        return replace(self, **changes)


_INF = float("inf")
_RANGES = (
    ("max_output_tokens", 1, _INF),
    ("temperature", 0, 100),
    ("top_p", 0, 1),
    ("top_k", -1, _INF),
    ("min_p", 0, 1),
    ("repetition_penalty", 0.01, 100),
    ("presence_penalty", -100, 100),
    ("frequency_penalty", -100, 100),
    ("seed", -1, 2**63 - 1),
    ("logprobs", 0, 100),
    ("best_of", 1, 100),
    ("timeout_s", 0, _INF),
)


def _integer(key: str, value: object) -> int:
    if isinstance(value, (int, str, float)) and not isinstance(value, bool):
        try:
            number = int(value)
        except (ValueError, OverflowError):
            pass
        else:
            if not isinstance(value, float) or value == number:
                return number
    raise InvalidParameter(key, value, "a whole number")


def _number(key: str, value: object) -> float:
    if isinstance(value, (int, str, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            pass
        else:
            if number == number:  # not NaN
                return number
    raise InvalidParameter(key, value, "a number")


def boolean(key: str, value: object) -> bool:
    """``True``, ``"true"``, ``1`` … as a bool; values come as strings from SQL.

    Raises:
        InvalidParameter: Neither true nor false.
    """
    match str(value).strip().lower():
        case "true" | "1" | "yes":
            return True
        case "false" | "0" | "no" | "":
            return False
    raise InvalidParameter(key, value, "true or false")


def _optional_integer(key: str, value: object) -> int | None:
    return None if value is None or value == "" else _integer(key, value)


def _optional_number(key: str, value: object) -> float | None:
    return None if value is None or value == "" else _number(key, value)


def _seed(key: str, value: object) -> int | None:
    seed = _optional_integer(key, value)
    return None if seed == -1 else seed


def _strings(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise InvalidParameter(key, value, "a string or a list of strings")


def _comma_strings(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part for part in value.split(",") if part)
    return _strings(key, value)


def _token_ids(key: str, value: object) -> tuple[int, ...]:
    if isinstance(value, str):
        value = [part for part in value.strip("[] ").split(",") if part.strip()]
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if isinstance(value, (list, tuple)):
        return tuple(_integer(key, item) for item in value)
    raise InvalidParameter(key, value, "a list of token ids, or '1,2'")


_PARSERS: dict[str, tuple[str, Callable[[str, object], Any]]] = {
    "max_length": ("max_output_tokens", _optional_integer),
    "max_tokens": ("max_output_tokens", _optional_integer),
    "max_new_tokens": ("max_output_tokens", _optional_integer),
    "max_output_tokens": ("max_output_tokens", _optional_integer),
    "temperature": ("temperature", _number),
    "top_p": ("top_p", _number),
    "top_k": ("top_k", _optional_integer),
    "min_p": ("min_p", _number),
    "repetition_penalty": ("repetition_penalty", _number),
    "presence_penalty": ("presence_penalty", _number),
    "frequency_penalty": ("frequency_penalty", _number),
    "stop": ("stop", _strings),
    "stopping_sequences": ("stop", _comma_strings),
    "stop_token_ids": ("stop_token_ids", _token_ids),
    "ignore_eos": ("ignore_eos", boolean),
    "seed": ("seed", _seed),
    "logprobs": ("logprobs", _optional_integer),
    "best_of": ("best_of", _integer),
    "timeout_s": ("timeout_s", _optional_number),
}
_LATER = {"image": "image input"}
_REQUEST_KEYS = ("request_id", "abort")
_PREFIXES = ("generation.", "gen.")

PARAMETER_NAMES: frozenset[str] = frozenset(_PARSERS) | frozenset(_REQUEST_KEYS)
"""Every key that :func:`parse_generation` takes, without prefix."""


@dataclass(frozen=True, slots=True)
class ParsedGeneration:
    """What a caller's dict of parameters comes to."""

    params: GenerationParams
    request_id: str | None = None
    abort: bool = False
    """Stop the running request ``request_id`` instead of making one."""


def parse_generation(
    config: Mapping[str, Any], base: GenerationParams | None = None
) -> ParsedGeneration:
    """Read the reference's ``llm_config`` keys: bare, or under ``gen.`` / ``generation.``.

    Values may be strings. Keys override ``base``; when two spellings of one parameter are given,
    the later one wins.

    Raises:
        UnknownParameter: A key that nothing reads.
        InvalidParameter: A value that cannot be read, or is out of range.
    """
    changes: dict[str, Any] = {}
    request_id, abort = None, False
    for key, value in config.items():
        name = bare_key(key)
        if name in _LATER:
            raise FeatureNotAvailable(f"{_LATER[name]} ({key!r})")
        if name == "request_id":
            request_id = str(value)
        elif name == "abort":
            abort = boolean(key, value)
        elif name in _PARSERS:
            field_name, parse = _PARSERS[name]
            changes[field_name] = parse(key, value)
        else:
            raise UnknownParameter(key, PARAMETER_NAMES, where="generation")
    params = base or GenerationParams()
    return ParsedGeneration(params.but(**changes) if changes else params, request_id, abort)


def bare_key(key: str) -> str:
    """``gen.top_k`` and ``generation.top_k`` → ``top_k``."""
    if not isinstance(key, str):
        raise InvalidParameter(shorten(key), key, "a string as the parameter's name")
    for prefix in _PREFIXES:
        if key.startswith(prefix):
            return key.removeprefix(prefix)
    return key


def changed_fields(params: GenerationParams) -> dict[str, Any]:
    """The fields of ``params`` that differ from the defaults."""
    default = GenerationParams()
    return {
        field.name: getattr(params, field.name)
        for field in fields(params)
        if getattr(params, field.name) != getattr(default, field.name)
    }
