"""Texts as output types: a regular expression, a Lark grammar, choices, or just so much text.

A reply under one of these is the text itself, not JSON. As metadata of ``str`` they also stand in
other types, where the text becomes a JSON string: ``Annotated[str, Regex("[a-z]+")]``.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from typing import Any

import pydantic
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    LarkConstraint,
    RegexConstraint,
)
from structured.errors import ConstraintError, SchemaError, ValidationFailed, Violation, shorten
from structured.json_schema import RULES, JsonSchema
from structured.language import Stop, default_engine, lark_string, stop_of
from structured.output import OutputSchema
from structured.patterns import Portable, portable, refused

_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""What ``str.splitlines`` breaks at."""
_NO_BREAK = r"[^\n\r\x0b\x0c\x1c-\x1e\x{85}\x{2028}\x{2029}]"
_MAX_COUNTED = 64
_NO_BREAK_JSON = r"^[^\n\r\u000b\u000c\u001c-\u001e\u0085\u2028\u2029]*$"


class TextType:
    """What is common to the types below: each is given wherever a type can be."""

    name: str
    description: str

    @property
    def constraint(self) -> Constraint:
        """What a decoder must obey."""
        raise NotImplementedError

    @property
    def json_schema(self) -> JsonSchema:
        """The text as a JSON string: its schema, or that of a superset and ``x-rules``."""
        raise NotImplementedError

    @property
    def shape(self) -> str:
        """What a text looks like, for prompts."""
        raise NotImplementedError

    def read(self, text: str, *, whole: bool = True) -> tuple[str, Violation | None]:
        """The value that a reply stands for, and the first rule that it breaks.

        ``whole`` is false for the beginning of a reply: that it is too short is no fault then.
        """
        stop = stop_of(self.constraint, text)
        return text, _violation(text, stop) if stop and (whole or not stop.unfinished) else None

    def default_name(self) -> str:
        """The name of a type that was given none."""
        return shorten(self, 60)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: pydantic.GetCoreSchemaHandler
    ) -> CoreSchema:
        self.constraint  # noqa: B018 - a pattern that nothing can decode under is refused here
        inner = core_schema.str_schema() if source is self else handler(source)
        return core_schema.no_info_after_validator_function(self._check, inner)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> JsonSchema:
        return {**handler(schema), **self.json_schema}

    def _check(self, value: Any) -> Any:
        text, violation = self.read(value)
        if violation is not None:
            raise PydanticCustomError(
                "text_mismatch", "expected {expected}", {"expected": violation.message}
            )
        return text


@dataclass(frozen=True, slots=True)
class Regex(TextType):
    """Text that matches a regular expression as a whole: ``Regex(r"\\d{4}-\\d{2}")``.

    Written as for Python's ``re``; ``\\d``, ``\\w`` and ``\\s`` are Unicode's, as in Rust.

    Raises (where a contract is made of it):
        SchemaError: Not a regular expression.
        ConstraintError: It looks around or back; ``keyword`` and ``path`` name the part.
    """

    pattern: str
    _: KW_ONLY
    relax: bool = False
    """Take such patterns too: replies are decoded under a superset, and checked afterwards."""
    name: str = ""
    description: str = ""

    def _portable(self) -> Portable:
        if not isinstance(self.pattern, str):
            raise SchemaError(f"expected a pattern as text, got {shorten(self.pattern)}")
        return portable(self.pattern, relax=self.relax)

    @property
    def constraint(self) -> RegexConstraint:
        """The pattern in the engines' spelling."""
        return RegexConstraint(pattern=self._portable().rust)

    @property
    def json_schema(self) -> JsonSchema:
        """A string with the pattern."""
        found: JsonSchema = {"type": "string", "pattern": f"^(?:{self._portable().rust})$"}
        return {**found, RULES: list(rules)} if (rules := self.rules) else found

    @property
    def rules(self) -> tuple[str, ...]:
        """What decoding leaves to the check afterwards."""
        return tuple(
            f"the {part} at character {at} of the pattern {self.pattern}"
            for part, at in self._portable().left_out
        )

    @property
    def shape(self) -> str:
        """The pattern."""
        return f"text that matches the regular expression {self.pattern}"

    def default_name(self) -> str:
        """The pattern."""
        return shorten(_Raw(f"Regex({self.pattern!r})"), 60)

    def read(self, text: str, *, whole: bool = True) -> tuple[str, Violation | None]:
        """The text, matched as a whole."""
        text, violation = TextType.read(self, text, whole=whole)
        if violation is None and whole and self.rules and not re.fullmatch(self.pattern, text):
            violation = Violation("$", self.shape, shorten(text), "pattern")
        return text, violation


