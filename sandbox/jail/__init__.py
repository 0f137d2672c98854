"""What the kernel keeps from the code: each layer in a module of its own, applied in one order.

Nothing here knows of jobs, frames or Python source. Linux on x86-64 and aarch64; elsewhere every
layer answers that it is missing, and why.
"""

from __future__ import annotations

from sandbox.jail.assurance import Layer, Status, assurance_of

__all__ = ["Layer", "Status", "assurance_of"]
