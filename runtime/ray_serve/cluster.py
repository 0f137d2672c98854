"""The Ray cluster: connecting to it, and what it has room for."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.backends import choose_backend
from runtime.deployment import DeploymentSpec
from runtime.errors import InvalidParameter, MissingExtra, ModelError, NotEnoughResources
from runtime.settings import settings
from runtime.store import ModelStore, Progress

DEFAULT_CPUS = 1.0
"""CPUs that a replica is counted for unless the deployment says otherwise.

It is book-keeping, not a limit on threads. Serve's controller counts 0, so a machine of two cores
has room for a replica and for one task or second replica beside it.
"""
_RELEASE_S = 5.0
"""How long Ray may take to report the resources of a replica that has just ended as free."""
_KNOCK_S = 5.0
_NAMES = {"CPU": "CPUs", "GPU": "GPUs"}


class NoCluster(ModelError):
    """There is no Ray cluster at the address, or the program is no longer connected to it."""


def connect(address: str | None) -> bool:
    """Join the cluster at ``address``, unless the program is in one already.

    Args:
        address: ``"auto"`` (or ``None``): the one that runs on this machine, or that
            ``RAY_ADDRESS`` names. ``"local"``: one of this program's own. Else a ``host:port``.

    Returns:
        Whether a cluster was started, which ends with the program.

    Raises:
        MissingExtra, InvalidParameter, NoCluster
    """
    try:
        import ray
        from ray import serve  # noqa: F401 - ray without its serve extra would fail later
    except ImportError as error:
        raise MissingExtra(
            error.name or "ray", extra="ray", needed_for="A deployment on a cluster"
        ) from None
    # What Ray Serve warns of in this process (a request refused, a replica gone), ours raise.
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    if (address or "").startswith("ray://") or ray.util.client.ray.is_connected():
        raise InvalidParameter(
            "address", address, "'auto', 'local' or host:port: Ray's client mode cannot stream"
        )
    if ray.is_initialized():
        return False
    started = address == "local"
    extra: dict[str, Any] = {}
    if started:
        extra = {"include_dashboard": False, "num_gpus": settings().gpus}  # None: those found
    try:
        _knock(address)
        ray.init(
            address=address or "auto",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **extra,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise NoCluster(
            f"no Ray cluster can be reached at {address or 'auto'!r}: {str(error).splitlines()[0]}",
            hint="start one with `ray start --head`, or give address='local' for one that lives "
            "in this program",
        ) from None
    return started


def _knock(address: str | None) -> None:
    """Try a ``host:port`` first: Ray itself tries for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()


def require_connection() -> None:
    """Refuse to go on without a cluster; Ray itself would start one unasked.

    Raises:
        NoCluster
    """
    import ray

    if not ray.is_initialized():
        raise NoCluster(
            "this program is no longer connected to a Ray cluster (ray.shutdown() was called)",
            hint="make a new ByzerLLM(address=…)",
        )


def on_one_machine() -> bool:
    """Whether the cluster is this machine and no other."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    return [node["NodeID"] for node in ray.nodes() if node["Alive"]] == [here]


def locate(spec: DeploymentSpec, progress: Progress | None) -> str:
    """The source as the replicas should be told it.

    On one machine the model is found (and fetched, in sight of the user) here; on several, each
    node finds its own copy.

    Raises:
        ModelNotFound, ModelFilesMissing, InvalidParameter, StoreError
    """
    if on_one_machine():
        model = ModelStore().resolve(spec.source, progress=progress)
        choose_backend(spec, model)  # refuses a backend that cannot load it
        return str(model.path)
    path = Path(spec.source)
    return str(path.absolute()) if path.exists() else spec.source


def shape_of(spec: DeploymentSpec) -> dict[str, float]:
    """What one replica is counted for, by Ray's names of resources.

    Raises:
        InvalidParameter: Parts of several GPUs.
    """
    import ray

    gpus = spec.gpus_per_worker
    if gpus is None:
        gpus = float(ray.available_resources().get("GPU", 0) >= spec.num_workers)
    if gpus > 1 and gpus != int(gpus):
        raise InvalidParameter("gpus_per_worker", gpus, "part of one GPU, or a whole number")
    cpus = DEFAULT_CPUS if spec.cpus_per_worker is None else spec.cpus_per_worker
    shape = {"CPU": cpus, "GPU": gpus, **spec.resources}
    return {name: float(amount) for name, amount in shape.items() if amount}


def check_room(spec: DeploymentSpec, shape: Mapping[str, float]) -> None:
    """Refuse a deployment that the cluster has no room for, instead of waiting for it for ever.

    Raises:
        NotEnoughResources: ``available`` counts what is free, or, where the nodes together have
            enough but no node has what one replica needs, what the largest has.
    """
    import ray

    deadline = time.monotonic() + _RELEASE_S
    while True:
        free = ray.available_resources()
        short = [r for r, one in shape.items() if one * spec.num_workers > free.get(r, 0) + 1e-6]
        if not short:
            break
        total = ray.cluster_resources()
        resource = short[0]
        needed = shape[resource] * spec.num_workers
        if needed > total.get(resource, 0) or time.monotonic() > deadline:
            raise _no_room(spec, resource, needed=needed, available=free.get(resource, 0))
        time.sleep(0.1)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    places = sum(
        min((int((node.get(r, 0) + 1e-6) / one) for r, one in shape.items()), default=1)
        for node in nodes
    )
    if shape and places < spec.num_workers:
        resource = max(
            shape, key=lambda r: shape[r] / max(node.get(r, 0) or 1e-9 for node in nodes)
        )
        largest = max(node.get(resource, 0) for node in nodes)
        raise _no_room(spec, resource, needed=shape[resource], available=largest)


def _no_room(
    spec: DeploymentSpec, resource: str, *, needed: float, available: float
) -> NotEnoughResources:
    name = _NAMES.get(resource, resource)
    return NotEnoughResources(spec.name, name, needed=needed, available=max(0.0, available))