@dataclass(frozen=True, slots=True)
class Lark(TextType):
    """Text of a Lark grammar whose root is ``start``, in llguidance's dialect of Lark.

    That is Lark's with extensions (``%json {…}``, ``lazy``, ``&`` and ``~`` of terminals) and
    without templates, priorities and imports other than ``common``.

    Raises (where a contract is made of it):
        ConstraintError: Not such a grammar; the message has the line.
    """

    grammar: str
    _: KW_ONLY
    name: str = ""
    description: str = ""

    @property
    def constraint(self) -> LarkConstraint:
        """The grammar."""
        if not isinstance(self.grammar, str):
            raise SchemaError(f"expected a grammar as text, got {shorten(self.grammar)}")
        return LarkConstraint(grammar=self.grammar)

    @property
    def json_schema(self) -> JsonSchema:
        """A string: no keyword says the rest."""
        return {"type": "string", RULES: [self.shape]}

    @property
    def shape(self) -> str:
        """The grammar."""
        return f"text of this Lark grammar:\n{self.grammar.strip()}"

    def default_name(self) -> str:
        """Not the grammar, which is long."""
        return "Lark grammar"


@dataclass(frozen=True, slots=True, init=False)
class Choices(TextType):
    """One of several texts: ``Choices("red", "green")``.

    Raises (where a contract is made of it):
        SchemaError: There are none, or they are no texts.
    """

    options: tuple[str, ...]
    name: str
    description: str

    def __init__(self, *options: str, name: str = "", description: str = "") -> None:
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "description", description)

    @property
    def constraint(self) -> ChoiceConstraint:
        """The texts."""
        if not self.options:
            raise SchemaError("expected at least one choice", hint='Choices("yes", "no")')
        for option in self.options:
            if not isinstance(option, str):
                raise SchemaError(
                    f"expected a text, got {shorten(option)}",
                    hint="for other values use Literal[…] or an Enum",
                )
        return ChoiceConstraint(options=tuple(dict.fromkeys(self.options)))

    @property
    def json_schema(self) -> JsonSchema:
        """A string of an enum."""
        return {"type": "string", "enum": list(self.constraint.options)}

    @property
    def shape(self) -> str:
        """The texts, quoted."""
        return "one of: " + " | ".join(map(lark_string, self.constraint.options))

    def default_name(self) -> str:
        """The call that makes it, shortened."""
        return shorten(_Raw(f"Choices({', '.join(map(repr, self.options))})"), 60)


@dataclass(frozen=True)
class _Raw:
    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Text(TextType):
    """Text of a certain length, perhaps of one line, perhaps up to a marker.

    Raises (where a contract is made of it):
        SchemaError: Limits that no text meets, or an empty marker.
    """

    _: KW_ONLY
    min_chars: int = 0
    max_chars: int | None = None
    one_line: bool = False
    """No line break, as ``str.splitlines`` sees them."""
    stop: str | None = None
    """The text ends before the first of these; what is read does not contain it."""
    name: str = ""
    description: str = ""

    def _checked(self) -> None:
        most = self.max_chars
        if self.min_chars < 0 or (most is not None and most < self.min_chars):
            raise SchemaError(
                f"expected 0 <= min_chars <= max_chars, got {self.min_chars} and {most}"
            )
        if self.stop == "":
            raise SchemaError("stop: expected a text that is not empty")

    @property
    def constraint(self) -> Constraint:
        """A regular expression, or, with a marker, a Lark grammar."""
        self._checked()
        count = f"{{{self.min_chars},{'' if self.max_chars is None else self.max_chars}}}"
        body = (_NO_BREAK if self.one_line else r"[\s\S]") + count
        if self.stop is None:
            return RegexConstraint(pattern=body)
        # The marker ends the text where it first stands; a reply may as well end without it.
        marker = re.sub(r"[^0-9A-Za-z]", lambda found: rf"\x{{{ord(found[0]):x}}}", self.stop)
        # One that comes too early is excluded, unless that would take too large an automaton.
        early = rf"[\s\S]{{0,{self.min_chars - 1}}}{marker}[\s\S]*"
        but = f" & ~/{early}/" if 0 < self.min_chars <= _MAX_COUNTED else ""
        return LarkConstraint(
            grammar=f"start: marked | BODY\n"
            f"marked[lazy]: MARKED\nMARKED: /{body}{marker}/{but}\nBODY: /{body}/{but}"
        )

    @property
    def json_schema(self) -> JsonSchema:
        """A string with its lengths."""
        self._checked()
        found: JsonSchema = {"type": "string"}
        if self.min_chars:
            found["minLength"] = self.min_chars
        if self.max_chars is not None:
            found["maxLength"] = self.max_chars
        if self.one_line:
            found["pattern"] = _NO_BREAK_JSON
        if self.stop is not None:
            found[RULES] = [f"without {self.stop!r}"]
        return found

    @property
    def shape(self) -> str:
        """The limits."""
        parts = ["text" if not self.one_line else "one line of text"]
        if self.min_chars:
            parts.append(f"of at least {self.min_chars} characters")
        if self.max_chars is not None:
            parts.append(f"of at most {self.max_chars} characters")
        if self.stop is not None:
            parts.append(f"that ends with {self.stop!r}")
        return " ".join(parts)

    def default_name(self) -> str:
        """What it is."""
        return "line" if self.one_line else "text"

    def read(self, text: str, *, whole: bool = True) -> tuple[str, Violation | None]:
        """The text before the marker, measured."""
        self._checked()
        ended = self.stop is not None and self.stop in text
        if self.stop is not None:
            text = text.partition(self.stop)[0]
        found: Stop | None = None
        if self.one_line and (breaks := [at for at, c in enumerate(text) if c in _LINE_BREAKS]):
            found = Stop(breaks[0], "one line")
        elif self.max_chars is not None and len(text) > self.max_chars:
            found = Stop(self.max_chars, f"at most {self.max_chars} characters")
        elif len(text) < self.min_chars and (whole or ended):
            found = Stop(len(text), f"at least {self.min_chars} characters")
        return text, _violation(text, found) if found else None


