"""What each provider's strict mode takes, as data, with the document that says so.

Providers change these without notice, and enforce them by refusing a request: where documents
disagree, the table keeps to the narrower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_COUNTS = frozenset({"minItems", "maxItems"})
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes beyond which a provider refuses a schema; ``None``: no limit is documented."""

    properties: int | None = None
    """In the whole schema."""
    depth: int | None = None
    """Objects inside objects, the outermost counted."""
    enum_values: int | None = None
    """In the whole schema."""
    enum_characters: int | None = None
    """In one enum of more than 250 texts."""
    characters: int | None = None
    """Of property and definition names, enum and const values together."""
    optional: int | None = None
    """Properties that may be left out."""
    unions: int | None = None
    """Places with ``anyOf``."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's dialect of JSON Schema."""

    name: str
    source: str
    """Document and date."""
    keywords: frozenset[str]
    """Rules about strings, numbers and arrays that it enforces."""
    formats: frozenset[str]
    object_root: bool = True
    """Whether the outermost schema must be an object (and no union)."""
    all_required: bool = False
    """Whether no property may be left out; one that may is written as ``null`` instead."""
    maps: bool = False
    """Whether keys that the schema does not name can be allowed."""
    tuples: bool = False
    """Whether it has ``prefixItems``."""
    anything: bool = False
    """Whether a part may have no type at all."""
    const: bool = True
    enums: frozenset[str] = frozenset({"string", "number", "integer", "boolean", "null"})
    """The types whose values can be listed."""
    recursion: Literal["yes", "no", "optional"] = "yes"
    """``optional``: inside properties that may be left out."""
    references: bool = True
    """Whether it has ``$ref`` and ``$defs``."""
    annotations: frozenset[str] = frozenset({"title", "description"})
    largest_min_items: int | None = None
    limits: Limits = Limits()
    openapi: bool = False
    """Sent as an OpenAPI 3.0 schema: types in capitals, ``nullable``, no ``$ref``."""
    passes_all: bool = False
    """Sent as it is: servers differ in what they enforce."""


OPENAI = Profile(
    name="openai",
    source="OpenAI, Structured model outputs, Supported schemas (2026)",
    keywords=_NUMBERS | _COUNTS | {"pattern"},
    formats=_FORMATS,
    all_required=True,
    limits=Limits(
        properties=5000,
        depth=10,
        enum_values=1000,
        enum_characters=15_000,
        characters=120_000,
    ),
)
AZURE = Profile(
    name="azure",
    source="Microsoft, How to use structured outputs with Azure OpenAI (2026): none of the "
    "keywords about strings, numbers and arrays",
    keywords=frozenset(),
    formats=frozenset(),
    all_required=True,
    limits=Limits(
        properties=100, depth=5, enum_values=500, enum_characters=7500, characters=15_000
    ),
)
ANTHROPIC = Profile(
    name="anthropic",
    source="Anthropic, Structured outputs, JSON Schema limitations (2026), and what the official "
    "Python package (2.13) leaves of a schema",
    keywords=frozenset({"minItems"}),
    formats=_FORMATS | {"uri"},
    recursion="no",
    largest_min_items=1,
    limits=Limits(optional=24, unions=16),
)
GEMINI = Profile(
    name="gemini",
    source="Google, Gemini API, GenerationConfig.responseJsonSchema (2026)",
    keywords=frozenset({"minimum", "maximum"}) | _COUNTS,
    formats=frozenset({"date-time", "date", "time"}),
    object_root=False,
    maps=True,
    tuples=True,
    const=False,
    enums=frozenset({"string", "number", "integer"}),
    recursion="optional",
)
GEMINI_OPENAPI = Profile(
    name="gemini-openapi",
    source="Google, Gemini API, Schema object of GenerationConfig.responseSchema (2026)",
    keywords=frozenset({"minimum", "maximum", "minLength", "maxLength", "pattern"}) | _COUNTS,
    formats=frozenset({"date-time"}),
    object_root=False,
    const=False,
    enums=frozenset({"string"}),
    recursion="no",
    references=False,
    openapi=True,
)
COMPATIBLE = Profile(
    name="compatible",
    source="OpenAI, API reference, response_format json_schema (2026): whatever the server's own "
    "engine makes of a schema",
    keywords=frozenset(),
    formats=frozenset(),
    passes_all=True,
    object_root=False,
)

PROFILES = {
    profile.name: profile
    for profile in (OPENAI, AZURE, ANTHROPIC, GEMINI, GEMINI_OPENAPI, COMPATIBLE)
}
