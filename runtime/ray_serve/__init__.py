"""Deployments on a Ray cluster: each is a Ray Serve application, found by name from any program.

Ray is imported when a :class:`RayHost` is made, not when this package is.
"""

from __future__ import annotations

from runtime.ray_serve.failures import QueueFull
from runtime.ray_serve.host import RayHost
from runtime.ray_serve.model import RayModel

__all__ = ["QueueFull", "RayHost", "RayModel"]