def _violation(text: str, stop: Stop) -> Violation:
    rest = text[stop.at :]
    return Violation(
        f"$[{stop.at}]", stop.expected, shorten(rest) if rest else "the end", "text_mismatch"
    )


class TextSchema(OutputSchema[str]):
    """The contract of a text: ``validate_json`` and ``dump_json`` take and give the text itself.

    A text that breaks it is refused with the place where it stops matching: the violation's
    path ``$[7]`` is its character 7.
    """

    form = "text"

    def __init__(self, type_: TextType) -> None:
        schema = type_.json_schema
        if type_.description:
            schema = {**schema, "description": type_.description}
        super().__init__(
            name=type_.name or type_.default_name(),
            description=type_.description,
            json_schema=schema,
            adapter=pydantic.TypeAdapter(str),
        )
        self.type = type_
        self._text_constraint = type_.constraint
        _check_decodable(type_, self._text_constraint)

    def __repr__(self) -> str:
        return f"TextSchema[{self.name}]"

    @property
    def constraint(self) -> Constraint:
        """What a decoder must obey so that its text is one of these."""
        return self._text_constraint

    @property
    def shape(self) -> str:
        """What a text looks like, for prompts."""
        return self.type.shape

    def validate_json(self, text: str | bytes, *, context: object = None) -> str:
        """The text, without the marker that ends it.

        Raises:
            ValidationFailed: It breaks the contract.
        """
        return self._read(text, whole=True)

    def validate_python(self, value: object, *, context: object = None) -> str:
        """The text that a Python object is.

        Raises:
            ValidationFailed: No text, or one that breaks the contract.
        """
        if not isinstance(value, (str, bytes)):
            found = Violation("$", "a text", shorten(value), "string_type")
            raise ValidationFailed(self.name, [found], shorten(value, 10_000))
        return self._read(value, whole=True)

    def validate_partial(self, text: str | bytes, *, context: object = None) -> str:
        """The beginning of a text, which may become a whole one.

        Raises:
            ValidationFailed: It cannot.
        """
        return self._read(text, whole=False)

    def dump(self, value: str) -> str:
        """The text itself."""
        return value

    def as_input(self, value: str) -> str:
        """The text itself."""
        return value

    def dump_json(self, value: str) -> str:
        """The text itself: what a model would have written."""
        return value

    def _read(self, text: str | bytes, *, whole: bool) -> str:
        if isinstance(text, bytes):
            given = text
            try:
                text = given.decode("utf-8")
            except UnicodeDecodeError as error:
                found = Violation(f"$[{error.start}]", "UTF-8", shorten(given), "string_unicode")
                shown = given.decode("utf-8", "replace")
                raise ValidationFailed(self.name, [found], shown) from None
        value, violation = self.type.read(text, whole=whole)
        if violation is not None:
            raise ValidationFailed(self.name, [violation], text)
        return value


def _check_decodable(type_: TextType, constraint: Constraint) -> None:
    try:
        default_engine().check(constraint)
    except ConstraintError as error:
        if not isinstance(type_, Regex):
            raise
        if "lookarounds" in error.message:  # llguidance's word for a ^ or $ in the middle
            raise refused(type_.pattern, "anchor", None) from None
        raise ConstraintError(
            error.message, path=error.path, keyword="pattern", engine=error.engine
        ) from None
