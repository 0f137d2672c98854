"""Which modules an implementation may import."""

from __future__ import annotations

from sandbox import Policy


def allowed_modules(policy: Policy) -> frozenset[str]:
    """Their names: all that the sandbox has, unless the policy names some."""
    if policy.modules is not None:
        return policy.modules
    from sandbox.modules import AVAILABLE  # the façades are loaded with it

    return frozenset(AVAILABLE)
