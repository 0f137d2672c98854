"""Where a class reads a field from: one name, or a path into nested data.

pydantic lists a field's places as a name, as ``AliasChoices``, and as an ``AliasPath``. A schema
can show one of them: the first name there is, else the first path.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from structured.errors import SchemaError
from structured.json_schema import RULES, JsonSchema

Path = tuple[str | int, ...]


def path_of(alias: Any, name: str) -> Path:
    """The place of a field whose alias is given as pydantic's core has it.

    That is ``None``, a name, one path as a list, or several of them as lists.
    """
    if isinstance(alias, str):
        return (alias,)
    if not alias:
        return (name,)
    paths = alias if isinstance(alias[0], list) else [alias]
    single = [path for path in paths if len(path) == 1 and isinstance(path[0], str)]
    return tuple((single or paths)[0])


def place(target: dict[str, Any], path: Path, value: Any) -> None:
    """Put ``value`` at ``path``, with the objects and lists around it."""
    node: Any = target
    for step, following in itertools.pairwise(path):
        inner: Any = [] if isinstance(following, int) else {}
        node = _at(node, step, inner)
    _at(node, path[-1], value)


def _at(node: Any, step: str | int, value: Any) -> Any:
    if isinstance(step, int):
        node += [None] * (step + 1 - len(node))
        if node[step] is None:
            node[step] = value
        return node[step]
    return node.setdefault(step, value)


def nested(found: JsonSchema, paths: dict[str, Path]) -> JsonSchema:
    """An object's schema with the properties that have a path moved to where it leads.

    Args:
        found: The schema of an object; its properties are named by the keys of ``paths``.
        paths: The place of each.
    """
    required = found.get("required", [])
    root = _Branch()
    for key, schema in found["properties"].items():
        root.add(paths.get(key, (key,)), schema, key in required)
    bare = {key: value for key, value in found.items() if key not in ("properties", "required")}
    return {**bare, **root.members()}


@dataclass
class _Branch:
    """An object or a list that fields are read from."""

    children: dict[str | int, JsonSchema | _Branch] = field(default_factory=dict)
    required: dict[str | int, None] = field(default_factory=dict)

    def add(self, path: Path, schema: JsonSchema, required: bool) -> None:
        """Put the schema of a field at a path."""
        step, rest = path[0], path[1:]
        if required:
            self.required[step] = None
        there = self.children.get(step)
        if isinstance(there, dict) or (there is not None and not rest):
            # One field is read from the whole of this, another from a part: no schema says both.
            whole = there if isinstance(there, dict) else schema
            self.children[step] = {**whole, RULES: [*whole.get(RULES, ()), "read in several ways"]}
        elif not rest:
            self.children[step] = schema
        else:
            branch = self.children.setdefault(step, _Branch())
            assert isinstance(branch, _Branch)
            branch.add(rest, schema, required)

    def members(self) -> JsonSchema:
        """The keywords that say what is in it."""
        there = {
            step: child if isinstance(child, dict) else child.schema()
            for step, child in self.children.items()
        }
        if all(isinstance(step, str) for step in there):
            names = [step for step in there if step in self.required]
            return {"properties": there, **({"required": names} if names else {})}
        places = [step for step in there if isinstance(step, int) and step >= 0]
        if len(places) < len(there):
            raise SchemaError(f"expected names or places from 0 on, got {[*there]} in aliases")
        items = [there.get(i, {}) for i in range(max(places) + 1)]
        least = max([step + 1 for step in places if step in self.required], default=0)
        return {"prefixItems": items, "items": False, "minItems": least, "maxItems": len(items)}

    def schema(self) -> JsonSchema:
        """The schema of the object or list."""
        members = self.members()
        if "properties" in members:
            return {"type": "object", **members, "additionalProperties": False}
        return {"type": "array", **members}
