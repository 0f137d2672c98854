"""How our deployments are called in Ray Serve."""

from __future__ import annotations

PREFIX = "byzer-"
"""Our applications' names begin with it: a cluster may serve other things as well."""
UNIT = "model"
"""The one Ray Serve deployment that each of them consists of."""


def application_name(name: str) -> str:
    """The application of our deployment ``name``."""
    return PREFIX + name
