"""``RayHost``: deployments as Ray Serve applications. Their replicas, routing, queue limits,
health checks and restarts are Ray Serve's."""

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
    ModelError,
)
from runtime.ray_serve.cluster import check_room, connect, locate, require_connection, shape_of
from runtime.ray_serve.failures import deploy_error
from runtime.ray_serve.model import RayModel, ask_all
from runtime.ray_serve.worker import Description, Worker
from runtime.store import Progress

PREFIX = "byzer-"
"""Our applications' names begin with it: a cluster may serve other things as well."""
DEFAULT_CONCURRENCY = 16
"""Requests that a replica takes at once unless the deployment says otherwise; each of our
backends decodes some of them together and queues the rest."""
_UNIT = "model"
_POLL_S = 0.1
_FRESH_S = 2.0
"""How long the list of applications is good for, where no more than a hint is needed."""
_DRAIN_S = 10.0
"""How long requests under way may still take when their deployment is taken down."""
_SCHEDULE_S = 60.0
"""How long Ray may report that it finds no place for a replica."""
_ANSWER_S = 60.0
"""How long a replica that is up may take to say what it is."""

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
            for a replica before further ones are refused with ``QueueFull``; -1: no limit.

    Raises:
        MissingExtra: Ray is not installed.
        NoCluster: None can be reached at ``address``.
        InvalidParameter: A ``ray://`` address.
    """

    def __init__(self, address: str | None = None, *, max_queued_requests: int = 1024) -> None:
        self._own_cluster = connect(address)
        self._max_queued_requests = max_queued_requests
        self._lock = threading.Lock()
        self._models: dict[str, tuple[float, RayModel]] = {}
        """With the time of each one's deployment, by which a new one of that name is noticed."""
        self._seen: dict[str, Any] = {}
        self._seen_at = float("-inf")

    def deploy(self, spec: DeploymentSpec, *, progress: Progress | None = None) -> RayModel:
        """Bring the replicas of a model up; each proves itself with one tiny request."""
        from ray import serve

        refuse_later_backends(spec)
        with _reserved(spec.name):
            self._make_way(spec.name)
            source = locate(spec, progress)
            shape = shape_of(spec)
            check_room(spec, shape)
            serve.start(proxy_location="Disabled", logging_config=_quiet())
            token = uuid4().hex
            application = self._application(replace(spec, source=source), shape, token)
            target = serve.RunTarget(application, name=PREFIX + spec.name, route_prefix=None)
            try:
                serve.run_many([target], wait_for_applications_running=False)
                self._await_running(spec)
                return self._opened(spec.name, token)
            except DeploymentExists:
                raise
            except BaseException:
                self._delete(spec.name)
                raise

    def undeploy(self, name: str, *, force: bool = False) -> bool:
        """Take a model down; False when there was none.

        Requests under way have ten seconds to end; with ``force`` they end at once. Either way
        what is cut short ends with ``ModelClosed``.
        """
        application = self._applications().get(name)
        if application is None:
            return False
        if force and _serves(application):
            with contextlib.suppress(DeploymentNotFound, DeploymentFailed):
                self.get(name).end_requests()
        self._delete(name)
        return True

    def get(self, name: str) -> RayModel:
        """The model of this name, whichever program deployed it."""
        application = self._applications(fresh_s=_FRESH_S).get(name)
        if application is None or not _serves(application):
            application = self._applications().get(name)
        if application is None or not _serves(application):
            self._forget(name)
            raise DeploymentNotFound(name, self.names())
        with self._lock:
            deployed_at, model = self._models.get(name, (0.0, None))
        if model is not None and deployed_at == application.last_deployed_time_s:
            return model
        return self._opened(name)

    def names(self) -> list[str]:
        """The names in use, sorted."""
        return sorted(name for name, found in self._applications().items() if _serves(found))

    def close(self) -> None:
        """Let go of the cluster; one of the program's own ends, with its deployments."""
        for name in list(self._models):
            self._forget(name)
        if self._own_cluster:
            import ray

            ray.shutdown()

    # -- deploying -------------------------------------------------------------------------

    def _make_way(self, name: str) -> None:
        """Refuse a name that is taken; clear away what a failed deployment left under it."""
        found = self._applications().get(name)
        if found is None:
            return
        if found.status not in ("DEPLOY_FAILED", "DELETING", "NOT_STARTED"):
            raise DeploymentExists(name)
        self._delete(name)

    def _application(self, spec: DeploymentSpec, shape: dict[str, float], token: str) -> Any:
        from ray import serve

        concurrency = DEFAULT_CONCURRENCY if spec.worker_concurrency is None else (
            spec.worker_concurrency
        )
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
            name=_UNIT,
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
            found = self._applications().get(spec.name)
            if found is None:
                raise DeploymentFailed(spec.name, "it was deleted while it was being deployed")
            report = "\n".join([found.message, *(d.message for d in found.deployments.values())])
            if found.status == "RUNNING":
                return
            if found.status == "DEPLOY_FAILED":
                raise deploy_error(spec.name, report)
            if "to be scheduled" in report:
                unplaced_since = unplaced_since or time.monotonic()
                if time.monotonic() - unplaced_since > _SCHEDULE_S:
                    raise DeploymentFailed(
                        spec.name, f"Ray finds no place for it: {report.strip()}"
                    )
            time.sleep(_POLL_S)

    def _opened(self, name: str, token: str | None = None) -> RayModel:
        """The model of an application that runs; ``token`` is that of our own deployment."""
        from ray import serve

        application = PREFIX + name
        handle = serve.get_app_handle(application)
        description = _described(name, handle)
        if token is not None and description.token != token:
            raise DeploymentExists(name)  # another program deployed over ours
        found = self._applications().get(name)
        if found is None:
            raise DeploymentNotFound(name, self.names())
        model = RayModel(name, handle, description, lambda: self._exists(name))
        with self._lock:
            self._models[name] = (found.last_deployed_time_s, model)
        return model

    def _delete(self, name: str) -> None:
        from ray import serve

        serve.delete(PREFIX + name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._seen_at = float("-inf")
            _, model = self._models.pop(name, (0.0, None))
        if model is not None:
            model.close()

    # -- what there is -----------------------------------------------------------------------

    def _applications(self, *, fresh_s: float = 0.0) -> dict[str, Any]:
        """Our applications and Ray Serve's account of them, by name."""
        from ray import serve

        require_connection()
        if time.monotonic() - self._seen_at >= fresh_s:
            at = time.monotonic()
            everything = serve.status().applications
            self._seen = {
                name.removeprefix(PREFIX): found
                for name, found in everything.items()
                if name.startswith(PREFIX)
            }
            self._seen_at = at
        return self._seen

    def _exists(self, name: str) -> bool:
        """For calls that wait: whether it is worth their while. In doubt, it is."""
        try:
            found = self._applications(fresh_s=_FRESH_S / 2).get(name)
        except Exception as error:  # noqa: BLE001 - no answer is not the answer "no"
            return not isinstance(error, ModelError)
        return found is not None and found.status not in ("DELETING", "DEPLOY_FAILED")


def _described(name: str, handle: Any) -> Description:
    deadline = time.monotonic() + _ANSWER_S
    while time.monotonic() < deadline:
        for answer in ask_all(handle, "describe"):
            if isinstance(answer, Description):
                return answer
        time.sleep(_POLL_S)
    raise DeploymentFailed(name, f"no replica answered within {_ANSWER_S:g} s")


def _serves(application: Any) -> bool:
    """Whether it has come up: it may be down for a restart at the moment."""
    if application.status in ("RUNNING", "UNHEALTHY"):
        return True
    if application.status != "DEPLOYING":
        return False
    return all(
        unit.status_trigger != "CONFIG_UPDATE_STARTED"
        for unit in application.deployments.values()
    )


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
