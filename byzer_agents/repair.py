"""Which part of a rejected reply to write anew: rollbacks, none of them made twice."""

from __future__ import annotations

from collections import Counter

from runtime import Resumption
from structured import ValidationFailed
from structured.prefix import Remedy, Rollback, remedies
from structured.scanner import scan_beginning

DEFAULT_REPAIRS = 8


class Repairs:
    """The rollbacks of one call.

    It remembers what was rejected after which text: whenever the model is sent back there, it is
    kept from all of it.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        """Rollbacks for one reply; 0 for a model that cannot go on from a given text."""
        self._left = budget
        self._avoided: dict[str, dict[str, None]] = {}
        self._dead: set[str] = set()
        self._turns: Counter[str] = Counter()
        self._last: Resumption | None = None

    def renew(self) -> None:
        """A reply was asked for from the start: it may be repaired as often as the first."""
        self._left = self.budget
        self._turns.clear()
        self._last = None

    def give_up(self) -> None:
        """The model cannot go on from a given text."""
        self.budget = self._left = 0

    def refuse(self, resumption: Resumption) -> None:
        """Nothing can follow there: all that the grammar allows is rejected already."""
        self._dead.add(resumption.text)
        self._left += 1  # it cost no reply

    def next(self, text: str, failure: ValidationFailed, floor: int = 0) -> Resumption | None:
        """Where to go on from after a rejected reply; ``None`` when that cannot help.

        Args:
            text: The reply.
            failure: What is wrong with it.
            floor: Characters of it that must stand.
        """
        if not self.budget:
            return None
        root = scan_beginning(text)
        if root is None:
            return None
        found = remedies(text, root, failure.violations)
        choices = [self._choose(text, remedy, floor) for remedy in found]
        made = [choice for choice in choices if choice is not None]
        if not made:
            return None
        # What stands before the first bad value is good; all that follows it is written anew.
        rollback, place = min(made, key=lambda choice: choice[0].offset)
        for remedy, choice in zip(found, choices, strict=True):
            if choice is None and remedy.offset < rollback.offset:
                return None  # it would stay
        kept = text[: rollback.offset]
        avoided = self._avoided.setdefault(kept, {})
        avoided.update(dict.fromkeys(rollback.avoid))
        if self._left <= 0:
            return None  # what was rejected is known, should another reply come there
        self._left -= 1
        if place is not None:
            self._turns[place] += 1
        self._last = Resumption(kept, tuple(avoided))
        return self._last

    def _choose(self, text: str, remedy: Remedy, floor: int) -> tuple[Rollback, str | None] | None:
        for rollback in remedy.first:
            if self._is_new(text, rollback, floor):
                return rollback, None
        turns = remedy.in_turn
        start = self._turns[remedy.place] % len(turns) if turns else 0
        for rollback in turns[start:] + turns[:start]:
            if self._is_new(text, rollback, floor):
                return rollback, remedy.place
        return None

    def _is_new(self, text: str, rollback: Rollback, floor: int) -> bool:
        if rollback.offset < floor:
            return False
        kept, last = text[: rollback.offset], self._last
        if last is not None and last.text == kept and set(rollback.avoid) <= set(last.avoid):
            self._dead.add(kept)  # a model that wrote what it was kept from would do so again
        return kept not in self._dead
