"""``match`` as ``if``: the interpreter's own would read attributes past the guards.

Each pattern becomes a condition that binds names on the way (``:=``); ``@match_…`` helpers of the
guards tell whether a value has the shape, and give its parts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from sandbox.language import nodes


def names_in(node: ast.AST) -> Iterator[str]:
    """Names that this node of a pattern binds."""
    if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name is not None:
        yield node.name
    if isinstance(node, ast.MatchMapping) and node.rest is not None:
        yield node.rest


def attributes_in(node: ast.AST) -> Iterator[str]:
    """Attributes that this node of a pattern reads."""
    if isinstance(node, ast.MatchClass):
        yield from node.kwd_attrs


def desugar(node: ast.Match, temporary: Callable[[], str]) -> list[ast.stmt]:
    """The statements that do what ``node`` does; not yet rewritten for the guards."""
    subject = temporary()
    chain: list[ast.stmt] = []
    for case in reversed(node.cases):
        test = _test(case.pattern, subject, temporary)
        if case.guard is not None:
            test = _all([test, case.guard])
        chain = [nodes.at(ast.If(test, case.body, chain), case.pattern)]
    return [nodes.at(nodes.assign(subject, node.subject), node.subject), *chain]


def _test(pattern: ast.pattern, value: str, temporary: Callable[[], str]) -> ast.expr:
    return nodes.at(_unplaced(pattern, value, temporary), pattern)


def _unplaced(pattern: ast.pattern, value: str, temporary: Callable[[], str]) -> ast.expr:
    match pattern:
        case ast.MatchValue(expected):
            return ast.Compare(nodes.load(value), [ast.Eq()], [expected])
        case ast.MatchSingleton(expected):
            return ast.Compare(nodes.load(value), [ast.Is()], [ast.Constant(expected)])
        case ast.MatchAs(None, None):
            return ast.Constant(True)
        case ast.MatchAs(None, str(name)):
            return _bind(name, nodes.load(value))
        case ast.MatchAs(inner, str(name)) if inner is not None:
            return _all([_test(inner, value, temporary), _bind(name, nodes.load(value))])
        case ast.MatchOr(choices):
            return ast.BoolOp(ast.Or(), [_test(p, value, temporary) for p in choices])
        case ast.MatchSequence(items):
            star = next((i for i, p in enumerate(items) if isinstance(p, ast.MatchStar)), -1)
            counts = [ast.Constant(len(items)), ast.Constant(star)]
            parts = nodes.call("@match_sequence", nodes.load(value), *counts)
            return _parts(parts, items, temporary)
        case ast.MatchMapping(keys, inner_patterns, rest):
            wanted = ast.Tuple(list(keys), ast.Load())
            known = ast.Constant(rest is not None)
            parts = nodes.call("@match_mapping", nodes.load(value), wanted, known)
            whole: list[ast.pattern] = list(inner_patterns)
            if rest is not None:
                whole.append(nodes.at(ast.MatchAs(None, rest), pattern))
            return _parts(parts, whole, temporary)
        case ast.MatchClass(cls, positional, names, named):
            facts = (
                ast.Constant(len(positional)),
                ast.Tuple([ast.Constant(n) for n in names], ast.Load()),
            )
            parts = nodes.call("@match_class", nodes.load(value), cls, *facts)
            return _parts(parts, [*positional, *named], temporary)
    raise AssertionError(f"unknown pattern {pattern!r}")


def _parts(call: ast.Call, inner: list[ast.pattern], temporary: Callable[[], str]) -> ast.expr:
    parts = temporary()
    found = ast.NamedExpr(ast.Name(parts, ast.Store()), call)
    tests: list[ast.expr] = [ast.Compare(found, [ast.IsNot()], [ast.Constant(None)])]
    for index, pattern in enumerate(inner):
        item = ast.Subscript(nodes.load(parts), ast.Constant(index), ast.Load())
        if isinstance(pattern, ast.MatchStar) or (
            isinstance(pattern, ast.MatchAs) and pattern.pattern is None
        ):
            if pattern.name is not None:
                tests.append(nodes.at(_bind(pattern.name, item), pattern))
        else:
            name = temporary()
            tests.append(nodes.at(_bind(name, item), pattern))
            tests.append(_test(pattern, name, temporary))
    return _all(tests)


def _bind(name: str, value: ast.expr) -> ast.expr:
    # A tuple of one is true whatever it holds.
    return ast.Tuple([ast.NamedExpr(ast.Name(name, ast.Store()), value)], ast.Load())


def _all(tests: list[ast.expr]) -> ast.expr:
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
