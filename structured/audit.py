"""``Audit``: which keyword of a schema is enforced where, for one engine or provider dialect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Enforcement = Literal["grammar", "validator", "impossible"]
"""``grammar``: no text that breaks it can be written. ``validator``: checked when the text is
complete, and repaired or asked for again. ``impossible``: no value can meet it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One keyword at one place of a schema."""

    path: str
    """JSON path, in the schema, of the object that holds the keyword."""
    keyword: str
    by: Enforcement
    reason: str = ""
    """Why it is not the grammar that enforces it; ``""`` where it is."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Every keyword of a schema, and who enforces it."""

    subject: str
    """The engine or dialect that it is about."""
    findings: tuple[Finding, ...]

    def by(self, enforcement: Enforcement) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.by == enforcement)

    @property
    def exact(self) -> bool:
        """Whether the grammar says all that the schema says."""
        return all(finding.by == "grammar" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For machines: ``{"subject", "exact", "findings": [{"path", "keyword", "by", …}]}``."""
        return {
            "subject": self.subject,
            "exact": self.exact,
            "findings": [
                {"path": f.path, "keyword": f.keyword, "by": f.by, "reason": f.reason}
                for f in self.findings
            ],
        }

    @staticmethod
    def of(subject: str, findings: Iterable[Finding]) -> Audit:
        """An audit of findings, each named once."""
        return Audit(subject, tuple(dict.fromkeys(findings)))
