"""Which members of an object are there: required ones, counts, and what depends on what.

A grammar is read from left to right, and must never lead to where no text can go on. So of the
rules about which members are there together, it states those that can be kept whatever was written
before, and leaves the others to the validator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from structured.grammar.arrays import whole
from structured.grammar.nodes import MAX_TRACKED, Clause
from structured.grammar.references import Place

if TYPE_CHECKING:
    from structured.grammar.conjunction import Conjunction
    from structured.grammar.lowering import Lowering

MAX_COUNT = 1_000
"""Members that a grammar counts."""


@dataclass(frozen=True)
class Presence:
    """What is asked of an object's members as a whole."""

    required: frozenset[str]
    forbidden: frozenset[str]
    least: int
    most: int | None
    clauses: tuple[Clause, ...]
    places: Sequence[Place]
    lowering: Lowering

    def told(self, known: set[str], *, others: bool, ordered: bool) -> Presence:
        """As much of it as a grammar can say.

        Args:
            known: The members with names, ``others``: whether there may be more.
            ordered: They come in a fixed order, which only counts those that have no name.
        """
        least, most = max(self.least, len(self.required)), self.most
        apart = [clause for clause in self.clauses if not clause.present]
        if not ordered and len(self.required) > MAX_TRACKED:
            self._left("required", f"kept track of up to {MAX_TRACKED} members")
        if others and least > len(self.required) + 1:
            self._left("minProperties", "a key written twice counts as two")
        if most is not None and len(self.clauses) > len(apart):
            self._left("maxProperties", "not counted beside rules about what must be together")
            most = None
        if apart and least > len(self.required):
            self._left("minProperties", "not counted beside members that exclude each other")
            least = len(self.required)
        counts = least > len(self.required) or most is not None
        if ordered and counts and not known <= self.required:
            for keyword in ("minProperties", "maxProperties"):
                self._left(keyword, "not counted where some members are optional")
            least, most = len(self.required), None
        return replace(self, least=least, most=most)

    def _left(self, keyword: str, reason: str) -> None:
        for place in self.places:
            if keyword in place.schema:
                self.lowering.left(place, keyword, reason)


def presence(places: Sequence[Place], conjunction: Conjunction, lowering: Lowering) -> Presence:
    """What schemas that hold together ask of the members as a whole."""
    required = {name for place in places for name in required_names(place)}
    clauses = set(conjunction.clauses)
    while True:  # what a required member asks for is required
        asked = {
            name
            for clause in clauses
            if clause.absent <= required and len(clause.present) == 1
            for name in clause.present
        }
        if asked <= required:
            break
        required |= asked
    open_ = [clause for clause in conjunction.clauses if not clause.present & required]
    apart, forbidden = _apart(conjunction, required, open_, lowering)
    least, most = _counts(places, lowering)
    return Presence(
        frozenset(required),
        frozenset(forbidden),
        least,
        most,
        (*open_, *apart),
        places,
        lowering,
    )


def _apart(
    conjunction: Conjunction, required: set[str], clauses: Sequence[Clause], lowering: Lowering
) -> tuple[list[Clause], set[str]]:
    """Names that exclude each other; and those that a required one excludes."""
    found: list[Clause] = []
    forbidden: set[str] = set()
    implied = {name for clause in clauses if clause.absent for name in clause.present}
    wanted = [set(clause.present) for clause in clauses if not clause.absent]
    for pair in conjunction.blocked:
        # Of two that exclude each other, one may be written only if nothing will ask for both.
        if len(pair & required) == 1 and not (pair - required) & implied:
            forbidden |= pair - required
        elif not pair & (required | implied) and all(
            len(pair & names) in (0, len(pair)) for names in wanted
        ):
            found.append(Clause(frozenset(), pair))
        else:
            for place in conjunction.places.values():
                if "oneOf" in place.schema:
                    lowering.left(place, "oneOf", "that no two options hold is checked afterwards")
    return found, forbidden


def mapping(place: Place, keyword: str) -> dict[str, Any]:
    """The value of a keyword that is an object; empty where it is none."""
    value = place.schema.get(keyword)
    return value if isinstance(value, dict) else {}


def required_names(place: Place) -> list[str]:
    """The members that a schema requires."""
    value = place.schema.get("required")
    names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
    for name, part in mapping(place, "properties").items():  # draft 3
        if isinstance(part, dict) and part.get("required") is True:
            names.append(name)
    return names


def _counts(places: Sequence[Place], lowering: Lowering) -> tuple[int, int | None]:
    least, most = 0, None
    for place in places:
        low = whole(place.schema.get("minProperties"))
        high = whole(place.schema.get("maxProperties"))
        if low is not None:
            if low > MAX_COUNT:
                lowering.left(place, "minProperties", f"counted up to {MAX_COUNT}")
            least = max(least, min(low, MAX_COUNT))
        if high is not None and high <= MAX_COUNT:
            most = high if most is None else min(most, high)
        elif high is not None:
            lowering.left(place, "maxProperties", f"counted up to {MAX_COUNT}")
    return least, most
