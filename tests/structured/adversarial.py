"""Constraints that a hostile, or careless, caller might send: each by name, made when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from structured import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
    ToolCallConstraint,
    ToolSpec,
)

CASES: dict[str, Callable[[], Constraint]] = {}


def constraint(name: str) -> Constraint:
    """The constraint of this name."""
    return CASES[name]()


def _add(name: str, make: Callable[[], Constraint]) -> None:
    assert name not in CASES, name
    CASES[name] = make


def _text(name: str, make: Callable[[], str]) -> None:
    """A schema as text: what no Python value can stand for, and what is deeper than recursion."""
    _add(name, lambda: JsonConstraint(schema_text=make()))


def _schema(name: str, make: Any) -> None:
    """A schema as a value, or as a function that makes one."""
    _text(name, lambda: json.dumps(make() if callable(make) else make))


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _pattern(name: str, pattern: str) -> None:
    """A pattern in a schema, and as a constraint of its own."""
    _schema(f"pattern: {name}", {"type": "string", "pattern": pattern})
    _add(f"regex: {name}", lambda: RegexConstraint(pattern=pattern))


# --- depth ----------------------------------------------------------------------------------


def _nested(opening: str, inside: str, closing: str, depth: int) -> Callable[[], str]:
    return lambda: opening * depth + inside + closing * depth


for depth in (50, 500, 5_000, 50_000):
    for name, opening, closing in (
        ("arrays", '{"type":"array","items":', "}"),
        ("objects", '{"type":"object","properties":{"a":', '},"required":["a"]}'),
        ("open objects", '{"type":"object","additionalProperties":', "}"),
        ("anyOf", '{"anyOf":[{"type":"null"},', "]}"),
        ("allOf", '{"allOf":[', "]}"),
        ("oneOf", '{"oneOf":[{"type":"null"},', "]}"),
        ("not", '{"not":', "}"),
        ("if", '{"if":true,"then":', "}"),
        ("prefixItems", '{"type":"array","prefixItems":[', '],"minItems":1}'),
        ("$defs", '{"$defs":{"a":', '},"type":"null"}'),
    ):
        _text(f"depth {depth}: {name}", _nested(opening, '{"type":"integer"}', closing, depth))
for depth in (900, 100_000):
    _text(f"depth {depth}: const", _nested('{"const":[', '{"const":[', "]}", 1))
    _text(
        f"depth {depth}: a constant list",
        lambda depth=depth: '{"const":' + "[" * depth + "]" * depth + "}",
    )
    _text(f"depth {depth}: brackets only", lambda depth=depth: "[" * depth)
    _add(
        f"depth {depth}: regex groups",
        lambda depth=depth: RegexConstraint(pattern="(" * depth + "a" + ")" * depth),
    )
    _add(
        f"depth {depth}: regex stars",
        lambda depth=depth: RegexConstraint(pattern="(?:" * depth + "a" + ")*" * depth),
    )
    _add(
        f"depth {depth}: Lark parentheses",
        lambda depth=depth: LarkConstraint(grammar="start: " + "(" * depth + '"a"' + ")" * depth),
    )

# --- size -----------------------------------------------------------------------------------

for count in (1_000, 10_000, 100_000):
    _schema(
        f"enum of {count} texts", lambda n=count: {"enum": [f"value number {i}" for i in range(n)]}
    )
    _schema(f"enum of {count} numbers", lambda n=count: {"enum": [i * 7 for i in range(n)]})
    _schema(
        f"{count} properties",
        lambda n=count: {
            "type": "object",
            "properties": {f"p{i}": {"type": "integer"} for i in range(n)},
        },
    )
    _schema(
        f"{count} required properties", lambda n=count: _object(**{f"p{i}": {} for i in range(n)})
    )
    _schema(
        f"anyOf of {count} objects",
        lambda n=count: {"anyOf": [_object(**{f"k{i}": {"type": "string"}}) for i in range(n)]},
    )
    _add(
        f"choice of {count}",
        lambda n=count: ChoiceConstraint(options=tuple(f"option {i} of many" for i in range(n))),
    )
for count in (1_000, 10_000):
    _schema(
        f"oneOf of {count} constants", lambda n=count: {"oneOf": [{"const": i} for i in range(n)]}
    )
    _schema(
        f"oneOf of {count} overlapping ranges",
        lambda n=count: {"oneOf": [{"type": "integer", "minimum": i} for i in range(n)]},
    )
    _schema(
        f"allOf of {count} bounds",
        lambda n=count: {"allOf": [{"type": "integer", "minimum": i} for i in range(n)]},
    )
    _schema(
        f"prefixItems of {count}",
        lambda n=count: {"type": "array", "prefixItems": [{"type": "integer"}] * n},
    )
    _schema(
        f"{count} definitions that are used",
        lambda n=count: {
            "$defs": {f"d{i}": {"type": "integer", "minimum": i} for i in range(n)},
            "anyOf": [{"$ref": f"#/$defs/d{i}"} for i in range(n)],
        },
    )
    _add(
        f"{count} tools",
        lambda n=count: ToolCallConstraint(
            tools=tuple(
                ToolSpec(
                    name=f"tool_{i}", parameters_text=json.dumps(_object(a={"type": "integer"}))
                )
                for i in range(n)
            )
        ),
    )
    _add(
        f"Lark of {count} rules",
        lambda n=count: LarkConstraint(
            grammar="start: "
            + " | ".join(f"r{i}" for i in range(n))
            + "".join(f'\nr{i}: "x{i}" r{(i + 1) % n}?' for i in range(n))
        ),
    )
_schema("enum of long texts", lambda: {"enum": ["x" * 100_000 + str(i) for i in range(20)]})
_schema("enum of equal beginnings", lambda: {"enum": ["a" * i for i in range(1, 2_000)]})
_schema("a name of a megabyte", lambda: _object(**{"n" * 1_000_000: {"type": "integer"}}))
_schema("a description of a megabyte", lambda: {"type": "integer", "description": "d" * 1_000_000})
_schema("a constant of a megabyte", lambda: {"const": "c" * 1_000_000})

# --- products -------------------------------------------------------------------------------


def _either(*names: str) -> dict[str, Any]:
    return {"anyOf": [_object(**{name: {"type": "integer"}}) for name in names]}


for count in (5, 20, 60):
    _schema(
        f"allOf of {count} anyOf",
        lambda n=count: {"allOf": [_either(f"a{i}", f"b{i}") for i in range(n)]},
    )
    _schema(
        f"allOf of {count} oneOf",
        lambda n=count: {
            "allOf": [
                {"oneOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}]} for i in range(n)
            ]
        },
    )
    _schema(
        f"{count} conditions",
        lambda n=count: {
            "allOf": [
                {
                    "if": {"properties": {f"k{i}": {"const": 1}}},
                    "then": {"required": [f"a{i}"]},
                    "else": {"required": [f"b{i}"]},
                }
                for i in range(n)
            ]
        },
    )
    _schema(
        f"{count} doubling definitions",
        lambda n=count: {
            "$defs": {
                f"d{i}": {
                    "type": "array",
                    "prefixItems": [{"$ref": f"#/$defs/d{i + 1}"}] * 2,
                    "minItems": 2,
                }
                for i in range(n)
            }
            | {f"d{n}": {"type": "integer"}},
            "$ref": "#/$defs/d0",
        },
    )
    _schema(
        f"{count} doubling allOf",
        lambda n=count: {
            "$defs": {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(n)}
            | {f"d{n}": {"type": "integer"}},
            "$ref": "#/$defs/d0",
        },
    )
    _schema(
        f"{count} doubling anyOf",
        lambda n=count: {
            "$defs": {
                f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]}
                for i in range(n)
            }
            | {f"d{n}": {"type": "integer"}},
            "$ref": "#/$defs/d0",
        },
    )
    _schema(
        f"{count} overlapping name patterns",
        lambda n=count: {
            "type": "object",
            "patternProperties": {f"^.*{chr(97 + i % 26)}{i}.*$": {"minimum": i} for i in range(n)},
        },
    )
    _schema(
        f"{count} dependencies",
        lambda n=count: {
            "type": "object",
            "properties": {f"p{i}": {"type": "integer"} for i in range(n)},
            "dependentSchemas": {f"p{i}": _either(f"p{i + 1}", f"q{i}") for i in range(n)},
            "dependentRequired": {f"p{i}": [f"p{(i + 1) % n}"] for i in range(n)},
        },
    )
    _schema(
        f"{count} levels of either with either",
        lambda n=count: (
            _levels(
                n,
                lambda inner, i: {
                    "anyOf": [inner, {"minimum": i}],
                    "allOf": [{"anyOf": [inner, {}]}],
                },
            )
            if n < 20
            else {"anyOf": [{"anyOf": [{"const": i}, {"const": -i}]} for i in range(n)]}
        ),
    )


def _levels(count: int, wrap: Callable[[Any, int], Any]) -> Any:
    found: Any = {"type": "integer"}
    for i in range(count):
        found = wrap(found, i)
    return found


_schema(
    "billion laughs",
    lambda: {
        "$defs": {
            f"lol{i}": {
                "type": "array",
                "items": {"$ref": f"#/$defs/lol{i + 1}"},
                "minItems": 10,
                "maxItems": 10,
            }
            for i in range(9)
        }
        | {"lol9": {"const": "lol"}},
        "$ref": "#/$defs/lol0",
    },
)
_schema(
    "billion laughs in texts",
    lambda: {
        "$defs": {f"lol{i}": {"allOf": [{"$ref": f"#/$defs/lol{i + 1}"}] * 10} for i in range(12)}
        | {"lol12": {"type": "string", "pattern": "^(lol){10}$"}},
        "$ref": "#/$defs/lol0",
    },
)

# --- counts ---------------------------------------------------------------------------------

for count in (1_000, 100_000, 2**31, 10**30):
    for low, high, inside in (
        ("minLength", "maxLength", {"type": "string"}),
        ("minItems", "maxItems", {"type": "array", "items": {"type": "integer"}}),
        ("minProperties", "maxProperties", {"type": "object"}),
    ):
        _schema(f"{low} {count}", {**inside, low: count})
        _schema(f"{high} {count}", {**inside, high: count})
        _schema(f"{low} and {high} {count}", {**inside, low: count, high: count})
    _schema(f"integer up to {count}", {"type": "integer", "minimum": -count, "maximum": count + 1})
    _schema(f"multiple of {count}", {"type": "integer", "multipleOf": count})
_schema(
    "counts in counts",
    lambda: _levels(
        8, lambda inner, _: {"type": "array", "items": inner, "minItems": 30, "maxItems": 40}
    ),
)
_schema(
    "long texts in long lists",
    {
        "type": "array",
        "items": {"type": "string", "minLength": 5_000, "maxLength": 9_999},
        "minItems": 5_000,
        "maxItems": 9_999,
    },
)
_schema("unique and long", {"type": "array", "uniqueItems": True, "minItems": 100_000})
_schema("contains many", {"type": "array", "contains": {"const": 1}, "minContains": 10**9})

# --- regular expressions -----------------------------------------------------------------------

for name, pattern in {
    "(a+)+": "^(a+)+$",
    "(a|a)*": "^(a|a)*b$",
    "(a|aa)+": "^(a|aa)+$",
    "(.*a){20}": "^(.*a){20}$",
    "(.*a){200}": "^(.*a){200}$",
    "twentieth from the end": "^(a|b)*a(a|b){20}$",
    "hundredth from the end": "^(a|b)*a(a|b){100}$",
    "thousandth from the end": "^[ab]*a[ab]{1000}$",
    "a{1,100000}": "^a{1,100000}$",
    "counts of counts": "^((a{1,100}){1,100}){1,100}$",
    "counts of counts of counts": "^(((a{1,999}){1,999}){1,999}){1,999}$",
    "many words": "^(" + "|".join(f"word{i}x*" for i in range(2_000)) + ")*$",
    "many optional letters": "^" + "a?" * 500 + "a" * 500 + "$",
    "words somewhere": ".*".join(f"(alpha|beta|gamma{i})" for i in range(40)),
    "classes of everything": r"^(\w|\d|\s|\S|[^a]|\p{L}|\p{Greek}){0,500}$",
    "every letter optional": "^" + "".join(f"({chr(97 + i % 26)}{i})?" for i in range(300)) + "$",
    "look-ahead product": "^" + "".join(f"(?=.*{c})" for c in "abcdefghijklmnop") + ".*$",
    "look-behind": "(?<=a)b(?<!c)",
    "back-reference": r"^(a*)\1\1\1b$",
    "unclosed": "^(((a",
    "upside-down count": "^a{5,2}$",
    "a count beyond 64 bits": "^a{99999999999999999999}$",
    "empty alternatives": "^(|||)*$",
    "star of star": "^(((a*)*)*)*$",
    "nothing": "[^\\s\\S]",
    "a class upside down": "[z-a]",
    "half a surrogate": "^\\ud800$",
    "astral class": "^[\U0001f600-\U0001f64f]{1,1000}$",
    "nul": "^\\x00+$",
    "case-folded": "(?i)^(straße|ſ|K){1,200}$",
    "a megabyte of dots": "^" + "." * 1_000_000 + "$",
    "long alternatives of classes": "^(" + "|".join("[a-z]" * 50 for _ in range(100)) + ")+$",
}.items():
    _pattern(name, pattern)

# --- references ---------------------------------------------------------------------------------

_schema("a reference to itself", {"$ref": "#"})
_schema("a definition that is itself", {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"})
_schema(
    "a ring of references",
    lambda: {
        "$defs": {f"r{i}": {"$ref": f"#/$defs/r{(i + 1) % 1000}"} for i in range(1000)},
        "$ref": "#/$defs/r0",
    },
)
for count in (1_000, 20_000):
    _schema(
        f"a chain of {count} references",
        lambda n=count: {
            "$defs": {f"c{i}": {"$ref": f"#/$defs/c{i + 1}"} for i in range(n)}
            | {f"c{n}": {"type": "integer"}},
            "$ref": "#/$defs/c0",
        },
    )
    _schema(
        f"a chain of {count} objects",
        lambda n=count: {
            "$defs": {f"c{i}": _object(a={"$ref": f"#/$defs/c{i + 1}"}) for i in range(n)}
            | {f"c{n}": {"type": "integer"}},
            "$ref": "#/$defs/c0",
        },
    )
_schema("recursion without an end", _object(child={"$ref": "#"}))
_schema(
    "recursion in two",
    {
        "$defs": {"a": _object(b={"$ref": "#/$defs/b"}), "b": _object(a={"$ref": "#/$defs/a"})},
        "$ref": "#/$defs/a",
    },
)
_schema("recursion in an array", {"type": "array", "items": {"$ref": "#"}, "minItems": 1})
_schema("recursion through anyOf", {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]})
_schema("recursion through anyOf with an end", {"anyOf": [{"$ref": "#"}, {"type": "null"}]})
_schema("recursion through allOf", {"allOf": [{"$ref": "#"}, {"type": "object"}]})
_schema("recursion through oneOf", {"oneOf": [{"$ref": "#"}, {"type": "integer"}]})
_schema("recursion through not", {"not": {"$ref": "#"}})
_schema("recursion through if", {"if": {"$ref": "#"}, "then": {"$ref": "#"}, "else": {"$ref": "#"}})
_schema(
    "recursion that grows",
    {
        "$defs": {
            "t": {
                "allOf": [
                    {"properties": {"c": {"allOf": [{"$ref": "#/$defs/t"}, {"required": ["c"]}]}}},
                    {"minProperties": 1},
                ]
            }
        },
        "$ref": "#/$defs/t",
    },
)
_schema(
    "a tree of trees",
    {
        "$defs": {
            "t": {
                "type": "object",
                "properties": {f"k{i}": {"$ref": "#/$defs/t"} for i in range(50)},
            }
        },
        "$ref": "#/$defs/t",
    },
)
_schema(
    "a dynamic reference",
    {"$dynamicAnchor": "n", "type": "object", "properties": {"c": {"$dynamicRef": "#n"}}},
)
_schema("a reference outside", {"$ref": "https://example.invalid/schema.json"})
_schema("a reference to a file", {"$ref": "file:///etc/passwd"})
_schema("a reference to nothing", {"$ref": "#/$defs/nothing"})
_schema("a reference into a list", {"anyOf": [{"type": "integer"}], "not": {"$ref": "#/anyOf/7"}})
_schema("a reference that is a number", {"$ref": 12})
_schema("a reference of slashes", {"$ref": "#" + "/" * 100_000})
_schema(
    "an identifier that is everywhere",
    {
        "$id": "a",
        "$defs": {f"d{i}": {"$id": "a", "type": "integer"} for i in range(500)},
        "$ref": "a",
    },
)
_schema("a reference with percent signs", {"$ref": "#/%24defs/%7E1%00", "$defs": {"~1\0": {}}})

# --- numbers ------------------------------------------------------------------------------------

for value in (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e-400",
    "-0.0",
    "1" * 4_000,
    "0." + "1" * 4_000,
    "1" * 5_000,
):
    short = value if len(value) < 20 else f"{value[:3]}… ({len(value)} digits)"
    for keyword in ("minimum", "exclusiveMaximum", "multipleOf"):
        _text(f"{keyword} {short}", lambda v=value, k=keyword: f'{{"type":"number","{k}":{v}}}')
    _text(f"const {short}", lambda v=value: f'{{"const":{v}}}')
    _text(f"maxLength {short}", lambda v=value: f'{{"type":"string","maxLength":{v}}}')
for step in (1e-300, 5e-324, 1e300, 0, -1, 0.1 + 0.2, 97 * 89, 2**61 - 1, 1.000000001):
    _schema(f"a multiple of {step!r}", {"type": "number", "multipleOf": step})
    _schema(f"a whole multiple of {step!r}", {"type": "integer", "multipleOf": step, "minimum": 1})
_schema(
    "many multiples",
    {
        "allOf": [
            {"type": "integer", "multipleOf": p}
            for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
        ]
    },
)
_schema(
    "a narrow gap",
    {"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.10000000000000002},
)
_schema("an upside-down range", {"type": "number", "minimum": 2, "maximum": 1})
_schema("a point", {"type": "number", "minimum": 1.5, "maximum": 1.5})
_schema(
    "long bounds", {"type": "number", "minimum": 0.12345678901234567, "maximum": 123456789012345.67}
)

# --- text ---------------------------------------------------------------------------------------

_text("half a surrogate as a constant", lambda: r'{"const":"\ud800"}')
_text(
    "half a surrogate as a name",
    lambda: r'{"type":"object","properties":{"\udfff":{}},"required":["\udfff"]}',
)
_text("halves in the wrong order", lambda: r'{"enum":["\udc00\ud800","a"]}')
_text("half a surrogate in the text itself", lambda: '{"const":"\ud800"}')
_schema(
    "nul as a name",
    {"type": "object", "properties": {"\0": {"type": "integer"}}, "required": ["\0"]},
)
_schema("nul as a constant", {"enum": ["\0", "a\0b"]})
_schema("right-to-left names", _object(**{"\u202eeman": {"type": "integer"}, "\u2066x\u2069": {}}))
_schema(
    "names that look alike", _object(**{"é": {"type": "integer"}, "e\u0301": {"type": "string"}})
)
_schema(
    "names of white space",
    _object(**{"": {}, " ": {}, "\t": {}, "\n": {}, "\u00a0": {}, "\u2028": {}}),
)
_schema(
    "names with quotes",
    _object(**{'"': {}, "\\": {}, '\\"': {}, "\\u0000": {}, "/": {}, "`${x}": {}}),
)
_schema(
    "astral names", lambda: _object(**{chr(0x1F300 + i): {"type": "integer"} for i in range(500)})
)
_schema(
    "names of the grammar",
    _object(**{"start": {}, "%json": {}, "start: /.*/": {}, "\nstart: /a/\n": {}}),
)
_schema("every control character", {"enum": [chr(i) for i in range(0xA0)]})
_schema("no-characters", {"enum": ["\ufffe", "\uffff", "\U0010ffff", "\ufeff"]})
_schema("a lot of combining marks", {"const": "a" + "\u0301" * 10_000})
_add("choice of nothing", lambda: ChoiceConstraint(options=("",)))
_add("choice of nul and surrogates", lambda: ChoiceConstraint(options=("\0", "\ud800", "a")))
_add("choice of beginnings", lambda: ChoiceConstraint(options=tuple("a" * i for i in range(3_000))))
_add("choice of a megabyte", lambda: ChoiceConstraint(options=("m" * 1_000_000, "n")))
_add(
    "choice of grammar text",
    lambda: ChoiceConstraint(options=('"', "\n", '" | "x', "/a/", "%ignore")),
)

# --- what is no schema -------------------------------------------------------------------------

for name, text in {
    "empty": "",
    "white space": " \n ",
    "null": "null",
    "a number": "12",
    "a list": "[]",
    "a text": '"object"',
    "not JSON": "{'type': 'object'}",
    "cut off": '{"type":"obj',
    "two values": "{}{}",
    "a name twice": '{"type":"integer","type":"string"}',
    "a name that is a number": '{1:{"type":"integer"}}',
    "a byte-order mark": '\ufeff{"type":"integer"}',
    "false": "false",
    "true": "true",
}.items():
    _text(f"no schema: {name}", lambda text=text: text)
for keyword in (
    *("type", "properties", "required", "items", "prefixItems", "enum", "const", "anyOf", "oneOf"),
    *(
        "allOf",
        "not",
        "if",
        "then",
        "pattern",
        "patternProperties",
        "additionalProperties",
        "format",
    ),
    *("minLength", "maxItems", "minimum", "multipleOf", "uniqueItems", "contains", "minContains"),
    *("dependentRequired", "dependentSchemas", "propertyNames", "$defs", "$ref", "$id", "$schema"),
    *("unevaluatedProperties", "unevaluatedItems", "$anchor", "x-guidance", "x-rules"),
):
    for value in (None, -1, 1.5, "x", [], [None], {}, {"a": None}, [[]]):
        short = json.dumps(value)
        _schema(f"wrong type: {keyword} {short}", {keyword: value})
_schema("an unknown type", {"type": "tuple"})
_schema("every type twice", {"type": ["string", "string", "null", "null"]})
_schema("no type at all", {"type": []})

# --- contradictions ------------------------------------------------------------------------------

_schema("type against type", {"allOf": [{"type": "string"}, {"type": "integer"}]})
_schema("required and forbidden", {"type": "object", "required": ["a"], "properties": {"a": False}})
_schema("required and closed", {"type": "object", "required": ["a"], "additionalProperties": False})
_schema("more than there may be", {"type": "array", "minItems": 5, "maxItems": 2})
_schema(
    "everything and its opposite", {"allOf": [{"type": "integer"}, {"not": {"type": "integer"}}]}
)
_schema("not anything", {"not": {}})
_schema("an empty enum", {"enum": []})
_schema("an enum of other types", {"type": "integer", "enum": ["a", None]})
_schema("a pattern against a length", {"type": "string", "pattern": "^a{10}$", "maxLength": 5})
_schema("anyOf of nothing", {"anyOf": []})
_schema("anyOf of impossible things", {"anyOf": [False, {"enum": []}]})
_schema("oneOf of one thing twice", {"oneOf": [{"type": "integer"}, {"type": "integer"}]})
_schema(
    "two patterns",
    {"allOf": [{"pattern": "^a*$"}, {"pattern": "^b*$"}, {"minLength": 1, "type": "string"}]},
)

# --- grammars ------------------------------------------------------------------------------------

for name, grammar in {
    "empty": "",
    "no start": 'a: "x"',
    "itself": "start: start",
    "left recursion": 'start: start "a" | "a"',
    "two kinds of recursion": 'start: start start | "a"',
    "nothing in a ring": 'start: a\na: b\nb: a | ""\n',
    "ambiguity": 'start: s\ns: s s s | s s | "a" | ""',
    "a repeat": 'start: "a"{1,100000}',
    "repeats in repeats": 'start: x{1,500}\nx: y{1,500}\ny: z{1,500}\nz: "a"{1,500}',
    "ignored white space": "start: A*\nA: /a+/\n%ignore /[ \\t]*/",
    "a hostile schema inside": 'start: %json {"type":"array","minItems":100000000}',
    "unclosed": 'start: ("a"',
    "an unknown rule": "start: nothing",
    "a terminal of everything": "start: A B A B\nA: /(?s:.*)/\nB: /(?s:.*)/",
    "an intersection": "start: A\nA: /(a|b)*a(a|b){12}/ & /(a|b)*b(a|b){13}/ & ~/(ab)*/",
}.items():
    _add(f"Lark: {name}", lambda grammar=grammar: LarkConstraint(grammar=grammar))
_add(
    "a tool with a hostile name",
    lambda: ToolCallConstraint(tools=(ToolSpec(name='"}\n%json \ud83d', parameters_text="{}"),)),
)
_add(
    "a tool without a schema",
    lambda: ToolCallConstraint(tools=(ToolSpec(name="a", parameters_text="nonsense"),)),
)
_add(
    "a tool with an impossible schema",
    lambda: ToolCallConstraint(tools=(ToolSpec(name="a", parameters_text='{"enum":[]}'),)),
)
_add(
    "a tool with a deep schema",
    lambda: ToolCallConstraint(
        tools=(
            ToolSpec(
                name="a",
                parameters_text='{"type":"array","items":' * 20_000 + "{}" + "}" * 20_000,
            ),
        )
    ),
)
