"""From a JSON Schema to nodes: the values that a grammar lets through.

The result is exact or a superset: every value of the schema is let through, and each keyword of
which that is all that can be said is taken down as a finding. A schema is only looked at as far as
a budget reaches; what lies beyond lets anything through. So no schema, however nested, recursive
or large, makes this slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from structured.audit import Audit, Enforcement, Finding
from structured.errors import json_path
from structured.grammar import arrays, constants, objects, scalars
from structured.grammar.conjunction import (
    ALL_TYPES,
    Choice,
    Conjoiner,
    Conjunction,
    types_named,
)
from structured.grammar.disjoint import disjoint
from structured.grammar.glance import ANNOTATIONS, contradictory
from structured.grammar.nodes import (
    Anything,
    Body,
    Either,
    Literals,
    Node,
    Nothing,
    culprit,
    living,
    prune,
    reachable,
)
from structured.grammar.references import Place, References

KeyOrder = Literal["schema", "any"]


@dataclass(frozen=True)
class Budget:
    """How far a schema is looked at."""

    nodes: int = 10_000
    """Nodes that are made."""
    alternatives: int = 64
    """Ways to combine several ``anyOf``, ``oneOf`` and ``if`` that hold together."""
    parts: int = 100_000
    """Schemas that are looked at, counted as often as that happens."""


@dataclass
class Lowered:
    """A schema as nodes."""

    root: Node
    findings: dict[tuple[tuple[str | int, ...], str], str]
    """What the grammar leaves to the validator: (path, keyword) → why."""
    places: dict[int, Place]
    """Every schema that applies somewhere."""
    document: Any
    """The schema."""
    impossible: tuple[Place | None, str, bool] | None = None
    """Where no value meets it: why, as :func:`~structured.grammar.nodes.culprit` says it."""

    def audit(self, engine: str) -> Audit:
        """Every keyword, and who enforces it."""
        found = []
        order = _order(self.document)
        for place in sorted(self.places.values(), key=lambda p: order.get(id(p.schema), 0)):
            for keyword in place.schema:
                reason = self.findings.get((place.path, keyword))
                if reason is not None or keyword not in ANNOTATIONS:
                    by: Enforcement = "grammar" if reason is None else "validator"
                    found.append(Finding(json_path(place.path), keyword, by, reason or ""))
        known = {(finding.path, finding.keyword) for finding in found}
        for (path, keyword), reason in self.findings.items():
            if (json_path(path), keyword) not in known:
                found.append(Finding(json_path(path), keyword, "validator", reason))
        return Audit.of(engine, found)


def lower(
    root: Any, *, key_order: KeyOrder, budget: Budget | None = None, careful: bool = False
) -> Lowered:
    """The nodes of a JSON Schema, of any draft from 4 to 2020-12 (and what is common in draft 3).

    Args:
        root: The schema. It is not changed, and must not change while the result is in use.
        key_order: Whether an object's members come in the schema's order.
        budget: How far to look.
        careful: Have the engine try every pattern, format and bound before it goes into the
            grammar, and leave out what it does not take. Slow: for when a grammar fails.

    Raises:
        Unreachable: A ``$ref`` that leads nowhere.
    """
    return Lowering(root, key_order, budget or Budget(), careful=careful).run()


class Lowering:
    """One schema on its way to nodes."""

    def __init__(
        self, root: Any, key_order: KeyOrder, budget: Budget, *, careful: bool = False
    ) -> None:
        self.root = root
        self.careful = careful
        self.key_order = key_order
        self.references = References(root)
        self.conjoiner = Conjoiner(self.references, self.left, clauses=key_order == "any")
        self.child = self.conjoiner.child
        self.made = self.conjoiner.made
        self._budget = budget
        self._parts = 0
        self._findings: dict[tuple[tuple[str | int, ...], str], str] = {}
        self._why: tuple[Place, str] | None = None
        self._nodes: dict[Any, Node] = {}
        self._waiting: deque[tuple[Node, Sequence[Place] | Conjunction]] = deque()
        self._exclusive: list[tuple[Choice, tuple[Node, ...]]] = []
        self._anything = Node(Anything())
        self._plain: dict[Body, Node] = {}

    def run(self) -> Lowered:
        """Make all nodes."""
        root = self.node([Place(self.root, ())])
        while self._waiting:
            node, given = self._waiting.popleft()
            conjunction = given if isinstance(given, Conjunction) else self._conjoined(given)
            node.body = self._body(conjunction)
            if isinstance(node.body, Nothing):
                node.why = self._why
        nodes = reachable(root)
        alive = living(nodes)
        if root not in alive:
            visited = self.conjoiner.visited
            why = culprit(root, alive)
            return Lowered(root, self._findings, visited, self.root, why)
        prune(nodes, alive)
        for choice, options in self._exclusive:
            if not disjoint([option for option in options if not isinstance(option.body, Nothing)]):
                self.left(choice.place, "oneOf", "that no two options hold is checked afterwards")
        return Lowered(root, self._findings, self.conjoiner.visited, self.root)

    # -- what the parts use ----------------------------------------------------------------

    def node(self, places: Sequence[Place]) -> Node:
        """The node of all of ``places`` together."""
        places = [place for place in places if place.schema is not True and place.schema != {}]
        if not places:
            return self._anything
        key = frozenset(id(place.schema) for place in places)
        return self._node(key, places)

    def plain(self, body: Body) -> Node:
        """The one node of a body that refers to no others."""
        if body not in self._plain:
            self._plain[body] = Node(body)
        return self._plain[body]

    def left(self, place: Place, keyword: str, reason: str) -> None:
        """Take down what the grammar does not enforce."""
        self._findings.setdefault((place.path, keyword), reason)

    def nothing(self, place: Place, keyword: str) -> Nothing:
        """No value: take down where that became clear."""
        self._why = (place, keyword)
        return Nothing()

    def literal(self, value: Any) -> Node:
        """The node of one value."""
        return constants.literal_node(value, self)

    # -- inside ----------------------------------------------------------------------------

    def _node(self, key: Any, given: Sequence[Place] | Conjunction) -> Node:
        found = self._nodes.get(key)
        if found is not None:
            return found
        if len(self._nodes) >= self._budget.nodes or self._parts >= self._budget.parts:
            places = given.places.values() if isinstance(given, Conjunction) else given
            for place in places:
                self.left(place, "", "the schema is too large to be looked at as a whole")
            return self._anything
        first = next(iter(given.places.values() if isinstance(given, Conjunction) else given), None)
        node = self._nodes[key] = Node(origin=first)
        self._waiting.append((node, given))
        return node

    def _conjoined(self, places: Sequence[Place]) -> Conjunction:
        found = self.conjoiner.conjoined(places)
        self._parts += len(found.seen)
        return found

    def _body(self, conjunction: Conjunction) -> Body:
        if conjunction.never is not None:
            return self.nothing(*conjunction.never)
        if conjunction.choices:
            return self._choose(conjunction)
        places = list(conjunction.places.values())
        types = set(ALL_TYPES if conjunction.types is None else conjunction.types)
        for place in places:
            named = types_named(place.schema["type"]) if "type" in place.schema else None
            if named is not None:
                types &= named
                if not types:
                    return self.nothing(place, "type")
        listed = constants.constants(places, types, conjunction, self)
        if listed is not None:
            return listed
        return self._of_types(places, types, conjunction)

    def _of_types(self, places: Sequence[Place], types: set[str], conjunction: Conjunction) -> Body:
        options: list[Node] = []
        silent = not any(_says_something(place) for place in places)
        if types == ALL_TYPES and silent and not (conjunction.clauses or conjunction.blocked):
            return Anything()
        for type_ in ("object", "array", "string", "number", "integer", "boolean", "null"):
            if type_ not in types or (type_ == "integer" and "number" in types):
                continue
            if type_ == "object":
                body = objects.lower_object(places, conjunction, self)
            elif type_ == "array":
                body = arrays.lower_array(places, self)
            elif type_ == "string":
                body = scalars.lower_string(places, self)
            elif type_ in ("number", "integer"):
                body = scalars.lower_number(places, type_, self)
            else:
                body = Literals(("true", "false") if type_ == "boolean" else ("null",))
            if len(types - {"integer"} if "number" in types else types) == 1:
                return body
            options.append(Node(body))
        return Either(tuple(options))

    def _choose(self, conjunction: Conjunction) -> Body:
        """The alternatives that a conjunction's choices come to."""
        if _only_a_choice(conjunction):
            (choice,) = conjunction.choices.values()
            options = tuple(self.node(places) for places in choice.options)
            if choice.keyword == "oneOf":
                self._exclusive.append((choice, options))
            return Either(tuple(dict.fromkeys(options)))
        open_ = [_Alternative(conjunction, {})]
        done: list[_Alternative] = []
        made: dict[Choice, None] = {}
        while open_:
            alternative = open_.pop()
            choices = alternative.conjunction.choices.values()
            if not choices:
                done.append(alternative)
                continue
            choice = min(choices, key=lambda choice: len(choice.options))
            if len(open_) + len(done) + len(choice.options) > self._budget.alternatives and (
                open_ or done or len(choices) > 1
            ):
                self.left(choice.place, choice.keyword, "too many combinations")
                del alternative.conjunction.choices[choice.key]
                open_.append(alternative)
                continue
            made[choice] = None
            open_ += self._made_choice(alternative, choice)[::-1]
        for choice in made:
            if choice.keyword == "oneOf":
                self._exclude(choice, done)
        nodes = [self._node(each.conjunction.key, each.conjunction) for each in done]
        return Either(tuple(dict.fromkeys(nodes)))

    def _made_choice(self, alternative: _Alternative, choice: Choice) -> list[_Alternative]:
        found = []
        for i, places in enumerate(choice.options):
            rest = self.conjoiner.conjoined(places, alternative.conjunction.without(choice))
            self._parts += len(rest.seen)
            if rest.never is None and not contradictory(rest.places.values()):
                found.append(_Alternative(rest, {**alternative.taken, choice.key: i}))
        return found

    def _exclude(self, choice: Choice, done: Sequence[_Alternative]) -> None:
        """Have it looked at whether two options of a ``oneOf`` can hold together."""
        groups: dict[int, list[Node]] = {}
        for alternative in done:
            if choice.key in alternative.taken:
                node = self._node(alternative.conjunction.key, alternative.conjunction)
                groups.setdefault(alternative.taken[choice.key], []).append(node)
        self._exclusive.append((choice, tuple(Node(Either(tuple(g))) for g in groups.values())))


