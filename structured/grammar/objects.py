"""Objects of all schemas that hold together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from structured.grammar.arrays import whole
from structured.grammar.matching import compiles, matches
from structured.grammar.nodes import (
    Anything,
    Body,
    Fields,
    Keys,
    Member,
    Node,
    Nothing,
)
from structured.grammar.patterns import Translated, translated
from structured.grammar.presence import MAX_COUNT, mapping, presence, required_names
from structured.grammar.references import Place
from structured.json_schema import DECIMAL, RULES, SPELLED_OUT

if TYPE_CHECKING:
    from structured.grammar.conjunction import Conjunction
    from structured.grammar.lowering import Lowering

_KEYWORDS = frozenset(
    {
        *("properties", "patternProperties", "additionalProperties", "required", "propertyNames"),
        *("minProperties", "maxProperties", "unevaluatedProperties"),
    }
)
_ESCAPED = "names that JSON writes with a backslash are checked afterwards"


def lower_object(places: Sequence[Place], conjunction: Conjunction, lowering: Lowering) -> Body:
    """The objects that meet all of ``places``."""
    about = [place for place in places if not _KEYWORDS.isdisjoint(place.schema)]
    if not about and not conjunction.clauses:
        return Anything("object")
    members = _members(about, conjunction, lowering)
    names = _Names(about, lowering)
    for name in list(members):
        if not names.admits(name):
            members[name] = Node(Nothing())
    known = presence(about, conjunction, lowering)
    for name in known.forbidden:
        members[name] = Node(Nothing())
    others, listed = _others(about, names, set(members), lowering)
    for name, value in listed.items():
        members.setdefault(name, value)
    # The keys of a dict are listed, if at all, in no order that means anything.
    ordered = lowering.key_order == "schema" and names.listed is None
    known = known.told(set(members), others=bool(others), ordered=ordered)
    if known.most is not None and known.least > known.most:
        return lowering.nothing(about[0], "maxProperties")
    return Fields(
        tuple(Member(name, value, name in known.required) for name, value in members.items()),
        tuple(others),
        frozenset(members),
        known.least,
        known.most,
        known.clauses,
        ordered,
    )


def _members(
    places: Sequence[Place], conjunction: Conjunction, lowering: Lowering
) -> dict[str, Node]:
    """Every member that is known by name, with its value."""
    names: dict[str, None] = {}
    for place in places:
        names |= dict.fromkeys(mapping(place, "properties"))
    for place in places:
        names |= dict.fromkeys(required_names(place))
    for clause in conjunction.clauses:
        names |= dict.fromkeys(sorted(clause.present | clause.absent))
    return {name: lowering.node(_about_member(name, places, lowering)) for name in names}


def _about_member(name: str, places: Sequence[Place], lowering: Lowering) -> list[Place]:
    found = []
    for place in places:
        matched = False
        if name in mapping(place, "properties"):
            found.append(lowering.child(place, "properties", name))
            matched = True
        for pattern in mapping(place, "patternProperties"):
            hit = matches(pattern, name)
            if hit is None:
                lowering.left(place, "patternProperties", f"{pattern!r} is checked afterwards")
            elif hit:
                found.append(lowering.child(place, "patternProperties", pattern))
            matched = matched or hit is not False
        if not matched and isinstance(place.schema.get("additionalProperties"), (dict, bool)):
            found.append(lowering.child(place, "additionalProperties"))
    return found


def _others(
    places: Sequence[Place], names: _Names, known: set[str], lowering: Lowering
) -> tuple[list[tuple[Keys, Node]], dict[str, Node]]:
    """Members not known by name; and those that become known because their names are listed."""
    with_patterns = [place for place in places if mapping(place, "patternProperties")]
    main = next(
        (place for place in with_patterns if place.schema.get("additionalProperties") is False),
        with_patterns[0] if with_patterns else None,
    )
    for place in with_patterns:
        if place is not main or len(mapping(place, "patternProperties")) > 1:
            lowering.left(place, "patternProperties", "names that match several are checked after")
    rest = [place for place in places if place not in with_patterns]
    additional = [
        lowering.child(place, "additionalProperties")
        for place in rest
        if isinstance(place.schema.get("additionalProperties"), (dict, bool))
    ]
    if any(part.schema is False for part in additional):
        return [], {}
    evaluated = _evaluated(places, lowering)
    if evaluated is not None:
        anything = lowering.node(additional)
        return [], {n: anything for n in sorted(evaluated - known) if names.admits(n)}
    if names.listed is not None:
        values = {n: lowering.node(_about_member(n, places, lowering)) for n in names.listed}
        return [], {name: value for name, value in values.items() if name not in known}
    found: list[tuple[Keys, Node]] = []
    if main is None:
        return [(names.keys, lowering.node(additional))], {}
    inside = [_regex(pattern, lowering) for pattern in mapping(main, "patternProperties")]
    for pattern, regex in zip(mapping(main, "patternProperties"), inside, strict=True):
        value = lowering.node([lowering.child(main, "patternProperties", pattern), *additional])
        if regex is None or not regex.exact:
            lowering.left(main, "patternProperties", f"names like {pattern!r} are checked after")
        keys = Keys() if regex is None else Keys((regex.regex,), escaped=regex.wide)
        if keys.escaped:
            lowering.left(main, "patternProperties", _ESCAPED)
        found.append((names.narrowed(keys), value))
    other = main.schema.get("additionalProperties", True)
    if other is not False:
        parts = [lowering.child(main, "additionalProperties")] if other not in (True, {}) else []
        if inside:
            lowering.left(main, "patternProperties", _ESCAPED)
        without = tuple(regex.regex for regex in inside if regex is not None and regex.exact)
        keys = names.narrowed(Keys(excluded=without))
        found.append((keys, lowering.node([*parts, *additional])))
    return found, {}


def _regex(pattern: str, lowering: Lowering) -> Translated | None:
    found = translated(pattern)
    if found is not None and lowering.careful and not compiles(found.regex):
        return None
    return found


class _Names:
    """What ``propertyNames`` asks of every name."""

    def __init__(self, places: Sequence[Place], lowering: Lowering) -> None:
        self.listed: tuple[str, ...] | None = None
        self.keys = Keys()
        self._patterns: list[str] = []
        self._least = 0
        self._most: int | None = None
        self._never = False
        for place in places:
            if "propertyNames" in place.schema and lowering.conjoiner.knows("propertyNames"):
                self._read(lowering.child(place, "propertyNames"), place, lowering)
        if self._least or self._most is not None:
            length = f"(?s:.){{{self._least},{'' if self._most is None else self._most}}}"
            self.keys = self.narrowed(Keys((length,)))

    def admits(self, name: str) -> bool:
        """Whether a member may have this name, as far as can be told."""
        if self._never or (self.listed is not None and name not in self.listed):
            return False
        if len(name) < self._least or (self._most is not None and len(name) > self._most):
            return False
        return all(matches(pattern, name) is not False for pattern in self._patterns)

    def narrowed(self, keys: Keys) -> Keys:
        """Names that are among ``keys`` and among these."""
        return Keys(
            self.keys.patterns + keys.patterns,
            self.keys.excluded + keys.excluded,
            self.keys.escaped and keys.escaped,
        )

    def _read(self, names: Place, place: Place, lowering: Lowering) -> None:
        conjunction = lowering.conjoiner.conjoined([names])
        if conjunction.never is not None:
            self._never, self.listed = True, ()
            return
        loose = bool(conjunction.choices) or conjunction.types is not None
        for part in conjunction.places.values():
            spelled_out = part.schema.get("pattern") in SPELLED_OUT
            for keyword, value in part.schema.items():
                if keyword == RULES:
                    continue
                if keyword == "format" and (spelled_out or value == DECIMAL):
                    continue
                loose = not self._take(keyword, value, lowering) or loose
        if self._least or self._most is not None or (self.keys.patterns and self.keys.escaped):
            lowering.left(place, "propertyNames", _ESCAPED)
        if loose:
            lowering.left(place, "propertyNames", "names are checked afterwards")

    def _take(self, keyword: str, value: Any, lowering: Lowering) -> bool:
        """Work a keyword about names in; whether it is enforced."""
        if keyword == "enum" and isinstance(value, list):
            listed = [name for name in value if isinstance(name, str)]
            kept = listed if self.listed is None else [n for n in listed if n in self.listed]
            self.listed = tuple(dict.fromkeys(kept))
        elif keyword == "const" and isinstance(value, str):
            self.listed = (value,) if self.listed is None or value in self.listed else ()
        elif keyword == "pattern" and isinstance(value, str):
            found = _regex(value, lowering)
            if found is None:
                return False
            self._patterns.append(value)
            self.keys = self.narrowed(Keys((found.regex,), escaped=found.wide))
            return found.exact
        elif keyword == "minLength" and (count := whole(value)) is not None:
            self._least = max(self._least, min(count, MAX_COUNT))
        elif keyword == "maxLength" and (count := whole(value)) is not None:
            if count > MAX_COUNT:
                return False
            self._most = count if self._most is None else min(self._most, count)
        elif keyword == "type":
            return value == "string" or (isinstance(value, list) and "string" in value)
        elif keyword in ("not", "if", "then", "else", "format"):
            return False
        return True


_IN_PLACE = ("allOf", "anyOf", "oneOf")


def _evaluated(places: Sequence[Place], lowering: Lowering) -> set[str] | None:
    """The only names there can be, where ``unevaluatedProperties`` shuts all others out."""
    found: set[str] | None = None
    for place in places:
        given = place.schema.get("unevaluatedProperties")
        if given is None or given is True or given == {}:
            continue
        below = _names_below(place, lowering, set()) if given is False else None
        if below is None:
            lowering.left(place, "unevaluatedProperties", "which members that is depends on others")
        else:
            lowering.left(place, "unevaluatedProperties", "that the branch holds is checked")
            found = below if found is None else found & below
    return found


def _names_below(place: Place, lowering: Lowering, seen: set[int]) -> set[str] | None:
    """Names that a schema, or one that applies beside it, may evaluate; ``None``: any."""
    schema = place.schema
    if not isinstance(schema, dict) or id(schema) in seen:
        return set()
    seen.add(id(schema))
    if schema.get("patternProperties") or schema.get("additionalProperties", False) is not False:
        return None
    if any(keyword in schema for keyword in ("$dynamicRef", "$recursiveRef")):
        return None
    if len(seen) > 1 and schema.get("unevaluatedProperties", False) is not False:
        return None
    names = set(mapping(place, "properties"))
    parts = []
    if isinstance(schema.get("$ref"), str):
        target = lowering.references.resolve(schema["$ref"], place)
        if target is None:
            return None
        parts.append(target)
    for keyword in _IN_PLACE:
        if isinstance(schema.get(keyword), list):
            parts += [lowering.child(place, keyword, i) for i in range(len(schema[keyword]))]
    parts += [lowering.child(place, key) for key in ("if", "then", "else") if key in schema]
    for keyword in ("dependentSchemas", "dependencies"):
        parts += [lowering.child(place, keyword, name) for name in mapping(place, keyword)]
    for part in parts:
        below = _names_below(part, lowering, seen)
        if below is None:
            return None
        names |= below
    return names
