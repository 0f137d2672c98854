"""Whatever goes wrong inside an engine becomes a refusal with a type."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from structured.errors import ByzerError, ConstraintError, shorten

_NOT_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit)


@contextlib.contextmanager
def guarded(engine: str) -> Iterator[None]:
    """Within: errors of this toolkit pass, all others are raised as ``ConstraintError``.

    A constraint comes from anybody, and an engine is a large program; what it fails with
    (``RecursionError``, a Rust panic, which is a ``BaseException``) must not kill a worker.
    """
    try:
        yield
    except (ByzerError, *_NOT_OURS):
        raise
    except BaseException as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else ""
        reason = reason or f"{type(error).__name__}: {shorten(str(error), 200)}"
        raise ConstraintError(
            f"{engine} failed on this constraint: {reason}", engine=engine
        ) from error
