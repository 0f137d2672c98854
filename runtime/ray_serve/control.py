"""Housekeeping calls that reach every replica at once, however busy.

Ray Serve counts a call of a replica's method against ``max_ongoing_requests``; an abort would
wait for the very requests it is to stop. These calls go to the replicas' actors instead.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from runtime.ray_serve.names import UNIT, application_name
from runtime.ray_serve.worker import Description, control

_NAMESPACE = "serve"
_REACH_S = 5.0
"""How long a replica may take to answer. Its event loop does so in milliseconds."""

_callers = ThreadPoolExecutor(8, thread_name_prefix="ray-models-control")


def describe(name: str) -> list[Description]:
    """What each replica says of itself that is up and answers."""
    return [answer for answer in _ask_all(name, "describe") if isinstance(answer, Description)]


def abort(name: str, request_id: str) -> bool:
    """Stop a running request, on whichever replica it is. False if on none."""
    return True in _ask_all(name, "abort", request_id)


def stop(name: str) -> None:
    """End the requests under way with ``ModelClosed``."""
    _ask_all(name, "stop")


def _ask_all(name: str, method: str, *args: Any) -> list[Any]:
    # In a thread: an event loop may run in the caller's, and Ray warns of blocking there.
    return _callers.submit(_ask_actors, name, method, args).result()


def _ask_actors(name: str, method: str, args: tuple[Any, ...]) -> list[Any]:
    import ray
    from ray.exceptions import RayError

    asked = [actor.__ray_call__.remote(control, method, *args) for actor in _actors(name)]
    done, _ = ray.wait(asked, num_returns=len(asked), timeout=_REACH_S) if asked else ([], [])
    answers = []
    for answer in done:
        try:
            answers.append(ray.get(answer))
        except RayError:  # the replica has died
            continue
    return answers


def _actors(name: str) -> list[Any]:
    import ray

    part = f"::{application_name(name)}#{UNIT}#"
    actors = []
    for found in ray.util.list_named_actors(all_namespaces=True):
        if found["namespace"] == _NAMESPACE and part in found["name"]:
            try:
                actors.append(ray.get_actor(found["name"], namespace=_NAMESPACE))
            except ValueError:  # gone since
                continue
    return actors
