"""References of a JSON Schema, resolved inside it: pointers, ``$id``, anchors, old drafts' ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from structured.json_schema import subschemas

_DRAFTS = (
    ("2020-12", 2020),
    ("2019-09", 2019),
    ("draft-07", 7),
    ("draft-06", 6),
    ("draft-04", 4),
    ("draft-03", 3),
)
LATEST = 2020


def draft_of(schema: Any) -> int:
    """The draft that ``$schema`` names: 3, 4, 6, 7, 2019 or 2020 (where it names none)."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(named, str):
        for name, draft in _DRAFTS:
            if name in named:
                return draft
    return LATEST


@dataclass(frozen=True, slots=True)
class Place:
    """A schema, and where it stands."""

    schema: Any
    path: tuple[str | int, ...]
    base: str = ""
    """The base URI around it; its own ``$id`` may change that inside."""


_POINTER_STEP = re.compile("~[01]")
_METASCHEMA = re.compile(r"^https?://json-schema\.org/")


class References:
    """Everything in one schema document that can be referred to.

    Args:
        root: The document.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.draft = draft_of(root)

    def resolve(self, reference: str, place: Place) -> Place | None:
        """The place that a reference at a place leads to; ``None`` when it is not in here."""
        base = self.base_at(place.schema, place.base)
        if (reference == "#" or reference.startswith("#/")) and not base:
            return self._pointed(Place(self.root, ()), reference[1:])
        uri, fragment = urldefrag(_joined(base, reference))
        resource = self._resources.get(uri)
        if resource is None:
            return None
        if not fragment or fragment.startswith("/"):
            return self._pointed(resource, fragment)
        return self._anchors.get((uri, unquote(fragment)))

    def dynamic(self, reference: str, place: Place) -> Place | None:
        """Where a ``$dynamicRef`` leads, if that does not depend on how one came here."""
        name = reference.rpartition("#")[2]
        if name.startswith("/") or not name:
            return self.resolve(reference, place)
        if self._dynamic.get(name, 0) <= 1:
            return self.resolve(reference, place)
        return None

    def _pointed(self, start: Place, pointer: str) -> Place | None:
        node, path, base = start.schema, start.path, start.base
        for step in unquote(pointer).split("/")[1:]:
            step = _POINTER_STEP.sub(lambda found: "~" if found[0] == "~0" else "/", step)
            base = self.base_at(node, base)
            if isinstance(node, dict) and step in node:
                node, path = node[step], (*path, step)
            elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node, path = node[int(step)], (*path, int(step))
            else:
                return None
        return Place(node, path, base) if isinstance(node, (dict, bool)) else None

    def base_at(self, schema: Any, base: str) -> str:
        """The base URI inside a schema that stands where ``base`` is in force."""
        if not isinstance(schema, dict):
            return base
        given = schema.get("id" if self.draft < 6 else "$id")
        if not isinstance(given, str) or given.startswith("#"):
            return base
        if "$ref" in schema and self.draft < 2019:  # siblings of $ref are not there
            return base
        return urldefrag(_joined(base, given))[0]

    def is_metaschema(self, reference: str) -> bool:
        """Whether a reference leads to a JSON Schema draft's own schema."""
        return bool(_METASCHEMA.match(reference))

    @cached_property
    def _index(
        self,
    ) -> tuple[dict[str, Place], dict[tuple[str, str], Place], dict[str, int]]:
        resources: dict[str, Place] = {"": Place(self.root, ())}
        anchors: dict[tuple[str, str], Place] = {}
        dynamic: dict[str, int] = {}
        bases: dict[tuple[str | int, ...], str] = {}
        for path, node in subschemas(self.root):
            outer = next(
                (bases[path[:end]] for end in range(len(path) - 1, -1, -1) if path[:end] in bases),
                "",
            )
            base = bases[path] = self.base_at(node, outer)
            place = Place(node, path, outer)
            if base != outer or not path:
                resources.setdefault(base, place)
            names = [node.get("$anchor"), node.get("$dynamicAnchor")]
            if isinstance(node.get("$dynamicAnchor"), str):
                dynamic[node["$dynamicAnchor"]] = dynamic.get(node["$dynamicAnchor"], 0) + 1
            old = node.get("id" if self.draft < 6 else "$id")
            if isinstance(old, str) and "#" in old:
                names.append(old.partition("#")[2])
            for name in names:
                if isinstance(name, str) and name:
                    anchors.setdefault((base, name), place)
        return resources, anchors, dynamic

    @property
    def _resources(self) -> dict[str, Place]:
        return self._index[0]

    @property
    def _anchors(self) -> dict[tuple[str, str], Place]:
        return self._index[1]

    @property
    def _dynamic(self) -> dict[str, int]:
        return self._index[2]


def _joined(base: str, reference: str) -> str:
    """``urljoin``, for every scheme: a fragment stays in its document."""
    if reference.startswith("#"):
        return base.partition("#")[0] + reference
    return urljoin(base, reference)
