"""Calls of tools as text: the grammar a decoder obeys, the schema it equals, and the reader.

The three agree: whatever the grammar of a :class:`ToolCallConstraint` lets through, the reader
reads. The reader takes a few other spellings besides, because a provider's model is under no
grammar: see :func:`read_tool_reply`.
"""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from structured.constraint import Reasoning, ToolCallConstraint
from structured.errors import ValidationFailed, Violation, shorten
from structured.json_schema import JsonSchema, mapped, subschemas
from structured.lark_text import literal

CONTRACT = "call of a tool"
_ANSWER = {"type": "string", "minLength": 1}


# -- for decoders ----------------------------------------------------------------------------


def lark_of_tool_calls(constraint: ToolCallConstraint, rule: Callable[[str], str]) -> str:
    """The constraint as a Lark grammar (llguidance's dialect).

    A tool is recognised by its literal beginning, so that of a hundred tools only those whose
    names are still possible cost anything while a name is decoded.

    Args:
        constraint: The tools and the choices.
        rule: Writes the right-hand side of a rule for a JSON Schema, given as text.
    """
    rules: list[str] = []
    choices = []
    if constraint.max_calls:
        choices.append(_many(constraint, rules) if constraint.max_calls > 1 else "call")
        rules += _call_rules(constraint, rule)
    if constraint.allow_answer:
        rules += [f"answer: {literal(_ANSWER_BEGIN)} text " + literal("}")]
        rules += [f"text: {rule(json.dumps(_ANSWER))}"]
        choices.append("answer")
    start = ["start: reply"]
    if (reasoning := constraint.reasoning) is not None:
        start = [f"start: thought{'' if reasoning.required else '?'} reply"]
        rules += _thought_rules(reasoning)
    return "\n".join([*start, f"reply: {' | '.join(choices)}", *rules])


_ANSWER_BEGIN = '{"answer": '


def _many(constraint: ToolCallConstraint, rules: list[str]) -> str:
    more = f"{{{constraint.min_calls - 1},{constraint.max_calls - 1}}}"
    rules.append(f'calls: "[" call (", " call){more} "]"')
    return "calls"


def _call_rules(constraint: ToolCallConstraint, rule: Callable[[str], str]) -> Iterator[str]:
    yield "call: " + " | ".join(f"call_{i}" for i in range(len(constraint.tools)))
    rule_of: dict[str, str] = {}
    for i, tool in enumerate(constraint.tools):
        name = json.dumps(tool.name, ensure_ascii=False)
        arguments = rule_of.get(tool.parameters_text)
        if arguments is None:
            arguments = rule_of[tool.parameters_text] = f"args_{i}"
            yield f"{arguments}: {rule(tool.parameters_text)}"
        begin, end = literal(f'{{"name": {name}, "arguments": '), literal("}")
        yield f"call_{i}: {begin} {arguments} {end}"


def _thought_rules(reasoning: Reasoning) -> Iterator[str]:
    bound = "*" if reasoning.max_characters is None else f"{{0,{reasoning.max_characters}}}"
    # Lazy: the first end tag ends the section, whatever stands around it.
    pattern = f"{_escaped(reasoning.begin)}(?s:.{bound}){_escaped(reasoning.end)}"
    yield "thought: thinking /\\n{0,2}/"
    yield f"thinking[lazy]: /{pattern}/"


def _escaped(text: str) -> str:
    """``text`` in a regular expression between slashes, as itself."""
    return "".join(c if c.isalnum() or c in "<>_ " else f"\\x{{{ord(c):x}}}" for c in text)


def tool_call_schema(constraint: ToolCallConstraint) -> JsonSchema:
    """The JSON Schema of the constraint's replies, for decoders that take nothing else.

    What a schema cannot say is left out: the reasoning section before the JSON.
    """
    definitions: JsonSchema = {}
    calls = []
    for i, tool in enumerate(constraint.tools):
        arguments = _moved(json.loads(tool.parameters_text), f"args_{i}", definitions)
        calls.append(_record(name={"const": tool.name}, arguments=arguments))
    choices: list[JsonSchema] = []
    if constraint.max_calls > 1:
        counts = {"minItems": constraint.min_calls, "maxItems": constraint.max_calls}
        choices.append({"type": "array", "items": _any_of(calls), **counts})
    elif constraint.max_calls:
        choices += calls
    if constraint.allow_answer:
        choices.append(_record(answer=dict(_ANSWER)))
    return _any_of(choices) | ({"$defs": definitions} if definitions else {})


def _any_of(choices: list[JsonSchema]) -> JsonSchema:
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _record(**properties: Any) -> JsonSchema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _moved(schema: Any, name: str, definitions: JsonSchema) -> Any:
    """``schema`` as a part of another; with local references it becomes a definition there."""
    if not isinstance(schema, dict) or not any(_is_local(node) for _, node in subschemas(schema)):
        return schema
    place = f"#/$defs/{name}"

    def move(node: JsonSchema) -> JsonSchema:
        return node | {"$ref": place + node["$ref"][1:]} if _is_local(node) else node

    definitions[name] = mapped(schema, move)
    return {"$ref": place}


def _is_local(node: JsonSchema) -> bool:
    reference = node.get("$ref")
    return isinstance(reference, str) and (reference == "#" or reference.startswith("#/"))


