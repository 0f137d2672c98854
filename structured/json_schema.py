"""JSON Schemas for models: pydantic's, without noise, closed, and as strict as validation is.

pydantic's schemas promise less and more than its validators keep: ``format: date-time`` lets a
leap second through, which they refuse, and demands a time zone, which they do not; the keys of a
``dict[int, str]`` may be any text. A model that decodes under such a schema writes values that
fail. So the rules of the validators stand in the schema as patterns, and those that no pattern
can state are listed under ``x-rules``: engines report them as left to the validator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import core_schema

JsonSchema = dict[str, Any]

# Where a JSON Schema (any draft from 4 to 2020-12) holds further schemas.
_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS = (
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
)


RULES = "x-rules"
"""Keyword: what validation checks beyond the other keywords, as texts that a model can read."""

_WHOLE = "(?:0|[1-9][0-9]*)"
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"  # 0001 to 9999
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_HEX = "[0-9a-fA-F]"
_CALENDAR = "(?:[0-9]{1,5}[YMWD]){1,4}"
_SECONDS = r"[0-9]{1,5}(?:\.[0-9]{1,6})?S"
_CLOCK = f"T(?:(?:[0-9]{{1,5}}[HM]){{1,2}}(?:{_SECONDS})?|{_SECONDS})"

DATE = f"^{_DATE}$"
DURATION = f"^-?P(?:{_CALENDAR}(?:{_CLOCK})?|{_CLOCK})$"
"""ISO 8601, with a sign and fractions of seconds, shorter than 100,000 years."""
_TIMES, _DATETIMES = (
    {
        "": f"^{start}{_ZONE}?$",  # with or without a zone
        "aware": f"^{start}{_ZONE}$",
        "naive": f"^{start}$",
    }
    for start in (_TIME, f"{_DATE}T{_TIME}")
)
_UUIDS: dict[int | None, str] = {
    version: f"^{_HEX}{{8}}-{_HEX}{{4}}-{middle}{_HEX}{{3}}-{_HEX}{{12}}$"
    for version, middle in [
        (None, f"{_HEX}{{4}}-{_HEX}"),
        *((number, f"{number}{_HEX}{{3}}-[89abAB]") for number in range(1, 9)),
    ]
}
SPELLED_OUT = frozenset([DATE, DURATION, *_TIMES.values(), *_DATETIMES.values(), *_UUIDS.values()])
"""Patterns that say all of what pydantic takes. The ``format`` beside them is for readers: taken
at its word, it would forbid a ``datetime`` without a zone and a negative ``timedelta``."""

_AS_FORMATTED = frozenset([DATE, _TIMES["aware"], _DATETIMES["aware"], *_UUIDS.values()])


def as_formatted(pattern: str) -> bool:
    """Whether a pattern that spells a type out forbids all that its ``format`` does."""
    return pattern in _AS_FORMATTED


DECIMAL = "decimal"
"""Our format of decimals; the ``pattern`` beside it says all of it."""

_KEYS = {
    "integer": f"^-?{_WHOLE}$",
    "number": rf"^-?{_WHOLE}(?:\.[0-9]+)?(?:e[+-]?[0-9]{{1,3}})?$",
    "boolean": "^(?:true|false)$",
}
"""How a dict's keys of another JSON type are written as text."""
_JSON_SCALARS = (str, int, float, NoneType)
_NOT_RULES = ("type", "title", "description")
_BOUNDS = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))


