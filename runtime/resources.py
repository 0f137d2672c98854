"""What this machine has: GPUs and CPUs, found without importing torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache

from runtime.deployment import DeploymentSpec
from runtime.errors import NotEnoughResources
from runtime.settings import settings

_ROUNDING = 1e-6
"""Shares are added up as floats: 0.8 + 0.1 leaves a little less than 0.1 of a GPU."""


def gpu_count() -> int:
    """GPUs that this process may use.

    ``BYZER_AGENTS_GPUS`` overrides what is found, as ``ray start --num-gpus`` does: the count is
    a matter of book-keeping, and a backend that finds no real GPU runs on the CPU.
    """
    declared = settings().gpus
    return _detected_gpus() if declared is None else declared


@lru_cache(maxsize=1)
def _detected_gpus() -> int:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        listing = subprocess.run(  # noqa: S603 - a fixed command, no shell
            [tool, "--list-gpus"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listing.stdout.splitlines())


def cpu_count() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_resources(spec: DeploymentSpec, *, gpus_in_use: float = 0) -> None:
    """Refuse a deployment that asks for more than this machine has left.

    Raises:
        NotEnoughResources
    """
    if spec.gpus_per_worker:
        needed, available = spec.gpus_per_worker * spec.num_workers, gpu_count() - gpus_in_use
        if needed > available + _ROUNDING:
            raise NotEnoughResources(spec.name, "GPUs", needed=needed, available=available)
    if spec.cpus_per_worker:
        needed, available = spec.cpus_per_worker * spec.num_workers, cpu_count()
        if needed > available + _ROUNDING:
            raise NotEnoughResources(spec.name, "CPUs", needed=needed, available=available)
