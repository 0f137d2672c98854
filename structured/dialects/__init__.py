"""The JSON Schema that each provider's strict mode accepts, from the same contract.

``dialect("openai").schema(contract)`` gives the schema to send, an audit of what the provider
enforces of it, and the way back from a reply to a value::

    dialect("openai").schema(output_schema(Person)).read(reply) -> Person
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from structured.audit import Audit, Finding
from structured.dialects.codecs import SAME, Codec, Context, JsonText, Wrapped
from structured.dialects.limits import depth, excess
from structured.dialects.notes import Notes
from structured.dialects.openapi import to_openapi
from structured.dialects.profiles import PROFILES, Profile
from structured.dialects.writing import Writer
from structured.errors import SchemaError, ValidationFailed, Violation, shorten
from structured.json_schema import RULES, JsonSchema, mapped
from structured.output import OutputSchema

T = TypeVar("T")

DIALECTS = tuple(PROFILES)
"""The names that :func:`dialect` knows."""

_ALIASES = {"azure-openai": "azure", "google": "gemini", "openai-compatible": "compatible"}


def dialect(name: str) -> Dialect:
    """The dialect of a provider: ``openai``, ``azure``, ``anthropic``, ``gemini`` (its
    ``responseJsonSchema``), ``gemini-openapi`` (its ``responseSchema``), or ``compatible``.

    Raises:
        SchemaError: An unknown name.
    """
    name = _ALIASES.get(name, name)
    if name not in PROFILES:
        raise SchemaError(f"expected one of {', '.join(DIALECTS)}, got {name!r}")
    return Dialect(PROFILES[name])


@dataclass(frozen=True)
class Dialect:
    """One provider's way of taking schemas."""

    profile: Profile

    @property
    def name(self) -> str:
        """As :func:`dialect` knows it."""
        return self.profile.name

    def schema(self, contract: OutputSchema[T]) -> DialectSchema[T]:
        """The schema to send for a contract.

        What the dialect cannot say is left out (a superset), or carried in another form, and
        recorded in the audit; a reply is checked by the contract in any case.

        Raises:
            ConstraintError: The contract's schema allows no value.
        """
        written, codec, context, notes = _written(contract.json_schema, self.profile)
        audit = Audit.of(self.name, notes.findings)
        sent = to_openapi(written) if self.profile.openapi else written
        return DialectSchema(contract, self.name, sent, written, audit, codec, context)


@dataclass(frozen=True, eq=False)
class DialectSchema(Generic[T]):
    """A contract in the words of one provider."""

    contract: OutputSchema[T]
    dialect: str
    json_schema: JsonSchema
    """What to send."""
    plain: JsonSchema
    """The same as JSON Schema 2020-12, which ``json_schema`` is but for ``gemini-openapi``."""
    audit: Audit
    """Which keyword of the contract's schema the provider enforces, and which validation does."""
    codec: Codec
    context: Context

    @property
    def identical(self) -> bool:
        """Whether replies are written as the contract's own JSON."""
        return self.codec == SAME

    def decode(self, reply: Any) -> Any:
        """JSON data of a reply, as data of the contract; what does not fit stays as it is."""
        return self.codec.decode(reply, self.context)

    def encode(self, value: Any) -> Any:
        """JSON data of the contract, as the provider's model would write it (for examples)."""
        return self.codec.encode(value, self.context)

    def read(self, text: str | bytes, *, context: object = None) -> T:
        """The value that a reply stands for.

        Raises:
            ValidationFailed: Not JSON, or JSON that breaks the contract.
        """
        try:
            data = self.decode(json.loads(text))
        except (ValueError, RecursionError) as error:
            shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
            found = Violation("$", f"JSON ({error})", shorten(shown), "json_invalid")
            raise ValidationFailed(self.contract.name, [found], shown) from None
        if self.contract.form == "text":
            return self.contract.validate_python(data, context=context)
        return self.contract.validate_json(json.dumps(data), context=context)


def _written(schema: JsonSchema, profile: Profile) -> tuple[JsonSchema, Codec, Context, Notes]:
    if profile.passes_all:
        notes = Notes()
        notes.all_left((), schema, "servers differ in what they enforce")
        bare = mapped(schema, lambda node: {k: v for k, v in node.items() if k != RULES})
        return bare, SAME, Context({}, _acceptor(schema, {})), notes
    try:
        written, codec, writer = _within_depth(schema, profile)
        too_much = excess(written, profile.limits)
    except RecursionError:
        written, codec, writer = {}, SAME, Writer(schema, profile, max_depth=None)
        too_much = "$defs", "the schema is too large, or nested too deeply"
    if too_much:
        keyword, reason = too_much
        writer.notes = Notes()
        writer.notes.all_left((), schema, f"written as JSON text: {reason}")
        writer.notes.findings.insert(0, Finding("$", keyword, "validator", reason))
        text: JsonSchema = {"type": "string", "description": "JSON text"}
        written, codec = _wrapper(text), Wrapped(JsonText())
    return written, codec, Context(writer.named, _acceptor(schema, written)), writer.notes


def _within_depth(schema: JsonSchema, profile: Profile) -> tuple[JsonSchema, Codec, Writer]:
    """A schema written, what is too deep in it as JSON text."""
    most = profile.limits.depth
    while True:
        writer = Writer(schema, profile, max_depth=most)
        written, codec = writer.write(schema, ())
        for _ in writer.definitions:  # the outermost says itself what it is
            if "$ref" in written:
                written = writer.definitions[written["$ref"].rsplit("/", 1)[-1]]
        if "$ref" in written:  # references in a circle
            written = {"anyOf": [written]}
        if profile.object_root and written.get("type") != "object":
            written = _wrapper(written)
            codec = Wrapped(codec)
        if writer.definitions:
            written = {**written, "$defs": writer.definitions}
        # What is referred to may stand deeper than where it was first written.
        if most is None or depth(written) <= (profile.limits.depth or 0) or most == 0:
            return written, codec, writer
        most -= 1


def _wrapper(schema: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": {"value": schema},
        "required": ["value"],
        "additionalProperties": False,
    }


def _acceptor(original: JsonSchema, written: JsonSchema) -> Any:
    """Tells whether a part of one of the schemas accepts a value."""

    @lru_cache(maxsize=256)
    def validator(text: str, in_dialect: bool) -> Any:
        import jsonschema_rs

        root = written if in_dialect else original
        kept = ("$defs", "definitions")
        definitions: JsonSchema = {key: root[key] for key in kept if key in root}
        return jsonschema_rs.Draft202012Validator({**definitions, **json.loads(text)})

    def accepts(schema: Any, in_dialect: bool, value: Any) -> bool:
        if isinstance(schema, bool):
            return schema
        try:
            return bool(validator(json.dumps(schema), in_dialect).is_valid(value))
        except Exception:  # noqa: BLE001 - a reference that only the whole schema resolves
            return True

    return accepts