class SchemaGenerator(GenerateJsonSchema):
    """pydantic's generator without titles that only repeat a field's name.

    A default that JSON cannot carry is left out of the schema without a warning: validation
    still applies it, and a schema has no way to show it.
    """

    _class: Mapping[str, Any] = MappingProxyType({})

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title made from the field's name tells a model nothing."""
        return False

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Stay silent about defaults that JSON cannot carry."""
        if kind != "non-serializable-default":
            super().emit_warning(kind, detail)

    def generate_inner(self, schema: Any) -> JsonSchema:
        """As pydantic does, but for terms of outlines, whose own schemas say too little."""
        from structured.outlines_types import is_term, schema_in_class

        for function in schema.get("metadata", {}).get("pydantic_js_functions", ()):
            if is_term(term := getattr(function, "__self__", None)):
                return schema_in_class(term)
        return super().generate_inner(schema)

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchema:
        """A decimal as a JSON string of digits: exact, where a JSON number passes through a float.

        Validation takes numbers too.
        """
        pattern, rules = _decimal(schema)
        found: JsonSchema = {"type": "string", "format": DECIMAL, "pattern": pattern}
        return _ruled(found, rules + _bounds(schema, said=[">= 0"]))

    def date_schema(self, schema: core_schema.DateSchema) -> JsonSchema:
        """A date that there is."""
        return _temporal(super().date_schema(schema), DATE, schema)

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchema:
        """A time of day, with or without a zone as the type says."""
        zone = schema.get("tz_constraint", "")
        return _temporal(super().time_schema(schema), _TIMES.get(str(zone), _TIMES[""]), schema)

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchema:
        """A date and time, with or without a zone as the type says."""
        pattern = _DATETIMES.get(str(schema.get("tz_constraint", "")), _DATETIMES[""])
        return _temporal(super().datetime_schema(schema), pattern, schema)

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchema:
        """A duration, such as ``P1DT2H30M`` or ``-PT0.5S``."""
        return _temporal(super().timedelta_schema(schema), DURATION, schema)

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchema:
        """A UUID, of the version that the type asks for."""
        return {**super().uuid_schema(schema), "pattern": _UUIDS[schema.get("version")]}

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchema:
        """A text; lengths hold after white space is stripped, where the type strips it."""
        found = super().str_schema(schema)
        least: int = found.get("minLength", 0)
        strips = schema.get("strip_whitespace", self._class.get("str_strip_whitespace"))
        if not strips or not (least or "pattern" in found):
            return found
        if "pattern" in found:
            return _ruled(found, ["no white space around the text"])
        inner = rf"\S[\s\S]{{{least - 2},}}\S" if least > 1 else r"\S"
        return {**found, "pattern": inner}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchema:
        """A number; JSON has numbers (1e999) that are infinite as a float."""
        found = super().float_schema(schema)
        low, high = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
        bounded = all(any(key in found for key in keys) for keys in (low, high))
        endless = schema.get("allow_inf_nan", self._class.get("allow_inf_nan", True))
        return found if endless or bounded else _ruled(found, ["a finite number"])

    def complex_schema(self, schema: core_schema.ComplexSchema) -> JsonSchema:
        """A complex number as Python writes it."""
        return _ruled(super().complex_schema(schema), ["a complex number, such as 1+2j"])

    def json_schema(self, schema: core_schema.JsonSchema) -> JsonSchema:
        """JSON inside a JSON string."""
        return _ruled(super().json_schema(schema), ["JSON text"])

    def url_schema(self, schema: core_schema.UrlSchema) -> JsonSchema:
        """A URL: RFC 3986's URIs are many more than what validation takes."""
        return _ruled(super().url_schema(schema), ["a valid URL"])

    def multi_host_url_schema(self, schema: core_schema.MultiHostUrlSchema) -> JsonSchema:
        """A URL of several hosts."""
        return _ruled(super().multi_host_url_schema(schema), ["a valid URL"])

    def generator_schema(self, schema: core_schema.GeneratorSchema) -> JsonSchema:
        """None: pydantic checks an iterator's items only when somebody reads them."""
        return self.handle_invalid_for_json_schema(schema, "an iterator (use a list)")

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchema:
        """The values, which must be such as JSON can give back: no tuples, no dates."""
        values = [member.value for member in schema["members"]]
        if "missing" not in schema and not all(isinstance(v, _JSON_SCALARS) for v in values):
            return self.handle_invalid_for_json_schema(schema, f"an Enum with values {values}")
        return super().enum_schema(schema)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchema:
        """An object whose keys are the texts of the dict's keys."""
        return self._with_keys(super().dict_schema(schema), schema)

    def ordered_dict_schema(self, schema: core_schema.OrderedDictSchema) -> JsonSchema:
        """As a dict."""
        return self._with_keys(super().ordered_dict_schema(schema), schema)

    def counter_schema(self, schema: core_schema.CounterSchema) -> JsonSchema:
        """As a dict."""
        return self._with_keys(super().counter_schema(schema), schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchema:
        """A class's object."""
        with self._under(schema):
            return super().model_schema(schema)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchema:
        """A dataclass's object."""
        with self._under(schema):
            return super().dataclass_schema(schema)

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchema:
        """A ``TypedDict``'s object."""
        with self._under(schema):
            return super().typed_dict_schema(schema)

    @contextlib.contextmanager
    def _under(self, schema: Any) -> Iterator[None]:
        """Inside a class: its configuration says what its fields do not."""
        outer, self._class = self._class, {**schema.get("config", {})}
        try:
            yield
        finally:
            self._class = outer

    def _with_keys(self, found: JsonSchema, schema: Any) -> JsonSchema:
        if "keys_schema" not in schema:
            return found
        names = self.generate_inner(schema["keys_schema"])
        kind = names.get("type")
        facts = {keyword: value for keyword, value in names.items() if keyword not in _NOT_RULES}
        if "patternProperties" in found:  # it would leave keys that do not match free
            (found["additionalProperties"],) = found.pop("patternProperties").values()
            found["propertyNames"] = facts
        elif kind in _KEYS:
            rules = facts.pop(RULES, []) + [f"keys: {key} {value}" for key, value in facts.items()]
            found["propertyNames"] = _ruled({"pattern": _KEYS[kind]}, rules)
        elif "propertyNames" not in found and (facts or kind not in ("string", None)):
            found["propertyNames"] = _ruled({}, ["keys as the type writes them"])
        return found


def _ruled(schema: JsonSchema, rules: list[str]) -> JsonSchema:
    return {**schema, RULES: rules} if rules else schema


def _bounds(schema: Any, said: Sequence[str] = ()) -> list[str]:
    """The bounds of a value that is written as text, but those that its pattern says."""
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS if schema.get(key) is not None]
    return [bound for bound in bounds if bound not in said]


