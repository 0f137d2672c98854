"""BFCL's single-turn cases (PyPI ``bfcl-eval``) as our tools, and its own checker of answers.

Only its data and its AST checker are used, so the package is installed with ``--no-deps``.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from structured import ToolSpec

WITH_ANSWERS = (
    "simple_python",
    "simple_java",
    "simple_javascript",
    "multiple",
    "parallel",
    "parallel_multiple",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
)
"""Every single-turn category that says which calls are right."""
WITHOUT_CALLS = ("irrelevance", "live_irrelevance")
"""Those in which no call is right."""

Call = dict[str, Any]
"""``{"name": …, "arguments": {…}}``."""


@dataclass(frozen=True)
class Case:
    """One question, the functions offered with it, and the answers that are right."""

    id: str
    category: str
    messages: tuple[dict[str, str], ...]
    functions: tuple[dict[str, Any], ...]
    """As BFCL writes them, with its own type names."""
    answers: tuple[dict[str, dict[str, list[Any]]], ...] = ()
    """For each call ``{function: {argument: alternatives}}``; ``""`` among the alternatives
    stands for leaving the argument out."""


def installed() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("bfcl_eval") is not None


@lru_cache
def cases(category: str) -> tuple[Case, ...]:
    """The cases of a category, in the file's order."""
    data = Path(str(importlib.util.find_spec("bfcl_eval").origin)).parent / "data"  # type: ignore[union-attr]
    name = f"BFCL_v4_{category}.json"
    answers = {}
    if category in WITH_ANSWERS:
        answers = {row["id"]: row["ground_truth"] for row in _rows(data / "possible_answer" / name)}
    return tuple(
        Case(
            row["id"],
            category,
            tuple(row["question"][0]),
            tuple(row["function"]),
            tuple(answers.get(row["id"], ())),
        )
        for row in _rows(data / name)
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, path.read_text().splitlines())


# -- functions as tools ----------------------------------------------------------------------


def tools(case: Case) -> list[dict[str, Any]]:
    """The functions of a case as ``{"name", "description", "parameters": JSON Schema}``.

    BFCL writes type names of Python, Java and JavaScript. Here they become JSON Schema's as BFCL
    makes them for models with OpenAI's interface (``GORILLA_TO_OPENAPI`` in its
    ``type_mappings.py``; ``_cast_to_openai_type`` and the language-specific step before it):

    * ``dict`` and ``HashMap`` are objects; ``tuple``, ``Array`` and ``ArrayList`` arrays;
      ``float`` and ``double`` numbers (a ``float``'s format and description say which); ``long``
      an integer; ``any``, ``char`` and whatever is not in its table strings.
    * Every parameter of a Java or JavaScript function is a string that holds source text, and its
      description says of which type.

    What differs, and why:

    * The types are converted at any depth; BFCL stops at the second.
    * An object that lists its properties takes no others, so that an invented argument is wrong
      (unless it requires one that it does not list: parallel_29).
    * Names keep their dots; BFCL makes them ``_``, because OpenAI takes no dots.
    * An ``enum`` beside an array type is about the items. One whose values are not of the type
      beside it (``boolean`` with ``"dontcare"``) could never be met: either of the two will do.
    * A parameter takes its default also where its ``enum`` leaves it out, and ``null`` where that
      is its default.
    """
    return [_tool(function, _language(case.category)) for function in case.functions]


def specs(case: Case) -> tuple[ToolSpec, ...]:
    """:func:`tools` for a constraint."""
    return tuple(
        ToolSpec(name=tool["name"], parameters_text=json.dumps(tool["parameters"]))
        for tool in tools(case)
    )


def _language(category: str) -> str:
    return {"simple_java": "Java", "simple_javascript": "JavaScript"}.get(category, "Python")


def _tool(function: dict[str, Any], language: str) -> dict[str, Any]:
    parameters = deepcopy(function["parameters"])
    if language != "Python":
        for name, schema in parameters["properties"].items():
            parameters["properties"][name] = _source_text(schema, language)
    syntax = {"Java": "Java 8 SDK", "Python": "Python 3"}.get(language, language)
    return {
        "name": function["name"],
        "description": f"{function['description']} Note that the provided function is in {syntax}"
        " syntax.",
        "parameters": _json_schema(parameters | {"type": "dict"}),
    }


def _source_text(schema: dict[str, Any], language: str) -> dict[str, Any]:
    kind = schema["type"]
    about = (
        f"This parameter can be of any type of {language} object in string representation."
        if kind == "any"
        else f"This is {language} {kind} type parameter in string representation."
    )
    if "items" in schema:
        about += f" The list elements are of type {schema['items']['type']}."
    return {"type": "String", "description": f"{schema.get('description', '')} {about}"}


def _json_schema(schema: Any) -> Any:
    from bfcl_eval.constants.type_mappings import GORILLA_TO_OPENAPI

    converted = dict(schema) | {"type": GORILLA_TO_OPENAPI.get(schema.get("type"), "string")}
    if schema.get("type") == "float":
        told = f"{schema.get('description', '')} This is a float type value."
        converted |= {"format": "float", "description": told}
    converted.pop("optional", None)  # BFCL's own word, which JSON Schema has not
    if isinstance(properties := schema.get("properties"), dict):
        converted["properties"] = {name: _json_schema(s) for name, s in properties.items()}
        if set(schema.get("required", ())) <= set(properties):
            converted["additionalProperties"] = False
    if isinstance(schema.get("items"), dict):
        converted["items"] = _json_schema(schema["items"])
    if any(not _is_a(converted["type"], value) for value in schema.get("enum", ())):
        _settle(converted)
    default = schema.get("default", "")
    if default is None or ("enum" in converted and default not in ("", *converted["enum"])):
        return {"anyOf": [converted, {"const": default}], **_said(converted)}
    return converted


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    """What is said of a value, rather than demanded; taken out of ``schema``."""
    return {key: schema.pop(key) for key in ("description", "default") if key in schema}