# -- for readers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CalledTool:
    """One call as a model wrote it: the name is known, the arguments are an object."""

    name: str
    arguments: dict[str, Any]
    path: str = "$"
    """Where the call stands in the reply."""


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a reply under a :class:`ToolCallConstraint` says."""

    calls: tuple[CalledTool, ...] = ()
    answer: str = ""
    """The plain answer; ``""`` where there are calls."""
    reasoning: str = ""
    """What stood between the tags, without the white space around it."""


def read_tool_reply(text: str, constraint: ToolCallConstraint) -> ToolReply:
    """A reply's text as what it says. Arguments are not looked into: tools check their own.

    Read besides the forms that the grammar knows: one call where a list is asked for and the
    reverse, OpenAI's ``{"tool_calls":[{"function":{…}}]}`` with arguments as objects or as JSON
    text, a fenced block around the whole, a ``<think>`` section that nobody asked for.

    Raises:
        ValidationFailed: Not such a reply: no JSON, a tool that does not exist, too many or too
            few calls, an answer where a call is wanted, a required section that is missing.
    """
    reasoning, rest = _split(text, constraint.reasoning)
    found: list[Violation] = []
    data = _parsed(_unfenced(rest), text)
    if constraint.allow_answer and _is_answer(data):
        return ToolReply(answer=data["answer"], reasoning=reasoning)
    calls = [_call(item, path, constraint, found) for path, item in _items(data, found)]
    low, high = constraint.min_calls, constraint.max_calls
    if not found and not low <= len(calls) <= high:
        found.append(Violation("$", _wanted(low, high), _counted(len(calls)), "call_count"))
    if found:
        raise ValidationFailed(CONTRACT, found, text)
    return ToolReply(tuple(filter(None, calls)), reasoning=reasoning)


def _split(text: str, wanted: Reasoning | None) -> tuple[str, str]:
    """The reasoning section's text, and the rest."""
    tags = wanted or Reasoning(required=False)
    stripped = text.lstrip()
    if not stripped.startswith(tags.begin):
        if tags.required:
            message = f"{tags.begin}…{tags.end} before anything else"
            raise _failed(text, "$", message, stripped, "reasoning_missing")
        return "", text
    inside, end, rest = stripped.removeprefix(tags.begin).partition(tags.end)
    if not end:
        message = f"{tags.end} after the reasoning"
        raise _failed(text, "$", message, inside[-40:], "reasoning_unfinished")
    if wanted and wanted.max_characters is not None and len(inside) > wanted.max_characters:
        message = f"at most {wanted.max_characters} characters of reasoning"
        raise _failed(text, "$", message, f"{len(inside)} characters", "reasoning_too_long")
    return inside.strip(), rest


def _unfenced(text: str) -> str:
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped:
        return stripped[3:-3].partition("\n")[2]
    return stripped


def _parsed(text: str, whole: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _failed(whole, "$", f"JSON ({error})", text, "json_invalid") from None


def _is_answer(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("answer"), str) and "name" not in data


def _items(data: Any, found: list[Violation]) -> Iterator[tuple[str, Any]]:
    """Each call of a reply, with its JSON path."""
    if isinstance(data, list):
        yield from ((f"$[{i}]", item) for i, item in enumerate(data))
    elif isinstance(data, dict) and "tool_calls" in data:
        calls = data["tool_calls"]
        if isinstance(calls, list):
            yield from ((f"$.tool_calls[{i}]", item) for i, item in enumerate(calls))
        else:
            found.append(_broken("$.tool_calls", "a list of calls", calls, "list_type"))
    else:
        yield "$", data


def _call(
    item: Any, path: str, constraint: ToolCallConstraint, found: list[Violation]
) -> CalledTool | None:
    if isinstance(item, dict) and "function" in item and "name" not in item:
        item, path = item["function"], f"{path}.function"
    if not isinstance(item, dict):
        found.append(_broken(path, "an object with name and arguments", item, "object_type"))
        return None
    name, arguments = item.get("name"), item.get("arguments")
    if isinstance(arguments, str):  # OpenAI's form
        with contextlib.suppress(ValueError, RecursionError):  # reported below, as what came
            arguments = json.loads(arguments)
    known = [tool.name for tool in constraint.tools]
    if name not in known:
        found.append(_broken(f"{path}.name", _one_of(known, name), name, "unknown_tool"))
    elif not isinstance(arguments, dict):
        found.append(_broken(f"{path}.arguments", "an object", arguments, "object_type"))
    else:
        return CalledTool(name, arguments, path)
    return None


_MAX_LISTED = 30


def _one_of(known: Sequence[str], name: Any) -> str:
    """The tools' names, and the one that ``name`` may have been meant to be."""
    more = "" if len(known) <= _MAX_LISTED else f" and {len(known) - _MAX_LISTED} more"
    message = f"one of {', '.join(known[:_MAX_LISTED])}{more}"
    near = difflib.get_close_matches(name, known, n=1) if isinstance(name, str) else []
    return f"{message} (nearest: {near[0]})" if near else message


def _wanted(low: int, high: int) -> str:
    if not high:
        return "an answer"
    return f"{low} to {high} calls" if low < high else _counted(low)


def _counted(calls: int) -> str:
    return "one call" if calls == 1 else f"{calls} calls"


def _broken(path: str, expected: str, got: object, kind: str) -> Violation:
    return Violation(path, expected, shorten(got), kind)


def _failed(text: str, path: str, expected: str, got: object, kind: str) -> ValidationFailed:
    return ValidationFailed(CONTRACT, [_broken(path, expected, got, kind)], text)
