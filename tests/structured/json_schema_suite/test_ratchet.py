"""The ratchet lets figures improve and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.structured.json_schema_suite import download, ratchet
from tests.structured.json_schema_suite.cases import Group, Instance
from tests.structured.json_schema_suite.judging import VALIDATOR, Verdicts

GROUP = Group("a.json", {}, tuple(Instance(f"a.json#0.{i}", i, True) for i in range(3)))


def verdicts(*each: str) -> Verdicts:
    found = Verdicts()
    found.add(GROUP, list(each))
    return found


def test_what_became_wrong_is_named_and_keeps_the_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ratchet, "FILE", tmp_path / "ratchet.json")
    assert ratchet.update("7", {VALIDATOR: verdicts("", "under", "")}) == []
    assert ratchet.recorded()["7"][VALIDATOR] == {
        "files": {"a.json": "2/3"},
        "wrong": ["a.json#0.1"],
    }
    before = ratchet.FILE.read_text()
    # As many are right as before, but not the same ones.
    assert ratchet.update("7", {VALIDATOR: verdicts("over", "", "")}) == [
        "validator: a.json#0.0: over"
    ]
    assert ratchet.FILE.read_text() == before
    assert ratchet.update("7", {VALIDATOR: verdicts("", "", "")}) == []
    assert ratchet.recorded()["7"][VALIDATOR] == {"files": {"a.json": "3/3"}, "wrong": []}
    assert ratchet.regressions(
        ratchet.recorded(), "7", VALIDATOR, verdicts("", "refused: why", "")
    ) == ["validator: a.json#0.1: refused: why"]


def test_a_suite_that_cannot_be_fetched_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BYZER_AGENTS_CACHE", str(tmp_path))

    def no_index(command: list[str], **options: object) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="looking…\nno index there\n")

    monkeypatch.setattr(subprocess, "run", no_index)
    with pytest.raises(download.NotThere, match=r"jsonschema==4\.26\.0: no index there"):
        download.suite()
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and path.name == "tests"]
