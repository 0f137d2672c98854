"""JSON Schemas of types: pydantic's, without noise, and as strict as validation is.

pydantic's schemas promise less and more than its validators keep. A model that decodes under such
a schema writes values that fail. So the rules of the validators stand in the schema, and those
that no keyword can state are listed under ``x-rules``: engines report them as left to the
validator.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind, WithJsonSchema
from pydantic_core import core_schema

from structured.aliases import Path, nested, path_of
from structured.json_schema import RULES, JsonSchema, resolved, subschemas
from structured.spelled_out import (
    BASE64,
    BASE64_URL,
    DATE,
    DATETIMES,
    DECIMAL,
    DURATION,
    HEX_BYTES,
    TIMES,
    UUIDS,
    WHOLE,
)

_KEYS = {
    "integer": f"^-?{WHOLE}$",
    "number": rf"^-?{WHOLE}(?:\.[0-9]+)?(?:e[+-]?[0-9]{{1,3}})?$",
    "boolean": "^(?:true|false)$",
}
"""How a dict's keys of another JSON type are written as text."""
_JSON_SCALARS = (str, int, float, NoneType)
_NOT_RULES = ("type", "title", "description")
_BASE64 = {"base64": BASE64, "base64url": BASE64_URL}
_CHECKED_FORMATS = {
    "email": "a valid e-mail address",
    "name-email": "an e-mail address, perhaps with a name",
    "ipv4network": "a valid IPv4 network",
    "ipv6network": "a valid IPv6 network",
    "ipv4interface": "a valid IPv4 interface",
    "ipv6interface": "a valid IPv6 interface",
    "ipvanyaddress": "a valid IP address",
    "ipvanynetwork": "a valid IP network",
    "ipvanyinterface": "a valid IP interface",
    "fraction": "a finite fraction, such as 3/4",
    "regex": "a valid regular expression",
    "file-path": "a file that exists",
    "directory-path": "a directory that exists",
    "socket-path": "a socket that exists",
}
"""Formats of pydantic's types, which its validators know better than any grammar."""
_CHECKED_BY = {
    "ByteSize._validate": "a size such as 10 MB",
    "EncodedStr.decode_str": "an encoded text",
    "PathType.validate_new": "a path of something new in a directory that exists",
    "import_string": "something that Python can import",
}
"""Validators of pydantic's own that refuse what their type's schema allows."""
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

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchema:
        """As pydantic does; what tells the classes of a union apart must be there."""
        found = super().generate(schema, mode)
        for _, node in subschemas(found):
            name = node.get("discriminator", {}).get("propertyName")
            for option in node.get("oneOf", ()) if name else ():
                _require(found, option, name)
        return found

    def generate_inner(self, schema: Any) -> JsonSchema:
        """As pydantic does, with the rules that it leaves unsaid.

        Terms of outlines, whose own schemas say too little, are spelled by us.
        """
        from structured.outlines_types import is_term, schema_in_class

        rules = []
        noted = schema.get("metadata", {})
        for function in (
            *noted.get("pydantic_js_functions", ()),
            *noted.get("pydantic_js_annotation_functions", ()),
        ):
            if is_term(term := getattr(function, "__self__", None)):
                return schema_in_class(term)
            if isinstance(term, WithJsonSchema):
                rules.append("what the type takes, whose schema its author wrote")
        found = _ruled(super().generate_inner(schema), rules)
        if schema.get("type") == "function-plain" and RULES not in found:
            found = _checked(found, schema)  # a class's own schema has replaced ours
        named = found.get("format")
        if named in _BASE64 and "pattern" not in found:
            found = {**found, "pattern": _BASE64[named]}
        if named in _CHECKED_FORMATS and RULES not in found:
            found = _ruled(found, [_CHECKED_FORMATS[named]])
        return found

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
        # As text whatever the class's serialisation says: validation takes it, and it is exact.
        return _temporal({"type": "string", "format": "duration"}, DURATION, schema)

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchema:
        """A UUID, of the version that the type asks for."""
        return {**super().uuid_schema(schema), "pattern": UUIDS[schema.get("version")]}

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchema:
        """Bytes as their class wants them in JSON: text in UTF-8, base64 or hexadecimal digits.

        Lengths are counted in bytes.
        """
        form = self._class.get("val_json_bytes", "utf8")
        least, most = schema.get("min_length") or 0, schema.get("max_length")
        found: JsonSchema = {"type": "string", "format": "binary"}
        if form == "base64":
            found = {"type": "string", "format": "base64url", "pattern": BASE64_URL}
            low, high = -(-least // 3) * 4, None if most is None else -(-most // 3) * 4
        elif form == "hex":
            found = {"type": "string", "pattern": HEX_BYTES}
            low, high = least * 2, None if most is None else most * 2
        else:
            low, high = -(-least // 4), most  # at most four bytes in a character
        found |= {"minLength": low} if low else {}
        found |= {"maxLength": high} if high is not None else {}
        rules = [f"at least {least} bytes"] if least > 1 and form != "hex" else []
        rules += [f"at most {most} bytes"] if most is not None and form != "hex" else []
        return _ruled(found, rules)

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

    def fraction_schema(self, schema: Any) -> JsonSchema:
        """A fraction: a number, or text such as 3/4."""
        inherited: JsonSchema = super().fraction_schema(schema)
        return _ruled(inherited, ["a finite fraction, such as 3/4"])

    def is_subclass_schema(self, schema: core_schema.IsSubclassSchema) -> JsonSchema:
        """None: JSON has no classes."""
        return self.handle_invalid_for_json_schema(schema, "a class")

    def chain_schema(self, schema: core_schema.ChainSchema) -> JsonSchema:
        """What the first step takes; the others have their say."""
        classes = [step["cls"] for step in schema["steps"] if step["type"] == "is-instance"]
        rules = [f"what Python takes for {getattr(cls, '__name__', cls)}" for cls in classes]
        return _ruled(super().chain_schema(schema), rules)

    def function_after_schema(self, schema: Any) -> JsonSchema:
        """What is validated before the function has its say."""
        return _checked(super().function_after_schema(schema), schema)

    def function_before_schema(self, schema: Any) -> JsonSchema:
        """What is validated after the function has had its say."""
        return _checked(super().function_before_schema(schema), schema)

    def function_wrap_schema(self, schema: Any) -> JsonSchema:
        """What is validated inside the function."""
        return _checked(super().function_wrap_schema(schema), schema)

    def function_plain_schema(self, schema: Any) -> JsonSchema:
        """What the function says that it takes."""
        return _checked(super().function_plain_schema(schema), schema)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchema:
        """Classes that are told apart by a field, or by a function."""
        found = super().tagged_union_schema(schema)
        tell = schema["discriminator"]
        named = isinstance(tell, (str, list))
        return found if named else _ruled(found, [f"told apart by {_name_of(tell)}"])

    def generator_schema(self, schema: core_schema.GeneratorSchema) -> JsonSchema:
        """None: pydantic checks an iterator's items only when somebody reads them."""
        return self.handle_invalid_for_json_schema(schema, "an iterator (use a list)")

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchema:
        """The values, which must be such as JSON can give back: no tuples, no dates."""
        values = [member.value for member in schema["members"]]
        if "missing" not in schema and not all(isinstance(v, _JSON_SCALARS) for v in values):
            return self.handle_invalid_for_json_schema(schema, f"an Enum with values {values}")
        found = super().enum_schema(schema)
        if issubclass(schema["cls"], enum.Flag):
            found = _flags(found, values)
        return found

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

    def model_fields_schema(self, schema: Any) -> JsonSchema:
        """A class's fields, each where it is read from."""
        fields, paths = self._placed(schema["fields"])
        placed: Any = {**schema, "fields": fields}
        return nested(super().model_fields_schema(placed), paths)

    def dataclass_args_schema(self, schema: Any) -> JsonSchema:
        """A dataclass's fields, but those that its constructor does not take."""
        named = {field["name"]: field for field in schema["fields"] if field.get("init", True)}
        fields, paths = self._placed(named)
        placed: Any = {**schema, "fields": [*fields.values()]}
        return nested(super().dataclass_args_schema(placed), paths)

    def _placed(self, fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Path]]:
        """Fields under keys of one name each, and the path that each key stands for."""
        placed, paths = {}, {}
        for name, field in fields.items():
            alias = field.get("validation_alias")
            if self._class.get("validate_by_alias") is False:
                alias = None
            path = path_of(alias, name)
            by_name = self._class.get("validate_by_name", self._class.get("populate_by_name"))
            if len(path) > 1 and by_name:
                path = (name,)
            key = path[0] if len(path) == 1 else "\0".join(map(str, path))
            placed[name] = {**field, "validation_alias": key}
            paths[str(key)] = path
        return placed, paths

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
        listed = self.resolve_ref_schema(names)
        values = [listed["const"]] if "const" in listed else listed.get("enum", ())
        if not all(isinstance(value, str) for value in values):
            texts = [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
            found.pop("patternProperties", None)
            names = {"enum": texts, RULES: ["keys as the type writes them"]}
            return {**found, "propertyNames": names}
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
    every = [*schema.get(RULES, ()), *rules]
    return {**schema, RULES: every} if every else schema


def _checked(found: JsonSchema, schema: Any) -> JsonSchema:
    """A schema with the name of the function that has its say about the values.

    Ours say what they check in the schema; of pydantic's own, most refuse nothing more.
    """
    function = schema["function"]["function"]
    while isinstance(function, functools.partial):
        function = function.func
    module, name = (getattr(function, key, "") for key in ("__module__", "__qualname__"))
    package = str(module).partition(".")[0]
    if package in ("pydantic", "pydantic_core"):
        rules = [_CHECKED_BY[name]] if name in _CHECKED_BY else []
    elif package == "structured":
        rules = []
    else:
        rules = [f"checked by {_name_of(function)}"]
    return _ruled(found, rules)


def _name_of(function: Any) -> str:
    name = str(getattr(function, "__name__", ""))
    return name if name.isidentifier() else "a validator"


def _require(root: JsonSchema, option: Any, name: str) -> None:
    """Make a property required in an alternative of a union, and in those inside it."""
    option = resolved(root, option)
    if not isinstance(option, dict):
        return
    for inner in (*option.get("oneOf", ()), *option.get("anyOf", ())):
        _require(root, inner, name)
    required = option.get("required", [])
    if name in option.get("properties", {}) and name not in required:
        option["required"] = [key for key in option["properties"] if key in (*required, name)]


_MOST_FLAGS = 6


def _flags(found: JsonSchema, values: list[int]) -> JsonSchema:
    """The values of a ``Flag``, which are those of its members together, too."""
    every = functools.reduce(int.__or__, values, 0)
    if len(values) <= _MOST_FLAGS:
        sums = [functools.reduce(int.__or__, some, 0) for some in _subsets(values)]
        return {**found, "enum": sorted(set(sums))}
    bare = {key: value for key, value in found.items() if key != "enum"}
    rules = [] if every == (1 << every.bit_length()) - 1 else ["flags that there are"]
    return _ruled({**bare, "type": "integer", "minimum": 0, "maximum": every}, rules)


def _subsets(values: list[int]) -> Iterator[tuple[int, ...]]:
    for count in range(len(values) + 1):
        yield from itertools.combinations(values, count)


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