@dataclass(slots=True)
class _Alternative:
    """A conjunction on its way to having no choices left, and the options taken so far."""

    conjunction: Conjunction
    taken: dict[tuple[int, str], int]


def _only_a_choice(conjunction: Conjunction) -> bool:
    """Whether a conjunction is one choice and says nothing else."""
    return (
        len(conjunction.choices) == 1
        and conjunction.types is None
        and not (conjunction.clauses or conjunction.blocked or conjunction.excluded)
        and not any(_says_something(place) for place in conjunction.places.values())
    )


def _order(document: Any) -> dict[int, int]:
    """Where the parts of a document stand in it, by identity."""
    found: dict[int, int] = {}
    stack: list[Any] = [document] if isinstance(document, dict) else []
    while stack:
        part = stack.pop()
        found[id(part)] = len(found)
        inside = part.values() if isinstance(part, dict) else part
        stack += [child for child in inside if isinstance(child, (dict, list))][::-1]
    return found


_APPLIED = frozenset(
    {
        *("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "then", "else"),
        *("not", "dependentRequired", "dependencies", "dependentSchemas"),
    }
)


def _says_something(place: Place) -> bool:
    """Whether a schema has a keyword beside those that were followed."""
    return any(key not in ANNOTATIONS and key not in _APPLIED for key in place.schema)
