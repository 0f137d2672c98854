"""Engines whose compilation ends within a bound of time and memory, whatever they are given.

What is cheap at a glance (:mod:`~structured.engines.cost`) is compiled at once. The rest is
compiled on trial first, in a process of its own that is killed at the bound, and only what passed
there is compiled here: no constraint can hang, fill or crash the worker. At run time, the engine's
own limits hold (llguidance's ``LLParserLimits``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from structured.audit import Audit
from structured.constraint import Constraint
from structured.engine import Engine, Grammar, Relaxation, Vocabulary
from structured.engines.cache import GrammarCache
from structured.engines.cost import is_cheap
from structured.engines.guard import guarded
from structured.engines.supervisor import Supervisor

_VERDICT_BYTES = 512


@dataclass(frozen=True, slots=True)
class CompileLimits:
    """How much the compilation of one constraint may take."""

    timeout_s: float = 10.0
    memory_mb: float = 1024.0


class BoundedEngine:
    """An engine within limits. See :class:`~structured.engine.Engine`.

    Args:
        engine: The engine; its ``name`` must be one of :data:`structured.engines.ENGINES`.
        limits: What one compilation may take.
        cheap: Whether the engine compiles a constraint in its stride; must be quick itself.
    """

    def __init__(
        self,
        engine: Engine,
        limits: CompileLimits | None = None,
        *,
        cheap: Callable[[Constraint], bool] = is_cheap,
    ) -> None:
        self.name = engine.name
        self.limits = limits or CompileLimits()
        self._engine = engine
        self._cheap = cheap
        self._supervisor = Supervisor(engine.name)
        self._passed = GrammarCache[None](budget_mb=16)

    def check(self, constraint: Constraint) -> tuple[Relaxation, ...]:
        """What a grammar for ``constraint`` would leave to the validator."""
        self._admit(constraint, _bytes())
        with guarded(self.name):
            return self._engine.check(constraint)

    def audit(self, constraint: Constraint) -> Audit:
        """Every keyword of the constraint's schemas, and who enforces it."""
        self._admit(constraint, _bytes())
        with guarded(self.name):
            return self._engine.audit(constraint)

    def compile(self, constraint: Constraint, vocabulary: Vocabulary) -> Grammar:
        """The grammar of ``constraint`` over ``vocabulary`` (cached).

        Raises:
            CompilationTooExpensive: It takes more than the limits.
            ConstraintError: No grammar can be made.
        """
        self._admit(constraint, vocabulary)
        with guarded(self.name):
            return self._engine.compile(constraint, vocabulary)

    def _admit(self, constraint: Constraint, vocabulary: Vocabulary) -> None:
        self._passed.get(constraint, vocabulary, lambda: self._judged(constraint, vocabulary))

    def _judged(self, constraint: Constraint, vocabulary: Vocabulary) -> tuple[None, int]:
        with guarded(self.name):
            cheap = self._cheap(constraint)
        if not cheap:
            limits = self.limits
            self._supervisor.trial(
                constraint, vocabulary, timeout_s=limits.timeout_s, memory_mb=limits.memory_mb
            )
        return None, _VERDICT_BYTES


@lru_cache(maxsize=1)
def _bytes() -> Vocabulary:
    return Vocabulary.of_bytes()
