"""The JSON-Schema-Test-Suite: what was judged right stays right."""

from __future__ import annotations

import pytest

from tests.structured.json_schema_suite.cases import DRAFTS
from tests.structured.json_schema_suite.download import NotThere, suite
from tests.structured.json_schema_suite.judging import BOTH, VALIDATOR, judged
from tests.structured.json_schema_suite.ratchet import COMMAND, recorded, regressions


@pytest.fixture(scope="module", autouse=True)
def _fetched() -> None:
    try:
        suite()
    except NotThere as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("draft", DRAFTS)
def test_what_was_judged_right_stays_right_and_what_is_better_is_written_down(draft: str):
    found, before = judged(draft), recorded()
    worse = [line for judge in found for line in regressions(before, draft, judge, found[judge])]
    assert worse == []
    for judge, verdicts in found.items():
        record = before[draft][judge]
        totals = {file: int(figures.split("/")[1]) for file, figures in record["files"].items()}
        assert dict(verdicts.total) == totals
        better = sorted(set(record["wrong"]) - set(verdicts.wrong))
        assert better == [], f"more is right than before: run {COMMAND} --draft {draft}"
    assert found[VALIDATOR].share == 100
    assert found[BOTH].share >= 99
