"""One sandbox for the whole process; its processes start with its first use."""

from __future__ import annotations

from sandbox.running import Sandbox

_shared = Sandbox()

run = _shared.run
arun = _shared.arun
status = _shared.status
