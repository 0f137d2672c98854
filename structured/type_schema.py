"""JSON Schemas of types: pydantic's, without noise, and as strict as validation is.

pydantic's schemas promise less and more than its validators keep. A model that decodes under such
a schema writes values that fail. So the rules of the validators stand in the schema, and those
that no keyword can state are listed under ``x-rules``: engines report them as left to the
validator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import core_schema

from structured.json_schema import RULES, JsonSchema
from structured.spelled_out import DATE, DATETIMES, DECIMAL, DURATION, TIMES, UUIDS, WHOLE

_KEYS = {
    "integer": f"^-?{WHOLE}$",
    "number": rf"^-?{WHOLE}(?:\.[0-9]+)?(?:e[+-]?[0-9]{{1,3}})?$",
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
        return _temporal(super().time_schema(schema), TIMES.get(str(zone), TIMES[""]), schema)

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchema:
        """A date and time, with or without a zone as the type says."""
        pattern = DATETIMES.get(str(schema.get("tz_constraint", "")), DATETIMES[""])
        return _temporal(super().datetime_schema(schema), pattern, schema)

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchema:
        """A duration, such as ``P1DT2H30M`` or ``-PT0.5S``."""
        return _temporal(super().timedelta_schema(schema), DURATION, schema)

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchema:
        """A UUID, of the version that the type asks for."""
        return {**super().uuid_schema(schema), "pattern": UUIDS[schema.get("version")]}

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
    whole, fraction = WHOLE, r"(?:\.[0-9]+)?(?:E[+-]?[0-9]{1,3})?"
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
