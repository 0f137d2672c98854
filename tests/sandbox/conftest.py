"""Sandboxes that tests share: one with the true worker, one without any policy of language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.pool.pool import Pool

HERE = str(Path(__file__).parent)


def unrestricted_pool(**facts: int) -> Pool:
    """A pool whose worker runs plain Python; what holds then, the jail and the host hold."""
    settings = {"ready": 2, "most_running": 8, **facts}
    return Pool(worker="unrestricted", roots=(HERE,), **settings)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The product, as it is."""
    with Sandbox(ready=3, most_running=16) as made:
        yield made


@pytest.fixture(scope="session")
def breached() -> Iterator[Sandbox]:
    """A jail in which code runs as if the language stage had been broken through."""
    with Sandbox(_pool=unrestricted_pool(most_running=16)) as made:
        yield made
