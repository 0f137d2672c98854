"""Random signatures: a call through the contract is the call itself."""

import datetime as dt
import enum
import inspect
import json
from typing import Annotated, Any, Literal

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from structured.tool import ToolSchema


class Item(BaseModel):
    name: str
    count: int = 1


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


TYPES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**53), 2**53),
    str: st.text(max_size=5),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    dt.date: st.dates(),
    Color: st.sampled_from(Color),
    Item: st.builds(Item, name=st.text(max_size=3), count=st.integers(0, 9)),
    Literal["a", "b"]: st.sampled_from("ab"),
    list[int]: st.lists(st.integers(0, 9), max_size=3),
    dict[str, bool]: st.dictionaries(st.text(max_size=2), st.booleans(), max_size=2),
    tuple[int, str]: st.tuples(st.integers(0, 9), st.text(max_size=2)),
    int | None: st.none() | st.integers(0, 9),
    Annotated[str, "text"]: st.text(max_size=3),
}
NAMES = ["a", "b", "c", "_d", "schema", "json", "copy", "model_config", "时间"]
P = inspect.Parameter


@st.composite
def signatures(draw: st.DrawFn) -> inspect.Signature:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    kinds = sorted(
        draw(st.lists(st.sampled_from([P.POSITIONAL_ONLY, P.POSITIONAL_OR_KEYWORD, P.KEYWORD_ONLY]),
                      min_size=len(names), max_size=len(names)))
    )  # fmt: skip
    parameters, defaulted = [], False
    for name, kind in zip(names, kinds, strict=True):
        type_ = draw(st.sampled_from(list(TYPES)))
        has_default = draw(st.booleans()) or (defaulted and kind != P.KEYWORD_ONLY)
        defaulted |= has_default
        default = draw(TYPES[type_]) if has_default else P.empty
        parameters.append(P(name, kind, annotation=type_, default=default))
    if draw(st.booleans()):
        place = sum(kind != P.KEYWORD_ONLY for kind in kinds)
        type_ = draw(st.sampled_from(list(TYPES)))
        parameters.insert(place, P("rest", P.VAR_POSITIONAL, annotation=type_))
    if draw(st.booleans()):
        type_ = draw(st.sampled_from(list(TYPES)))
        parameters.append(P("more", P.VAR_KEYWORD, annotation=type_))
    return inspect.Signature(parameters)


def function_of(signature: inspect.Signature) -> Any:
    """A real function of that signature, which returns what it was called with."""
    scope: dict[str, Any] = {}
    parameters = []
    for parameter in signature.parameters.values():
        default: Any = parameter.default
        if default is not P.empty:
            scope[f"default_{parameter.name}"] = default
            default = Named(f"default_{parameter.name}")
        parameters.append(parameter.replace(annotation=P.empty, default=default))
    text = str(signature.replace(parameters=parameters))
    exec(f"def tool{text}:\n    return dict(locals())", scope)
    tool = scope["tool"]
    tool.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return tool


class Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def as_json(type_: Any, value: Any) -> Any:
    return TypeAdapter(type_).dump_python(value, mode="json")


@given(signatures(), st.data())
def test_a_call_through_the_contract_is_the_call_itself(signature, data):
    tool = function_of(signature)
    schema = ToolSchema.of(tool)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    parameters = list(signature.parameters.values())
    # Python itself cannot reach *rest past an argument that is left to its default.
    rest = any(p.kind == P.VAR_POSITIONAL for p in parameters) and data.draw(st.booleans())
    for parameter in parameters:
        name, kind, type_ = parameter.name, parameter.kind, parameter.annotation
        if kind == P.VAR_POSITIONAL:
            if rest:
                values = data.draw(st.lists(TYPES[type_], max_size=3))
                args += values
                arguments[name] = [as_json(type_, value) for value in values]
            continue
        if kind == P.VAR_KEYWORD:
            keys = st.sampled_from(["x", "y z", "rest", "tool"])
            more = data.draw(st.dictionaries(keys, TYPES[type_]))
            kwargs |= more
            arguments[name] = {key: as_json(type_, value) for key, value in more.items()}
            continue
        positional = kind == P.POSITIONAL_ONLY or (rest and kind == P.POSITIONAL_OR_KEYWORD)
        given_ = parameter.default is P.empty or data.draw(st.booleans())
        value = data.draw(TYPES[type_]) if given_ else parameter.default
        if given_:
            arguments[name] = as_json(type_, value)
        if positional:
            args.append(value)
        elif given_:
            kwargs[name] = value
    expected = tool(*args, **kwargs)
    before = json.dumps(arguments)
    jsonschema.Draft202012Validator(schema.parameters).validate(arguments)
    assert schema.call(before) == expected
    assert schema.call(arguments) == expected
    assert json.dumps(arguments) == before
    required = {p.name for p in parameters if p.default is P.empty and p.kind < P.VAR_POSITIONAL}
    required |= {p.name for p in parameters if p.default is P.empty and p.kind == P.KEYWORD_ONLY}
    assert set(schema.parameters["required"]) == required
    assert list(schema.parameters["properties"]) == [p.name for p in parameters]
