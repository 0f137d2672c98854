"""What a grammar keeps track of while an object's members come in any order.

llguidance's parametric rules carry 64 bits and conditions on them: this module gives the bits their
meaning and writes the conditions.
"""

from __future__ import annotations

from collections.abc import Sequence

from structured.grammar.nodes import MAX_TRACKED, Clause, Fields, Member

COUNTER = f"[{MAX_TRACKED}:64]"
"""The bits that count members."""


class Table:
    """What the 64 bits of an object's rules say: which members are there, and how many more.

    A bit for each of the first members, the required ones in front; from bit ``MAX_TRACKED`` on,
    the count of those that are not required, where counts matter.
    """

    def __init__(self, fields: Fields) -> None:
        asked = {name for clause in fields.clauses for name in clause.present | clause.absent}
        self.members = sorted(
            fields.members, key=lambda member: (not member.required, member.name not in asked)
        )
        self.bits = {member.name: i for i, member in enumerate(self.members[:MAX_TRACKED])}
        required = sum(member.required for member in self.members)
        self._required = min(required, MAX_TRACKED)
        self._clauses = fields.clauses
        self._apart = [clause.absent for clause in fields.clauses if not clause.present]
        self._low = max(0, fields.least - required)
        self._high = None if fields.most is None else max(0, fields.most - required)
        self.counted = self._low > 0 or self._high is not None

    def room(self, uncounted: int = 0) -> list[str]:
        """Conditions under which one more member that is not required may be written."""
        if self._high is None:
            return []
        left = self._high - uncounted
        return [f"lt({COUNTER}, {left})"] if left > 0 else [_NEVER]

    def writable(self, member: Member, uncounted: int = 0) -> list[str]:
        """Conditions under which a member may be written."""
        bit = self.bits.get(member.name)
        found = [] if bit is None else [f"bit_clear({bit})"]
        if not member.required:
            found += self.room(uncounted)
        for names in self._apart:
            if member.name in names:
                found.append(_any_clear(sorted(names - {member.name}), self.bits))
        return [condition for condition in found if condition]

    def end(self, uncounted: int = 0) -> list[str]:
        """Conditions under which the object may end."""
        found = [f"is_ones([0:{self._required}])"] if self._required else []
        found += [term for clause in self._clauses if (term := _clause(clause, self.bits))]
        low = self._low - uncounted
        return [*found, f"ge({COUNTER}, {low})"] if low > 0 else found

    def more(self, others: bool, uncounted: int = 0) -> list[str]:
        """Conditions under which any member may be written: no comma leads to a dead end."""
        room = self.room(uncounted)
        if (others or len(self.members) > len(self.bits)) and not room:
            return []
        options = []
        if others or len(self.members) > len(self.bits):
            options.append(room)
        if self._apart:
            options += [self.writable(member, uncounted) for member in self.members]
        else:
            tracked = len(self.bits)
            if self._required:
                options.append([f"not(is_ones([0:{self._required}]))"])
            if tracked > self._required:
                options.append([f"not(is_ones([{self._required}:{tracked}]))", *room])
        return [_folded("or", [_folded("and", option) for option in options])]


_NEVER = "bit_set(63)"
"""A condition that never holds: no object has so many members that are counted."""


def _clause(clause: Clause, bits: dict[str, int]) -> str:
    """A clause as a condition on an object's end; ``""`` where it holds, or cannot be said."""
    if not clause.present or clause.absent - bits.keys():
        return ""  # what must not be there together is seen to when it is written
    terms = [f"bit_set({bits[name]})" for name in sorted(clause.present) if name in bits]
    terms += [f"bit_clear({bits[name]})" for name in sorted(clause.absent)]
    return _folded("or", terms)


def _any_clear(names: Sequence[str], bits: dict[str, int]) -> str:
    """That one of ``names`` is not there; ``""`` where that always holds."""
    terms = [f"bit_clear({bits[name]})" for name in names if name in bits]
    return _folded("or", terms) if len(terms) == len(names) else ""


def _folded(operator: str, terms: Sequence[str]) -> str:
    folded = terms[-1]
    for term in reversed(terms[:-1]):
        folded = f"{operator}({term}, {folded})"
    return folded


def when(conditions: Sequence[str]) -> str:
    """Conditions as they stand behind an alternative; all of them must hold."""
    return f" %if {_folded('and', conditions)}" if conditions else ""
