"""What must hold of one value: the schemas that apply to it, references and ``allOf`` followed.

A :class:`Conjunction` is the schemas whose own keywords hold, the choices still to be made
(``anyOf``, ``oneOf``, ``if``), and what they say about which members are present.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from structured.grammar.glance import ANNOTATIONS, contrary, only_required
from structured.grammar.nodes import Clause
from structured.grammar.references import Place, References
from structured.json_schema import RULES, subschemas

Note = Callable[[Place, str, str], None]
"""Takes down a keyword at a place that the grammar does not enforce, and why."""

_LATE = {"const": 6, "contains": 6, "propertyNames": 6, "if": 7, "prefixItems": 2020}
_LATE |= {"then": 7, "else": 7, "examples": 6}
"""Keywords, and the first draft that knows them: in older schemas they say nothing."""
_MAX_CLAUSES = 32


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of several options holds, each a conjunction of its own."""

    place: Place
    keyword: str
    options: tuple[tuple[Place, ...], ...]

    @property
    def key(self) -> tuple[int, str]:
        """What tells choices apart."""
        return id(self.place.schema), self.keyword


@dataclass(slots=True)
class Conjunction:
    """See the module."""

    places: dict[int, Place] = field(default_factory=dict)
    choices: dict[tuple[int, str], Choice] = field(default_factory=dict)
    clauses: dict[Clause, None] = field(default_factory=dict)
    blocked: dict[frozenset[str], None] = field(default_factory=dict)
    """Sets of names that must not be there together."""
    excluded: list[Any] = field(default_factory=list)
    """Values that it must not be."""
    types: set[str] | None = None
    """JSON types that ``not`` leaves; ``None``: all."""
    never: tuple[Place, str] | None = None
    """Why nothing can meet it."""
    seen: set[int] = field(default_factory=set)

    @property
    def key(self) -> tuple[frozenset[int], frozenset[tuple[int, str]]]:
        """What tells conjunctions apart: the rest follows from these."""
        return frozenset(self.seen), frozenset(self.choices)

    def without(self, choice: Choice) -> Conjunction:
        """A copy in which one choice is made."""
        return Conjunction(
            dict(self.places),
            {key: other for key, other in self.choices.items() if key != choice.key},
            dict(self.clauses),
            dict(self.blocked),
            list(self.excluded),
            None if self.types is None else set(self.types),
            self.never,
            set(self.seen),
        )


ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


def types_named(value: Any) -> set[str] | None:
    """The JSON types that a ``type`` keyword leaves; ``None`` when it says nothing."""
    names = value if isinstance(value, list) else [value]
    found = {name for name in names if isinstance(name, str) and name in ALL_TYPES}
    if "any" in names or not names:  # draft 3
        return None
    if "number" in found:
        found.add("integer")
    return found if found or all(isinstance(name, str) for name in names) else None


class Unreachable(Exception):
    """A reference that leads nowhere."""

    def __init__(self, place: Place, reference: str) -> None:
        super().__init__(f"{reference!r} leads nowhere")
        self.place = place
        self.reference = reference


