"""``byzer-agents schema``: what is enforced where, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator
from typer.testing import CliRunner

from byzer_agents.cli import app


class Order(BaseModel):
    number: int
    tags: set[str]

    @field_validator("number")
    @classmethod
    def is_odd(cls, number: int) -> int:
        if number % 2 == 0:
            raise ValueError("expected an odd number")
        return number


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, ["schema", *arguments], **options)


@pytest.fixture
def file(tmp_path: Path) -> str:
    schema = {
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "a b": {"type": "array", "uniqueItems": True},
        },
        "additionalProperties": False,
    }
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    return str(path)


def test_a_tree_names_every_keyword_and_says_what_is_left_to_the_validator(file: str):
    shown = run(file)
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert any(line.endswith("id  type format") for line in lines)
    assert any("uniqueItems  checked by the validator: " in line for line in lines)
    assert lines[-1] == "5 enforced by the grammar, 1 checked by the validator"


def test_machines_get_the_same_findings(file: str):
    found = json.loads(run(file, "--json").output)
    assert found["subject"] == "llguidance"
    assert found["exact"] is False
    left = [f for f in found["findings"] if f["by"] == "validator"]
    assert [(f["path"], f["keyword"]) for f in left] == [("$.properties['a b']", "uniqueItems")]


def test_a_dialect_shows_what_a_provider_is_sent(file: str):
    found = json.loads(run(file, "--dialect", "openai", "--show", "--json").output)
    assert found["subject"] == "openai"
    assert found["schema"]["additionalProperties"] is False


def test_a_type_is_found_by_its_module():
    found = json.loads(run(f"{__name__}:Order", "--json").output)
    assert found["name"] == "Order"
    paths = {f["path"]: f["by"] for f in found["findings"] if f["keyword"] == "uniqueItems"}
    assert paths == {"$.properties.tags": "validator"}


def test_a_schema_that_nothing_meets_is_shown_and_fails():
    schema = {"required": ["a"], "type": "object", "properties": {"a": {"enum": []}}}
    shown = run("-", "--json", input=json.dumps(schema))
    assert shown.exit_code == 1
    (finding,) = json.loads(shown.output)["findings"]
    assert (finding["path"], finding["keyword"], finding["by"]) == (
        *("$.properties.a", "enum"),
        "impossible",
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no/such/file.json", "cannot read a JSON Schema"),
        ("no_such_module:Type", "cannot import 'no_such_module'"),
        (f"{__name__}:Ordr", "did you mean 'Order'?"),
    ],
)
def test_a_source_that_is_none_is_named(source: str, said: str):
    shown = run(source)
    assert shown.exit_code == 1
    assert said in shown.output
    assert "Traceback" not in shown.output


@pytest.mark.parametrize(
    ("option", "said"),
    [("--engine", "expected the name of an engine, got 'nope'"), ("--dialect", "expected one of")],
)
def test_a_name_that_nobody_knows_is_not_blamed_on_the_schema(file: str, option: str, said: str):
    shown = run(file, option, "nope")
    assert shown.exit_code == 1
    assert said in shown.output
    assert "impossible" not in shown.output
