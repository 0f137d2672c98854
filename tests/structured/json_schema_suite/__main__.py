"""Figures of the JSON-Schema-Test-Suite, for people and for machines."""

from __future__ import annotations

import argparse
import json
import sys

from tests.structured.json_schema_suite.cases import DRAFTS
from tests.structured.json_schema_suite.judging import judged
from tests.structured.json_schema_suite.ratchet import as_record, update


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.structured.json_schema_suite")
    parser.add_argument("--draft", action="append", choices=[*DRAFTS], help="default: all")
    parser.add_argument("--json", action="store_true", help="one object, for machines")
    parser.add_argument("--update", action="store_true", help="write the ratchet down")
    options = parser.parse_args()
    report, worse = {}, []
    for draft in options.draft or DRAFTS:
        found = judged(draft)
        report[draft] = {
            judge: {"right": v.right.total(), "total": v.total.total(), **as_record(v),
                    "wrong": v.wrong}
            for judge, v in found.items()
        }  # fmt: skip
        if not options.json:
            for judge, verdicts in found.items():
                right, total = verdicts.right.total(), verdicts.total.total()
                print(f"{draft:8} {judge:22} {right:5} of {total:5} right, {verdicts.share:.2f} %")
                for id_, why in verdicts.wrong.items():
                    print(f"    {id_}: {' '.join(why.split())[:160]}")
        if options.update:
            worse += update(draft, found)
    if options.json:
        print(json.dumps(report))
    for line in worse:
        print(f"became wrong: {line}", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
