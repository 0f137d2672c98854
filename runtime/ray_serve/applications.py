"""Our applications on a cluster's Ray Serve: which there are, and taking them down."""

from __future__ import annotations

import threading
import time
from typing import Any

from runtime.errors import ModelError
from runtime.ray_serve.cluster import require_connection
from runtime.ray_serve.names import application_name, deployment_name

HINT_S = 2.0
"""How long the last list is good for, where no more than a hint is needed."""


class Applications:
    """Ray Serve's account of our applications, by the names of our deployments."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, Any] = {}
        self._seen_at = float("-inf")

    def all(self, *, fresh_s: float = 0.0) -> dict[str, Any]:
        """What there is, as seen at most ``fresh_s`` ago.

        Raises:
            NoCluster: The program is no longer connected to one.
        """
        from ray import serve

        require_connection()
        with self._lock:  # one look serves all who wait for it
            if time.monotonic() - self._seen_at >= fresh_s:
                everything = serve.status().applications
                self._seen = {
                    name: found
                    for application, found in everything.items()
                    if (name := deployment_name(application)) is not None
                }
                self._seen_at = time.monotonic()
            return self._seen

    def get(self, name: str) -> Any:
        """One application, or ``None``."""
        return self.all().get(name)

    def serving(self) -> dict[str, Any]:
        """Those that have come up."""
        return {name: found for name, found in self.all().items() if serves(found)}

    def exists(self, name: str) -> bool:
        """For calls that wait: whether it is worth their while. In doubt, it is."""
        try:
            found = self.all(fresh_s=HINT_S / 2).get(name)
        except ModelError:
            return False
        except Exception:  # noqa: BLE001 - no answer is not the answer "no"
            return True
        return found is not None and found.status not in ("DELETING", "DEPLOY_FAILED")

    def delete(self, name: str) -> None:
        """Take one down, and wait until it is gone."""
        from ray import serve

        serve.delete(application_name(name))
        with self._lock:
            self._seen_at = float("-inf")


def serves(application: Any) -> bool:
    """Whether it has come up. It may be down for a restart at the moment."""
    if application.status in ("RUNNING", "UNHEALTHY"):
        return True
    if application.status != "DEPLOYING":
        return False
    units = application.deployments.values()
    return bool(units) and all(unit.status_trigger != "CONFIG_UPDATE_STARTED" for unit in units)