class Conjoiner:
    """Follows what applies to the same value.

    Args:
        references: The document's.
        note: Told of what the grammar leaves out.
        clauses: Whether the grammar can say which members must be there together.
    """

    def __init__(self, references: References, note: Note, *, clauses: bool) -> None:
        self._references = references
        self._tell = note
        self._clauses = clauses
        self._made: dict[tuple[int, str], Any] = {}
        self._invented: set[int] = set()
        self.visited: dict[int, Place] = {}

    def conjoined(self, places: Iterable[Place], start: Conjunction | None = None) -> Conjunction:
        """All of ``places`` hold, and what ``start`` says."""
        found = start or Conjunction()
        within: frozenset[int] = frozenset()
        stack = [(place, within) for place in places][::-1]
        while stack:
            place, within = stack.pop()
            schema = place.schema
            if id(schema) in within and isinstance(schema, dict):
                found.never = found.never or (place, "$ref")
                continue
            if schema is True or id(schema) in found.seen:
                continue
            if schema is False:
                found.never = found.never or (place, "")
                found.seen.add(id(schema))
                continue
            if not isinstance(schema, dict):
                continue
            found.seen.add(id(schema))
            within = within | {id(schema)}
            stack += [(more, within) for more in self._entered(place, found)][::-1]
        return found

    def child(self, place: Place, *steps: str | int) -> Place:
        """A schema inside another one."""
        schema = place.schema
        for step in steps:
            schema = schema[step]
        base = self._references.base_at(place.schema, place.base)
        return Place(schema, (*place.path, *steps), base)

    def made(self, place: Place, name: str, schema: Any) -> Place:
        """A schema that stands for what a keyword comes to; the same object every time."""
        kept = self._made.setdefault((id(place.schema), name), schema)
        self._invented.update(id(part) for _, part in subschemas(kept))
        return Place(kept, place.path, place.base)

    def _note(self, place: Place, keyword: str, reason: str) -> None:
        if id(place.schema) not in self._invented:
            self._tell(place, keyword, reason)

    def knows(self, keyword: str) -> bool:
        """Whether the document's draft has the keyword."""
        return self._references.draft >= _LATE.get(keyword, 0)

    def _entered(self, place: Place, found: Conjunction) -> list[Place]:
        """Take one schema in; returns those that apply beside it."""
        schema: dict[str, Any] = place.schema
        if id(schema) not in self._invented:
            self.visited.setdefault(id(schema), place)
        more: list[Place] = []
        if isinstance(schema.get("$ref"), str):
            target = self._references.resolve(schema["$ref"], place)
            if target is None and not self._references.is_metaschema(schema["$ref"]):
                raise Unreachable(place, schema["$ref"])
            if target is None:
                self._note(place, "$ref", "the grammar does not follow it out of the document")
            else:
                more.append(target)
            if self._references.draft < 2019:
                return more
        for keyword in ("$dynamicRef", "$recursiveRef"):
            if isinstance(schema.get(keyword), str):
                target = self._references.dynamic(schema[keyword], place)
                if target is None or keyword == "$recursiveRef":
                    self._note(place, keyword, "where it leads depends on the way there")
                if target is not None and keyword == "$dynamicRef":
                    more.append(target)
        if isinstance(schema.get("allOf"), list):
            more += [self.child(place, "allOf", i) for i in range(len(schema["allOf"]))]
        found.places[id(schema)] = place
        if isinstance(rules := schema.get(RULES), list):
            self._note(place, RULES, "; ".join(map(str, rules)))
        self._negated(place, found, more)
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword) == []:
                found.never = found.never or (place, keyword)
            elif isinstance(schema.get(keyword), list):
                self._alternatives(place, keyword, found)
        if "if" in schema and self.knows("if"):
            self._conditional(place, found)
        self._dependent(place, found)
        return more

    def _alternatives(self, place: Place, keyword: str, found: Conjunction) -> None:
        options = place.schema[keyword]
        if keyword == "anyOf" and any(option is True or option == {} for option in options):
            return
        required = [only_required(option) for option in options]
        if self._clauses and all(names is not None for names in required):
            self._required_choice(place, keyword, [n for n in required if n is not None], found)
            return
        children = tuple((self.child(place, keyword, i),) for i in range(len(options)))
        choice = Choice(place, keyword, children)
        found.choices[choice.key] = choice

    def _required_choice(
        self, place: Place, keyword: str, options: Sequence[frozenset[str]], found: Conjunction
    ) -> None:
        """Options that only name required members: no need to try them one by one."""
        count = 1
        for names in options:
            count *= max(1, len(names))
        if count > _MAX_CLAUSES or not all(options):
            if all(options) or keyword == "oneOf":
                self._note(place, keyword, "too many combinations of members")
            return
        for picked in product(*options):
            found.clauses[Clause(frozenset(picked))] = None
        if keyword == "oneOf" and len(options) > 1:
            if all(len(names) == 1 for names in options):
                for pair in combinations(options, 2):
                    if pair[0] != pair[1]:
                        found.blocked[pair[0] | pair[1]] = None
                    else:
                        self._note(place, keyword, "two options are the same")
            else:
                self._note(place, keyword, "that no two options hold is checked afterwards")

    def _conditional(self, place: Place, found: Conjunction) -> None:
        schema = place.schema
        then, otherwise = (isinstance(schema.get(key), (dict, bool)) for key in ("then", "else"))
        if not (then or otherwise):
            return
        for keyword in ("if", "then", "else"):
            if keyword in schema:
                self._note(place, keyword, "which branch holds is checked afterwards")
        condition = self.child(place, "if")
        holds = (condition, self.child(place, "then")) if then else (condition,)
        fails: tuple[Place, ...] = (self.child(place, "else"),) if otherwise else ()
        if (broken := contrary(schema["if"])) is not None:
            fails = (*fails, self.made(place, "not if", broken))
        if not fails:
            return
        choice = Choice(place, "if", (holds, fails))
        found.choices[choice.key] = choice

    def _negated(self, place: Place, found: Conjunction, more: list[Place]) -> None:
        if "not" not in place.schema:
            return
        negated = place.schema["not"]
        if negated is True or negated == {}:
            found.never = found.never or (place, "not")
            return
        if not isinstance(negated, dict):
            return
        said = {key: value for key, value in negated.items() if key not in ANNOTATIONS}
        match said:
            case {"type": named} if len(said) == 1 and (types := types_named(named)) is not None:
                left = set(ALL_TYPES if found.types is None else found.types) - types
                if "integer" in types and "number" not in types:
                    self._note(place, "not", "numbers that are not integers")
                    left = set(ALL_TYPES if found.types is None else found.types)
                found.types = left
            case {"enum": [*values]} if len(said) == 1:
                found.excluded += values
                self._note(place, "not", "checked afterwards, but for enum")
            case {"const": value} if len(said) == 1:
                found.excluded.append(value)
                self._note(place, "not", "checked afterwards, but for enum")
            case {"required": [str(name)]} if len(said) == 1:
                self._of_objects(place)
                more.append(self.made(place, "not", {"properties": {name: False}}))
            case {"anyOf": [*options]} if len(said) == 1 and all(
                len(only_required(option) or ()) == 1 for option in options
            ):
                names = {name for option in options for name in only_required(option) or ()}
                self._of_objects(place)
                forbidden = {"properties": dict.fromkeys(sorted(names), False)}
                more.append(self.made(place, "not", forbidden))
            case _:
                self._note(place, "not", "the grammar cannot say what must not be")

    def _of_objects(self, place: Place) -> None:
        """A value that is no object has every ``required``, and so breaks its ``not``."""
        if place.schema.get("type") != "object":
            self._note(place, "not", "that it is an object is checked afterwards")

    def _dependent(self, place: Place, found: Conjunction) -> None:
        schema = place.schema
        for keyword in ("dependentRequired", "dependencies"):
            rules = schema.get(keyword)
            if not isinstance(rules, dict) or not rules:
                continue
            for name, needed in rules.items():
                if isinstance(needed, str):  # draft 3
                    needed = [needed]
                if isinstance(needed, list) and self._clauses:
                    for other in needed:
                        if isinstance(other, str) and other != name:
                            clause = Clause(frozenset([other]), frozenset([name]))
                            found.clauses[clause] = None
                elif needed is not True and needed != {} and needed != []:
                    self._note(place, keyword, "what one member asks of others")
        rules = schema.get("dependentSchemas")
        if isinstance(rules, dict) and any(r is not True and r != {} for r in rules.values()):
            self._note(place, "dependentSchemas", "what one member asks of others")
