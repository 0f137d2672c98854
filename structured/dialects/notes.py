"""What is found out while a schema is written in a dialect: an audit in the making."""

from __future__ import annotations

from dataclasses import dataclass, field

from structured.audit import Enforcement, Finding
from structured.errors import json_path
from structured.json_schema import RULES, JsonSchema, subschemas

Location = tuple[str | int, ...]
SAYS_NOTHING = frozenset(
    [
        *("title", "description", "default", "examples", "example", "deprecated", "readOnly"),
        *("writeOnly", "$schema", "$id", "$anchor", "$comment", "$defs", "definitions"),
        *("discriminator", "contentMediaType", "contentEncoding", "contentSchema", "$vocabulary"),
    ]
)
"""Keywords that forbid no value."""


def location_of(reference: str) -> Location:
    """Where a reference such as ``#/$defs/a`` leads."""
    return tuple(s.replace("~1", "/").replace("~0", "~") for s in reference.split("/")[1:])


@dataclass
class Notes:
    """Findings, each named once."""

    findings: list[Finding] = field(default_factory=list)

    def note(self, at: Location, keyword: str, by: Enforcement, reason: str = "") -> None:
        """One keyword at one place."""
        self.findings.append(Finding(json_path(at), keyword, by, reason))

    def enforced(self, at: Location, *keywords: str) -> None:
        """Keywords that the provider holds its model to."""
        for keyword in keywords:
            self.note(at, keyword, "grammar")

    def left(self, at: Location, node: JsonSchema, reason: str, *but: str) -> None:
        """All rules of a node, but some, are left to the validator."""
        for keyword, value in node.items():
            if keyword == RULES and isinstance(value, list):
                for rule in value:
                    self.note(at, keyword, "validator", f"rule: {rule}")
            elif keyword not in SAYS_NOTHING and keyword not in but:
                self.note(at, keyword, "validator", reason)

    def all_left(self, at: Location, node: JsonSchema, reason: str) -> None:
        """All rules of a node and of what is in it are left to the validator."""
        for inner, child in subschemas(node):
            self.left((*at, *inner), child, reason)