_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


def _is_a(kind: str, value: Any) -> bool:
    return isinstance(value, _PYTHON.get(kind, object))


def _settle(schema: dict[str, Any]) -> None:
    """Make sense of an ``enum`` whose values are not of the ``type`` beside it."""
    kind, values = schema["type"], schema.pop("enum")
    if kind == "array":
        schema["items"] = {**schema.get("items", {}), "enum": values}
    else:
        del schema["type"]
        schema["anyOf"] = [{"type": kind}, {"enum": values}]


# -- right answers as calls ------------------------------------------------------------------


def right_replies(case: Case, most: int) -> Iterator[list[Call]]:
    """Right answers to a case, each a list of calls: the first alternatives, then others.

    In each reply after the first, one argument of one call has one of its other alternatives;
    together they name every alternative once, up to ``most`` replies.
    """
    first = [_written(case, answer, {}) for answer in case.answers]
    yield first
    others = (
        (i, name, choice)
        for i, answer in enumerate(case.answers)
        for name, alternatives in next(iter(answer.values())).items()
        for choice in range(1, len(_expanded(alternatives)))
    )
    for i, name, choice in itertools.islice(others, most - 1):
        yield [*first[:i], _written(case, case.answers[i], {name: choice}), *first[i + 1 :]]


def _written(case: Case, answer: dict[str, Any], choices: dict[str, int]) -> Call:
    [(function, alternatives_of)] = answer.items()
    declared = next(f for f in case.functions if f["name"] == function)["parameters"]["properties"]
    arguments = {}
    # In the order of the schema, as a decoder writes them.
    for name in dict.fromkeys([*declared, *alternatives_of]):
        values = _expanded(alternatives_of.get(name, []))
        if values and (value := values[choices.get(name, 0)]) != "":
            schema = declared.get(name, {})
            arguments[name] = _source(case, schema, _ordered(value, schema))
    return {"name": function, "arguments": arguments}


def _ordered(value: Any, schema: dict[str, Any]) -> Any:
    """A value with the members of its objects in the order of its schema."""
    if isinstance(value, list):
        return [_ordered(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    names = schema.get("properties", {})
    return {
        name: _ordered(value[name], names.get(name, {}))
        for name in dict.fromkeys([*names, *value])
        if name in value
    }


def _expanded(alternatives: list[Any]) -> list[Any]:
    """The alternatives, those inside objects spelled out by the first of each."""
    values = []
    for value in alternatives:
        if isinstance(value, dict):
            values.append(_first_members(value))
        elif isinstance(value, list):
            values.append([_first_members(v) if isinstance(v, dict) else v for v in value])
        else:
            values.append(value)
    return values


def _first_members(value: dict[str, Any]) -> dict[str, Any]:
    """``{"a": [1, 2], "b": [""], "c": 3}`` → ``{"a": 1, "c": 3}``."""
    firsts = {
        key: member[0] if isinstance(member, list) and member else member
        for key, member in value.items()
    }
    return {key: first for key, first in firsts.items() if first != ""}


def _source(case: Case, declared: dict[str, Any], value: Any) -> Any:
    """A value as what the tool takes: source text for functions that are not Python's."""
    language = _language(case.category)
    if language == "Python" or isinstance(value, str):
        return value
    return _java(value, declared) if language == "Java" else _javascript(value, declared)


def _java(value: Any, declared: dict[str, Any]) -> str:
    kind = declared.get("type")
    if isinstance(value, list):
        # BFCL's parser takes quotes off in lists and leaves them on in arrays.
        bare = kind == "Array"
        items = ", ".join(v if bare and isinstance(v, str) else _java(v, {}) for v in value)
        if kind == "ArrayList":
            return f"new ArrayList<>(Arrays.asList({items}))" if value else "new ArrayList<>()"
        return f"new {declared.get('items', {}).get('type', 'Object')}[]{{{items}}}"
    if isinstance(value, dict):
        puts = " ".join(f'put("{key}", {_java(item, {})});' for key, item in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}"
    suffix = {"long": "L", "float": "f"}.get(str(kind), "")
    return json.dumps(value) + suffix


def _javascript(value: Any, declared: dict[str, Any]) -> str:
    return json.dumps(value) + ("n" if declared.get("type") == "Bigint" else "")


# -- BFCL's own judgement --------------------------------------------------------------------


def judged(case: Case, calls: list[Call]) -> str:
    """What BFCL's AST checker finds wrong with calls: ``""`` when they are right.

    Where no call is right, any call is wrong.
    """
    if case.category in WITHOUT_CALLS:
        return "a call where none is right" if calls else ""
    checker, language = _checker()
    found = checker(
        list(case.functions),
        [{call["name"]: call["arguments"]} for call in calls],
        list(case.answers),
        language[_language(case.category).upper()],
        case.category,
        _US,
    )
    return "" if found["valid"] else f"{found['error_type']}: {found['error']}"


_US = "ours"


@lru_cache
def _checker() -> tuple[Any, Any]:
    """BFCL's checker, without the SDKs of all the models it has figures of.

    The checker looks into that table for one thing only: whether a model's interface has no dots
    in names. Ours has.
    """
    table: Any = ModuleType("bfcl_eval.constants.model_config")
    table.MODEL_CONFIG_MAPPING = {_US: SimpleNamespace(underscore_to_dot=False)}
    sys.modules.setdefault(table.__name__, table)
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    return ast_checker, Language
