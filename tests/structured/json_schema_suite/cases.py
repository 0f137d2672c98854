"""The suite's cases: schemas made self-contained, instances, and which of them apply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.structured.json_schema_suite.download import suite

DRAFTS = {
    "4": "draft4",
    "6": "draft6",
    "7": "draft7",
    "2019-09": "draft2019-09",
    "2020-12": "draft2020-12",
}
_NAMED = {
    "4": "http://json-schema.org/draft-04/schema#",
    "6": "http://json-schema.org/draft-06/schema#",
    "7": "http://json-schema.org/draft-07/schema#",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}
_HOST = "http://localhost:1234/"
_ANNOTATION = "is only an annotation by default"


@dataclass(frozen=True)
class Instance:
    """A value, and whether it meets its group's schema."""

    id: str
    value: Any
    valid: bool


@dataclass(frozen=True)
class Group:
    """A schema and its instances."""

    file: str
    schema: Any
    instances: tuple[Instance, ...]


def groups(draft: str) -> Iterator[Group]:
    """Every group of a draft, required and optional, that applies.

    What does not: instances of ``format.json`` that call a format an annotation. Formats are
    rules here (``optional/format`` and ``optional/format-assertion.json`` are judged).
    """
    folder = suite() / "tests" / DRAFTS[draft]
    for file in sorted(folder.rglob("*.json")):
        name = file.relative_to(folder).as_posix()
        for i, group in enumerate(json.loads(file.read_text("utf-8"))):
            instances = tuple(
                Instance(f"{name}#{i}.{j} {group['description']}: {test['description']}",
                         test["data"], test["valid"])
                for j, test in enumerate(group["tests"])
                if not (name == "format.json" and _ANNOTATION in test["description"])
            )  # fmt: skip
            yield Group(name, self_contained(group["schema"], draft), instances)


def self_contained(schema: Any, draft: str) -> Any:
    """The schema with its draft named and with what it refers to on the suite's server inside.

    Nothing is fetched by us, so a schema brings along what it needs, as the specification's
    compound documents do: each under ``$defs`` with its URI as ``$id``.
    """
    if not isinstance(schema, dict):
        return schema
    schema = {"$schema": _NAMED[draft], **schema}
    documents = _reachable(schema, draft)
    if not documents:
        return schema
    if "$ref" in schema and draft in ("4", "6", "7"):  # whose siblings say nothing
        kept = {key: schema[key] for key in ("$schema", "definitions") if key in schema}
        schema = {**kept, "allOf": [{"$ref": schema["$ref"]}]}
    where = "definitions" if draft in ("4", "6", "7") else "$defs"
    return {**schema, where: {**schema.get(where, {}), **documents}}


def _reachable(schema: Any, draft: str) -> dict[str, Any]:
    """The server's documents that a schema may refer to, each with an ``$id``."""
    remotes = _remotes()
    named, found = {uri for uri in remotes if _mentions(schema, uri, draft)}, {}
    while named - found.keys():
        for uri in named - found.keys():
            document, keyword = remotes[uri], "id" if draft == "4" else "$id"
            if not isinstance(document, dict):
                document = {"allOf": [document]}
            own = document.get(keyword, "")
            if not own.startswith("http"):
                document = {keyword: uri, **{k: v for k, v in document.items() if k != keyword}}
            elif own.rstrip("#") != uri:
                found[f"{uri} by another name"] = {keyword: uri, "allOf": [{"$ref": own}]}
            found[uri] = document
            named |= {other for other in remotes if _mentions(document, other, draft)}
    return found


def _mentions(schema: Any, uri: str, draft: str) -> bool:
    # References may be relative to any of several bases, so the last step of the path will do;
    # for another draft's documents, whose names are the same, it is the whole.
    folder, _, name = uri.removeprefix(_HOST).rpartition("/")
    foreign = folder.split("/")[0] in {*DRAFTS.values()} - {DRAFTS[draft]}
    return (uri if foreign else name) in json.dumps(schema)


@lru_cache
def _remotes() -> dict[str, Any]:
    """The documents on the suite's server, by URI."""
    top = suite() / "remotes"
    return {
        _HOST + file.relative_to(top).as_posix(): json.loads(file.read_text("utf-8"))
        for file in sorted(top.rglob("*.json"))
        if file.relative_to(top).parts[0] not in ("draft3", "draft-next")
    }