def _temporal(found: JsonSchema, pattern: str, schema: Any) -> JsonSchema:
    if found.get("type") != "string":  # a class may choose numbers
        return found
    rules = _bounds(schema)
    if "now_op" in schema:
        rules.append(f"in the {schema['now_op']}")
    if isinstance(schema.get("tz_constraint"), int):
        rules.append(f"{schema['tz_constraint']} seconds from UTC")
    return _ruled({**found, "pattern": pattern}, rules)


def _decimal(schema: core_schema.DecimalSchema) -> tuple[str, list[str]]:
    """The pattern of a decimal, and the rules beside its bounds that it does not say."""
    digits, places = schema.get("max_digits"), schema.get("decimal_places")
    least = [bound for bound in (schema.get("ge"), schema.get("gt")) if bound is not None]
    signed = all(bound < 0 for bound in least)
    rules = []
    if schema.get("multiple_of") is not None:
        rules.append(f"a multiple of {schema['multiple_of']}")
    whole, fraction = _WHOLE, r"(?:\.[0-9]+)?(?:E[+-]?[0-9]{1,3})?"
    if digits is not None:
        before = digits if places is None else max(0, digits - places)
        whole = f"(?:0|[1-9][0-9]{{0,{before - 1}}})" if before else "0"
        places = digits if places is None else min(digits, places)
        if before and before + places > digits:
            rules.append(f"at most {digits} digits")
    if places is not None:
        fraction = rf"\.[0-9]{{1,{places}}}" if places else ""
        fraction = fraction if whole == "0" else f"(?:{fraction})?"
    return f"^{'-?' if signed else ''}{whole}{fraction}$", rules


def subschemas(schema: JsonSchema) -> Iterator[tuple[tuple[str | int, ...], JsonSchema]]:
    """Every object schema in ``schema``, itself first, each with its location.

    Only places that hold schemas are walked: a ``default`` or an ``examples`` entry that
    happens to look like a schema is data.
    """
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    while stack:
        location, node = stack.pop()
        if not isinstance(node, dict):
            continue
        yield location, node
        for key in _SCHEMA_MAPS:
            if isinstance(node.get(key), dict):
                stack += [((*location, key, name), child) for name, child in node[key].items()]
        for key in _SCHEMA_LISTS:
            if isinstance(node.get(key), list):
                stack += [((*location, key, i), child) for i, child in enumerate(node[key])]
        for key in _SCHEMAS:
            child = node.get(key)
            if isinstance(child, list):  # draft 4's tuple form of items
                stack += [((*location, key, i), grandchild) for i, grandchild in enumerate(child)]
            elif child is not None:
                stack.append(((*location, key), child))


def mapped(schema: JsonSchema, change: Callable[[JsonSchema], JsonSchema]) -> JsonSchema:
    """A copy of ``schema`` with ``change`` applied to a shallow copy of each subschema."""
    result = change(dict(schema))
    for key in _SCHEMA_MAPS:
        if isinstance(result.get(key), dict):
            result[key] = {name: _mapped(child, change) for name, child in result[key].items()}
    for key in _SCHEMA_LISTS:
        if isinstance(result.get(key), list):
            result[key] = [_mapped(child, change) for child in result[key]]
    for key in _SCHEMAS:
        child = result.get(key)
        if isinstance(child, list):
            result[key] = [_mapped(grandchild, change) for grandchild in child]
        elif isinstance(child, dict):
            result[key] = _mapped(child, change)
    return result


def _mapped(child: Any, change: Callable[[JsonSchema], JsonSchema]) -> Any:
    return mapped(child, change) if isinstance(child, dict) else child


def closed(schema: JsonSchema) -> JsonSchema:
    """``schema`` with ``additionalProperties: false`` on objects that list their properties.

    pydantic ignores unknown keys by default, so its schemas leave objects open; a model that
    decodes under an open object may write any key it likes. A class that wants extra keys
    says so (``extra="allow"``) and keeps them.
    """

    def close(node: JsonSchema) -> JsonSchema:
        if "properties" in node and "additionalProperties" not in node:
            node["additionalProperties"] = False
        return node

    return mapped(schema, close)


def resolved(root: Any, schema: Any) -> Any:
    """``schema``, or what its ``$ref`` stands for: a place in ``root``; ``None`` for no place."""
    seen = set()
    while isinstance(schema, dict) and "$ref" in schema:
        reference = schema["$ref"]
        if not isinstance(reference, str) or reference in seen:
            return None
        seen.add(reference)
        schema = pointed(root, reference)
    return schema


def pointed(root: Any, reference: str) -> Any:
    """What ``#/…`` points at in ``root``, ``None`` when there is nothing there."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node = root
    for step in reference.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or step not in node:
            return None
        node = node[step]
    return node
