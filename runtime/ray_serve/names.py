"""How our deployments are called in Ray Serve."""

from __future__ import annotations

import re

PREFIX = "byzer-"
"""Our applications' names begin with it: a cluster may serve other things as well."""
UNIT = "model"
"""The one Ray Serve deployment that each of them consists of."""


def application_name(name: str) -> str:
    """The application of our deployment ``name``.

    Letters beyond ASCII are written as ``~code~``: Ray's metrics cannot take them, and Ray
    Serve's controller comes to a halt over that (2.60).
    """
    return PREFIX + re.sub(r"[^\x00-\x7f]", lambda letter: f"~{ord(letter[0]):x}~", name)


def deployment_name(application: str) -> str | None:
    """The deployment of ours that an application is; ``None`` if it is not ours."""
    if not application.startswith(PREFIX):
        return None
    coded = application.removeprefix(PREFIX)
    return re.sub(r"~([0-9a-f]+)~", lambda code: chr(int(code[1], 16)), coded)
