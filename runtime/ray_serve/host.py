"""``RayHost``: deployments as Ray Serve applications.

Their replicas, routing, queue limits, health checks and restarts are Ray Serve's.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from runtime.deployment import DeploymentSpec, refuse_later_backends
from runtime.errors import (
    DeploymentExists,
    DeploymentFailed,
    DeploymentNotFound,
    InvalidParameter,
)
from runtime.ray_serve import control
from runtime.ray_serve.applications import HINT_S, Applications, serves
from runtime.ray_serve.cluster import check_room, connect, locate, shape_of
from runtime.ray_serve.failures import deploy_error
from runtime.ray_serve.model import RayModel
from runtime.ray_serve.names import UNIT, application_name
from runtime.ray_serve.worker import Description, Worker
from runtime.store import Progress

DEFAULT_CONCURRENCY = 16
"""Requests that a replica works on at once unless the deployment says otherwise: more than our
backends decode together by default, so that they do not wait for Ray."""
_POLL_S = 0.1
_DRAIN_S = 10.0
"""How long requests under way may still take when their deployment is taken down."""
_SCHEDULE_S = 60.0
"""How long Ray may report that it finds no place for a replica."""
_ANSWER_S = 60.0
"""How long a deployment may be without a replica that answers: they may just be starting anew."""

_names_lock = threading.Lock()
_names_in_use: set[str] = set()
"""Names that this program is deploying at this moment."""


class RayHost:
    """See :class:`~runtime.deployment.Host`.

    Deployments outlive the program that made them, and any program of the cluster finds them by
    name; ``"local"`` is a cluster that ends with the program.

    Args:
        address: ``"auto"`` (or ``None``): the cluster on this machine, or the one that
            ``RAY_ADDRESS`` names; ``"local"``: one of this program's own; else ``host:port``.
            A program that has called ``ray.init`` is in a cluster already, and stays in it.
        max_queued_requests: For deployments made here: how many requests of one program may wait
            in Ray Serve's queue before further ones are refused with ``QueueFull``; -1: no limit.

    Raises:
        MissingExtra: Ray is not installed.
        NoCluster: None can be reached at ``address``.
        InvalidParameter: A ``ray://`` address.
    """

    def __init__(self, address: str | None = None, *, max_queued_requests: int = 1024) -> None:
        self._own_cluster = connect(address)
        self._max_queued_requests = max_queued_requests
        self._applications = Applications()
        self._lock = threading.Lock()
        self._models: dict[str, tuple[float, RayModel]] = {}
        """With the time of each one's deployment, by which a new one of that name is noticed."""

    def deploy(self, spec: DeploymentSpec, *, progress: Progress | None = None) -> RayModel:
        """Bring the replicas of a model up; each proves itself with one tiny request."""
        from ray import serve

        refuse_later_backends(spec)
        with _reserved(spec.name):
            self._make_way(spec.name)
            source = locate(spec, progress)
            shape = shape_of(spec)
            check_room(spec, shape)
            token = uuid4().hex
            application = self._application(replace(spec, source=source), shape, token)
            target = serve.RunTarget(
                application, name=application_name(spec.name), route_prefix=None
            )
            serve.start(proxy_location="Disabled", logging_config=_quiet())
            try:
                serve.run_many([target], wait_for_applications_running=False)
                self._await_running(spec)
                return self._opened(spec.name, token)
            except DeploymentExists:
                raise  # what stands under the name now is another program's
            except BaseException:
                with contextlib.suppress(Exception):  # the first error is the one to tell
                    self._delete(spec.name)
                raise

    def undeploy(self, name: str, *, force: bool = False) -> bool:
        """Take a model down; False when there was none.

        Requests under way have ten seconds to end; with ``force`` they end at once. Either way
        what is cut short ends with ``ModelClosed``.
        """
        found = self._applications.get(name)
        if found is None:
            return False
        if force and serves(found):
            control.stop(name)
        self._delete(name)
        return True

    def get(self, name: str) -> RayModel:
        """The model of this name, whichever program deployed it."""
        found = self._applications.all(fresh_s=HINT_S).get(name)
        if found is None or not serves(found):
            found = self._applications.get(name)
        if found is None or not serves(found):
            self._forget(name)
            raise DeploymentNotFound(name, self.names())
        with self._lock:
            deployed_at, model = self._models.get(name, (0.0, None))
        if model is not None and deployed_at == found.last_deployed_time_s:
            return model
        return self._opened(name)

    def names(self) -> list[str]:
        """The names in use, sorted."""
        return sorted(self._applications.serving())

    def close(self) -> None:
        """Let go of the cluster; one of the program's own ends, with its deployments."""
        for name in list(self._models):
            self._forget(name)
        if self._own_cluster:
            import ray

            ray.shutdown()

    def _make_way(self, name: str) -> None:
        """Refuse a name that is taken; clear away what a failed deployment left under it."""
        found = self._applications.get(name)
        if found is None:
            return
        if found.status not in ("DEPLOY_FAILED", "DELETING", "NOT_STARTED"):
            raise DeploymentExists(name)
        self._delete(name)

    def _application(self, spec: DeploymentSpec, shape: dict[str, float], token: str) -> Any:
        from ray import serve

        concurrency = spec.worker_concurrency
        if concurrency is None:
            concurrency = DEFAULT_CONCURRENCY
        if concurrency < 1:
            raise InvalidParameter("worker_concurrency", concurrency, "at least 1")
        # Within a replica, num_workers means requests decoded together.
        one = replace(
            spec,
            num_workers=spec.worker_concurrency or 1,
            options=dict(spec.options),
            resources=dict(spec.resources),
        )
        custom = {name: amount for name, amount in shape.items() if name not in ("CPU", "GPU")}
        deployment = serve.deployment(Worker).options(
            name=UNIT,
            num_replicas=spec.num_workers,
            ray_actor_options={
                "num_cpus": shape.get("CPU", 0),
                "num_gpus": shape.get("GPU", 0),
                **({"resources": custom} if custom else {}),
            },
            max_ongoing_requests=concurrency,
            max_queued_requests=self._max_queued_requests,
            health_check_period_s=2,
            health_check_timeout_s=30,
            graceful_shutdown_wait_loop_s=0.1,
            graceful_shutdown_timeout_s=_DRAIN_S,
            max_constructor_retry_count=1,  # of a first start; later ones are tried for ever
            logging_config=_quiet(),
        )
        return deployment.bind(one, token, concurrency)

    def _await_running(self, spec: DeploymentSpec) -> None:
        unplaced_since: float | None = None
        while True:
            found = self._applications.get(spec.name)
            if found is None:
                raise DeploymentFailed(spec.name, "it was deleted while it was being deployed")
            if found.status == "RUNNING":
                return
            units = found.deployments.values()
            report = "\n".join([found.message, *(unit.message for unit in units)])
            if "DEPLOY_FAILED" in (found.status, *(unit.status for unit in units)):
                raise deploy_error(spec.name, report)
            if "to be scheduled" in report:
                unplaced_since = unplaced_since or time.monotonic()
                if time.monotonic() - unplaced_since > _SCHEDULE_S:
                    raise DeploymentFailed(spec.name, f"Ray finds no place for it: {report}")
            time.sleep(_POLL_S)

    def _opened(self, name: str, token: str | None = None) -> RayModel:
        """The model of an application that runs; ``token`` is that of our own deployment."""
        from ray import serve

        description = _described(name)
        if token is not None and description.token != token:
            raise DeploymentExists(name)
        found = self._applications.get(name)
        if found is None:
            raise DeploymentNotFound(name, self.names())
        handle = serve.get_app_handle(application_name(name))
        model = RayModel(name, handle, description.meta, lambda: self._applications.exists(name))
        with self._lock:
            self._models[name] = (found.last_deployed_time_s, model)
        return model

    def _delete(self, name: str) -> None:
        self._applications.delete(name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        with self._lock:
            _, model = self._models.pop(name, (0.0, None))
        if model is not None:
            model.close()


def _described(name: str) -> Description:
    deadline = time.monotonic() + _ANSWER_S
    while time.monotonic() < deadline:
        for description in control.describe(name):
            return description
        time.sleep(_POLL_S)
    raise DeploymentFailed(name, f"no replica answered within {_ANSWER_S:g} s")


def _quiet() -> Any:
    from ray.serve.schema import LoggingConfig

    return LoggingConfig(log_level="WARNING", enable_access_log=False)


@contextmanager
def _reserved(name: str) -> Iterator[None]:
    with _names_lock:
        if name in _names_in_use:
            raise DeploymentExists(name)
        _names_in_use.add(name)
    try:
        yield
    finally:
        with _names_lock:
            _names_in_use.discard(name)
