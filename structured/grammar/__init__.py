"""JSON Schema → nodes → Lark: the grammar of any schema, exact or a recorded superset.

* :mod:`~structured.grammar.references` and :mod:`~structured.grammar.conjunction` find what holds
  of one value;
* :mod:`~structured.grammar.lowering` (with ``objects``, ``arrays``, ``scalars``) turns that into
  :mod:`~structured.grammar.nodes`, and records what the grammar leaves to the validator;
* :mod:`~structured.grammar.emission` writes them as a Lark grammar.
"""

from structured.grammar.conjunction import Unreachable
from structured.grammar.emission import Emitter
from structured.grammar.lowering import Budget, KeyOrder, Lowered, lower

__all__ = ["Budget", "Emitter", "KeyOrder", "Lowered", "Unreachable", "lower"]
