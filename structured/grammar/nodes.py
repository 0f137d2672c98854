"""What a schema comes to: nodes that say which JSON texts there are, and nothing else.

Every node is a set of JSON values. Nodes may refer to each other in circles (a tree's children are
trees), so they are made first and filled in later, and are compared by identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from structured.grammar.references import Place

MAX_TRACKED = 48
"""Members of an object of which a grammar knows, in any order, whether they are there: bits of its
64-bit parameter; the others count."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value; of one type only where ``type`` names one (``object``, ``array``)."""

    type: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value at all."""


@dataclass(frozen=True, slots=True)
class Literals:
    """Some values, as JSON texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scalar:
    """Strings or numbers of a JSON Schema that the engine compiles by itself."""

    schema_text: str
    """The schema as canonical JSON."""


@dataclass(frozen=True, slots=True)
class Items:
    """Arrays."""

    first: tuple[Node, ...]
    """The first elements, one by one."""
    rest: Node | None
    """Every further element; ``None``: there are none."""
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of an object's further members."""

    patterns: tuple[str, ...] = ()
    """Regular expressions that the whole name must match."""
    excluded: tuple[str, ...] = ()
    """Regular expressions that it must not match."""
    escaped: bool = True
    """Whether names that need a backslash in JSON are among them, whatever their text."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object that the schema knows by name."""

    name: str
    value: Node
    required: bool


@dataclass(frozen=True, slots=True)
class Clause:
    """One of ``present`` must be there, or one of ``absent`` must not."""

    present: frozenset[str]
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fields:
    """Objects."""

    members: tuple[Member, ...]
    others: tuple[tuple[Keys, Node], ...]
    """Further members: their names, and their values."""
    known: frozenset[str]
    """Names that no further member may have."""
    least: int = 0
    most: int | None = None
    clauses: tuple[Clause, ...] = ()
    ordered: bool = False
    """Whether members come in the order of ``members``, before all others."""


@dataclass(frozen=True, slots=True)
class Either:
    """The values of any of several nodes."""

    options: tuple[Node, ...]


Body: TypeAlias = Anything | Nothing | Literals | Scalar | Items | Fields | Either


@dataclass(eq=False, slots=True)
class Node:
    """A set of JSON values; ``body`` says which."""

    body: Body = field(default_factory=Nothing)
    origin: Place | None = None
    """One of the schemas that it comes from."""
    why: tuple[Place, str] | None = None
    """Of a node without a value: the schema and the keyword that leave none."""

    def parts(self) -> Iterator[Node]:
        """The nodes that the body refers to."""
        match self.body:
            case Items(first=first, rest=rest):
                yield from first
                if rest is not None:
                    yield rest
            case Fields(members=members, others=others):
                for member in members:
                    yield member.value
                for _, value in others:
                    yield value
            case Either(options=options):
                yield from options


def reachable(root: Node) -> list[Node]:
    """``root`` and every node that it refers to, each once, in the order of their finding."""
    found = {root: None}
    stack = [root]
    while stack:
        for part in stack.pop().parts():
            if part not in found:
                found[part] = None
                stack.append(part)
    return list(found)


def living(nodes: Sequence[Node]) -> set[Node]:
    """The nodes of which a finite text can be written.

    A node has a value when one can be built from nodes known to have one: the least fixed point,
    so a required part that needs itself has none.
    """
    alive: set[Node] = set()
    waiting = list(nodes)
    while waiting:
        dead = [node for node in waiting if not _alive(node.body, alive)]
        if len(dead) == len(waiting):
            break
        alive.update(set(waiting).difference(dead))
        waiting = dead
    return alive


def prune(nodes: Sequence[Node], alive: set[Node]) -> None:
    """Take out what no finite text can meet."""
    for node in nodes:
        node.body = _kept(node.body, alive) if node in alive else Nothing()


def culprit(root: Node, alive: set[Node]) -> tuple[Place | None, str, bool]:
    """Why ``root`` has no value: a schema, its keyword, and whether a part needs itself."""
    node, seen = root, {root}
    while True:
        if node.why is not None:
            place, keyword = node.why
            return place, keyword, False
        dead, keyword = _dead_part(node.body, alive)
        if dead is None:
            return node.origin, keyword, False
        if dead in seen:
            return node.origin, "$ref", True
        if dead.why is not None and not dead.why[1] and keyword:
            return node.origin, keyword, False  # the part is `false` itself
        seen.add(dead)
        node = dead


def _dead_part(body: Body, alive: set[Node]) -> tuple[Node | None, str]:
    match body:
        case Fields(members=members):
            for member in members:
                if member.required and member.value not in alive:
                    return member.value, "required"
            return None, "minProperties"
        case Items(first=first, rest=rest):
            parts = [*first, rest] if rest is not None else first
            return next((part for part in parts if part not in alive), None), "minItems"
        case Either(options=options):
            return (options[0] if options else None), ""
    return None, ""


def _alive(body: Body, alive: set[Node]) -> bool:
    match body:
        case Nothing():
            return False
        case Literals(texts=texts):
            return bool(texts)
        case Either(options=options):
            return any(option in alive for option in options)
        case Items(first=first, rest=rest, least=least, most=most):
            if most is not None and most < least:
                return False
            needed = [
                first[i] if i < len(first) else rest for i in range(min(least, len(first) + 1))
            ]
            return all(node is not None and node in alive for node in needed)
        case Fields():
            return _object_alive(body, alive)
        case _:
            return True


def _object_alive(body: Fields, alive: set[Node]) -> bool:
    writable = {member.name for member in body.members if member.value in alive}
    required = {member.name for member in body.members if member.required}
    if not required <= writable or (body.most is not None and body.most < len(required)):
        return False
    open_ended = any(value in alive for _, value in body.others)
    if not open_ended and len(writable) < body.least:
        return False
    return all(clause.present & writable or clause.absent - required for clause in body.clauses)


def _kept(body: Body, alive: set[Node]) -> Body:
    match body:
        case Either(options=options):
            return Either(tuple(option for option in options if option in alive))
        case Items(first=first, rest=rest, least=least, most=most):
            if rest is not None and rest not in alive:
                rest = None
            end = next((i for i, node in enumerate(first) if node not in alive), None)
            return (
                Items(first, rest, least, most)
                if end is None
                else Items(first[:end], None, least, most)
            )
        case Fields():
            return _writable(body, alive)
        case _:
            return body


def _writable(body: Fields, alive: set[Node]) -> Fields:
    """An object without the members that have no value, and without those that ask for them."""
    members = {member.name: member for member in body.members if member.value in alive}
    clauses = list(body.clauses)
    while True:
        lost = [c for c in clauses if c.present and not c.present & members.keys()]
        if not lost:
            break
        for clause in lost:
            clauses.remove(clause)
            names = {name for name in clause.absent & members.keys() if not members[name].required}
            if len(names) > 1:
                clauses.append(Clause(frozenset(), frozenset(names)))
            for name in names if len(names) == 1 else ():
                del members[name]
    return replace(
        body,
        members=tuple(members.values()),
        others=tuple((keys, value) for keys, value in body.others if value in alive),
        clauses=tuple(clauses),
    )
