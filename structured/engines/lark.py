"""Constraints as llguidance Lark grammars: what engines and servers are given.

A JSON Schema goes through :mod:`structured.grammar`: the result is exact or a superset, and what it
leaves to the validator is in the audit. Refused is only what no value can meet, what refers to
something that is not there, and what is no schema, regular expression or grammar at all.

A grammar is written in hope first. Where the engine does not take it, it is written again with
care (every pattern tried on its own), and then coarser and coarser: see :data:`EFFORTS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from llguidance import LLMatcher

from structured.audit import Audit, Finding
from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
    ToolCallConstraint,
)
from structured.engine import Relaxation, relaxations
from structured.engines.guard import guarded
from structured.errors import ConstraintError, json_path, shorten
from structured.grammar import Budget, Emitter, KeyOrder, Lowered, Unreachable, lower
from structured.grammar.matching import byte_tokenizer
from structured.lark_text import literal, regex_body
from structured.tool_calls import lark_of_tool_calls

NAME = "llguidance"


@dataclass(frozen=True, slots=True)
class Effort:
    """One way of writing a grammar."""

    careful: bool = False
    budget: Budget = field(default_factory=Budget)


EFFORTS = (
    Effort(),
    Effort(careful=True),
    Effort(careful=True, budget=Budget(nodes=400, alternatives=8, parts=4_000)),
    Effort(careful=True, budget=Budget(nodes=40, alternatives=2, parts=400)),
    Effort(careful=True, budget=Budget(nodes=1, alternatives=1, parts=1)),
)
"""Tried in this order until the engine takes the grammar. What a small budget does not reach lets
anything through, and is left to the validator."""


@dataclass(frozen=True)
class LarkText:
    """A constraint as one llguidance Lark grammar."""

    text: str
    constraint: Constraint
    effort: Effort

    @cached_property
    def audit(self) -> Audit:
        """Every keyword of the constraint's schemas, and who enforces it. Made when it is asked
        for: a decoder does not need it, and it takes as long as writing the grammar."""
        notes = _Notes(self.effort, audited=True)
        _lark(self.constraint, notes)
        return Audit.of(NAME, notes.findings)

    @property
    def relaxed(self) -> tuple[Relaxation, ...]:
        """What the grammar leaves to the validator."""
        return relaxations(self.audit)


@lru_cache(maxsize=512)
def to_lark(constraint: Constraint) -> LarkText:
    """The Lark grammar of a constraint, known to compile.

    Servers that take llguidance grammars as text (llama.cpp, vLLM) are sent this.

    Raises:
        ConstraintError: There is none.
    """
    problem = ""
    for lark in written(constraint):
        problem = _problem(lark.text)
        if not problem:
            return lark
    raise refusal(constraint, problem)


def written(constraint: Constraint) -> Iterator[LarkText]:
    """The ways to write a constraint, the most exact first; none is tried on the engine yet.

    Raises:
        ConstraintError: Nothing can meet it, or it is not one.
    """
    schemas = isinstance(constraint, (JsonConstraint, ToolCallConstraint))
    for effort in EFFORTS if schemas else EFFORTS[:1]:
        yield _write(constraint, effort)


def _write(constraint: Constraint, effort: Effort) -> LarkText:
    notes = _Notes(effort)
    try:
        with guarded(NAME):
            text = "\n".join([_lark(constraint, notes), *notes.lines])
        text.encode()
    except UnicodeEncodeError as error:
        raise ConstraintError(f"text that is not Unicode: {error}", engine=NAME) from None
    return LarkText(text, constraint, effort)


@dataclass
class _Notes:
    """What comes together while a grammar is written."""

    effort: Effort
    audited: bool = False
    lines: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    schemas: int = 0


def _lark(constraint: Constraint, notes: _Notes) -> str:
    match constraint:
        case JsonConstraint():
            return f"start: {_json_rule(constraint.schema_text, constraint.key_order, notes)}"
        case RegexConstraint():
            return f"start: /{regex_body(constraint.pattern)}/"
        case ChoiceConstraint():
            return "start: " + " | ".join(literal(option) for option in constraint.options)
        case LarkConstraint():
            return constraint.grammar
        case ToolCallConstraint():
            return lark_of_tool_calls(constraint, lambda text: _json_rule(text, "schema", notes))


def _json_rule(schema_text: str, key_order: KeyOrder, notes: _Notes) -> str:
    """The name of a rule for a JSON Schema, whose lines go to the notes."""
    schema = _schema(schema_text)
    try:
        lowered = lower(
            schema, key_order=key_order, budget=notes.effort.budget, careful=notes.effort.careful
        )
    except Unreachable as error:
        raise ConstraintError(
            f"not a usable JSON Schema: the reference {error.reference!r} leads nowhere",
            path=json_path(error.place.path),
            keyword="$ref",
            engine=NAME,
            hint="put what it refers to under $defs; nothing is fetched",
        ) from None
    if lowered.impossible is not None:
        raise _impossible(lowered)
    emitter = Emitter(f"s{notes.schemas}n", key_order)
    notes.schemas += 1
    name = emitter.emit(lowered.root)
    notes.lines += emitter.lines
    if notes.audited:
        notes.findings += lowered.audit(NAME).findings
    return name


def _schema(text: str) -> Any:
    try:
        schema = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise ConstraintError(
            f"expected a JSON Schema as JSON text: {error}", engine=NAME
        ) from None
    if not isinstance(schema, (dict, bool)):
        raise ConstraintError(f"expected a JSON Schema, got {shorten(schema)}", engine=NAME)
    return schema


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _impossible(lowered: Lowered) -> ConstraintError:
    assert lowered.impossible is not None
    place, keyword, endless = lowered.impossible
    path = json_path(place.path) if place is not None else "$"
    reason = "a required part needs itself" if endless else f"no value meets its {keyword!r}"
    if not keyword:
        reason = "it is false"
    return ConstraintError(
        f"no text can meet this JSON Schema: at {path}, {reason}",
        path=path,
        keyword=keyword,
        engine=NAME,
    )


def _problem(lark: str) -> str:
    """Why a grammar does not compile, or ``""``."""
    matcher = LLMatcher(byte_tokenizer(), LLMatcher.grammar_from_lark(lark), log_level=0)
    return problem_of(matcher)


def problem_of(matcher: LLMatcher) -> str:
    """Why a new matcher is of no use, or ``""``."""
    if not matcher.is_error():  # a rule that needs itself is noticed only at the first step
        matcher.compute_ff_bytes()
        matcher.compute_bitmask()
    return told(matcher.get_error()) if matcher.is_error() else ""


def refusal(constraint: Constraint, problem: str) -> ConstraintError:
    """llguidance's refusal as our error."""
    what = {"json": "JSON Schema", "lark": "Lark grammar", "regex": "regular expression"}.get(
        constraint.type, constraint.type
    )
    # The writer of a Lark grammar has use for the place in it.
    reason = problem.strip() if isinstance(constraint, LarkConstraint) else _reason(problem)
    return ConstraintError(f"{NAME} cannot decode under this {what}: {reason}", engine=NAME)


def told(problem: str) -> str:
    """A problem as llguidance tells it, without the dump of its state."""
    for opening in ("\n<state>", "<backtrace>"):  # what follows is for llguidance's authors
        problem = problem.partition(opening)[0]
    return problem.strip()


_POSITION = re.compile(r"^(at )?\d+\(\d+\): ")
_EXCERPT = re.compile(r"^ *\d+ \| ", re.MULTILINE)


def _reason(problem: str) -> str:
    """llguidance's message without the place in a grammar that the caller never saw."""
    if "Too many items" in problem or "NoExtension" in problem:
        return "no text can meet it: a required part needs itself"
    return _POSITION.sub("", _EXCERPT.split(problem, maxsplit=1)[0]).strip()
