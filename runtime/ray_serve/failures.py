"""Errors between a caller and a replica: ours cross as themselves, Ray's become ours."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from runtime.errors import DeploymentFailed, GenerationFailed, ModelError, WorkerDied
from structured.errors import ByzerError


class QueueFull(ModelError):
    """More requests wait for a deployment than its queue takes; Ray Serve turned this one away."""

    retryable = True

    def __init__(self, model: str, *, waiting: int, limit: int) -> None:
        super().__init__(
            f"{model!r} has {waiting} requests waiting, and takes at most {limit}",
            hint="send fewer at once, or deploy with more workers",
        )
        self.model = model
        self.waiting = waiting
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours as a replica's answer.

    Raised there, it would reach the caller too, but Ray Serve would log each one with a long
    traceback, as if the replica had a fault.
    """

    error: ByzerError


class LoadFailed(Exception):
    """How a replica reports that its model did not come up.

    Ray Serve keeps only the text of what a replica's constructor raises, so the text carries the
    error itself as well.
    """

    def __init__(self, error: ByzerError) -> None:
        facts = {"class": type(error).__name__, "args": error.args, "state": error.__dict__}
        packed = base64.b64encode(json.dumps(facts, default=str).encode()).decode()
        super().__init__(f"{error}\n<byzer-error {packed}>")


_PACKED = re.compile(r"<byzer-error ([A-Za-z0-9+/=]+)>")
_NOT_IMPORTABLE = re.compile(r"No module named '(runtime|structured)\b")


def deploy_error(name: str, report: str) -> ByzerError:
    """What Ray Serve's report of a failed deployment stands for."""
    for packed in reversed(_PACKED.findall(report)):  # a forged one in a message comes first
        if (error := _unpacked(packed)) is not None:
            return error
    hint = "the replica's log in Ray's session folder (logs/serve) has the whole story"
    if _NOT_IMPORTABLE.search(report):
        hint = "install the same version of byzer-agents on every node of the cluster"
    lines = [line.strip() for line in report.splitlines() if line.strip()]
    return DeploymentFailed(name, lines[-1] if lines else "Ray Serve gave no reason", hint=hint)


def _unpacked(packed: str) -> ByzerError | None:
    """An error of ours from its facts. Text may be anybody's: data is read, nothing is run."""
    try:
        facts = json.loads(base64.b64decode(packed))
        known = {cls.__name__: cls for cls in _error_classes(ByzerError)}
        error = ByzerError.__new__(known[facts["class"]])
        error.args = tuple(facts["args"])
        for name, value in facts["state"].items():  # JSON has no tuples; our errors have no lists
            error.__dict__[name] = tuple(value) if isinstance(value, list) else value
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return error


def _error_classes(cls: type[ByzerError]) -> Iterator[type[ByzerError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _error_classes(child)


def is_cancellation(error: BaseException) -> bool:
    """Whether a call ended because somebody, here or there, cancelled it."""
    from ray.exceptions import TaskCancelledError

    return isinstance(error, (asyncio.CancelledError, TaskCancelledError))


def call_error(model: str, error: BaseException) -> Exception:
    """What a failed call of a replica raises to the caller."""
    from ray import exceptions as ray_errors
    from ray.serve import exceptions as serve_errors

    while isinstance(error, ray_errors.RayTaskError):
        error = error.cause
    if isinstance(error, ByzerError):
        return error
    if isinstance(error, serve_errors.BackPressureError):
        waiting, limit = error.args[:2]
        return QueueFull(model, waiting=int(waiting), limit=int(limit))
    ended = (
        ray_errors.RayActorError,
        ray_errors.WorkerCrashedError,
        ray_errors.NodeDiedError,
        ray_errors.ObjectLostError,
        serve_errors.ReplicaUnavailableError,
        serve_errors.DeploymentUnavailableError,
    )
    if is_cancellation(error):
        return WorkerDied(model, "the request was cancelled there: the replica is shutting down")
    if isinstance(error, ended):
        return WorkerDied(model, _first_line(error))
    return GenerationFailed(model, f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "message", "") or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
