"""Figures that may only improve: per draft, judge and file; and what is known to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.structured.json_schema_suite.judging import Verdicts

FILE = Path(__file__).with_name("ratchet.json")
COMMAND = "python -m tests.structured.json_schema_suite --update"


def recorded() -> dict[str, Any]:
    """What was reached: ``{draft: {judge: {"files": {file: "right/total"}, "wrong": ids}}}``."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


def as_record(verdicts: Verdicts) -> dict[str, Any]:
    """Verdicts as they are written down."""
    files = {file: f"{verdicts.right[file]}/{n}" for file, n in sorted(verdicts.total.items())}
    return {"files": files, "wrong": sorted(verdicts.wrong)}


def update(draft: str, found: dict[str, Verdicts]) -> list[str]:
    """Write a draft's verdicts down; what became wrong keeps it from being written.

    Returns:
        What became wrong.
    """
    before = recorded() if FILE.exists() else {}
    worse = [line for judge in found for line in regressions(before, draft, judge, found[judge])]
    if not worse:
        before[draft] = {judge: as_record(verdicts) for judge, verdicts in found.items()}
        FILE.write_text(json.dumps(before, indent=1, sort_keys=True) + "\n", "utf-8")
    return worse


def regressions(before: dict[str, Any], draft: str, judge: str, now: Verdicts) -> list[str]:
    """What was right and is wrong now, with the verdict."""
    if judge not in before.get(draft, {}):
        return []
    known = set(before[draft][judge]["wrong"])
    return [
        f"{judge}: {name}: {why}" for name, why in sorted(now.wrong.items()) if name not in known
    ]
