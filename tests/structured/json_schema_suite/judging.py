"""What the validator and the grammar make of each instance of the suite."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from structured import ByzerError, ConstraintError, JsonConstraint, SchemaError, Vocabulary
from structured.engines.llguidance_engine import LLGuidanceEngine
from structured.validation import schema_validator
from tests.structured.json_schema_suite.cases import Group, groups

VALIDATOR = "validator"
BOTH = "grammar and validator"
_BYTES = Vocabulary.of_bytes()
_ENGINE = LLGuidanceEngine()


@dataclass
class Verdicts:
    """Of one draft and one judge."""

    right: Counter[str] = field(default_factory=Counter)
    """Instances that are judged right, by file."""
    total: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)
    """``over`` (accepted an invalid one), ``under`` (refused a valid one) or why the schema was
    refused, by the instance's id."""

    def add(self, group: Group, verdicts: list[str]) -> None:
        """Count a group; a verdict is ``""`` where it is right."""
        for instance, verdict in zip(group.instances, verdicts, strict=True):
            self.total[group.file] += 1
            self.right[group.file] += not verdict
            if verdict:
                self.wrong[instance.id] = verdict

    @property
    def share(self) -> float:
        """How much of it is right, in percent."""
        return 100 * self.right.total() / self.total.total()


def judged(draft: str) -> dict[str, Verdicts]:
    """A draft's verdicts, of the validator alone and of grammar and validator together."""
    found = {VALIDATOR: Verdicts(), BOTH: Verdicts()}
    for group in groups(draft):
        validated, written = _validated(group.schema), _written(group.schema)
        alone, both = [], []
        for instance in group.instances:
            checked, text = validated(instance.value), written(instance.value)
            alone.append(_verdict(instance.valid, checked))
            both.append(
                _verdict(instance.valid, text if isinstance(text, str) else text and checked)
            )
        found[VALIDATOR].add(group, alone)
        found[BOTH].add(group, both)
    return found


Judge = Callable[[Any], "bool | str"]


def _verdict(valid: bool, said: bool | str) -> str:
    if isinstance(said, str):
        return said
    return "" if said == valid else "over" if said else "under"


def _validated(schema: Any) -> Judge:
    try:
        check = schema_validator(schema)
    except SchemaError as error:
        said = f"refused: {error.message}"
        return lambda _: said
    return lambda value: not check(value)


def _written(schema: Any) -> Judge:
    """Whether a grammar lets the compact text of a value through.

    A schema that nothing meets may be refused: then every value is, rightly or wrongly.
    """
    if not isinstance(schema, dict):
        schema = {"allOf": [schema]}
    constraint = JsonConstraint(schema_text=json.dumps(schema), key_order="any")
    try:
        grammar = _ENGINE.compile(constraint, _BYTES)
    except ConstraintError as error:
        refused = False if unsatisfiable(error) else f"refused: {error.message}"
        return lambda _: refused
    except ByzerError as error:
        said = f"refused: {error.message}"
        return lambda _: said

    def accepts(value: Any) -> bool | str:
        data = text_of(value).encode()
        matcher = grammar.matcher()
        try:
            return matcher.accept(list(data)) == len(data) and matcher.accepting
        except ConstraintError as error:
            return f"stopped: {error.message}"

    return accepts


def unsatisfiable(error: ConstraintError) -> bool:
    """Whether a refusal says that no value can meet the schema."""
    return "no text can meet" in error.message


def text_of(value: Any) -> str:
    """A value as grammars spell it."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
