"""Deployments in this process: one copy of the weights for each name."""

from __future__ import annotations

import atexit
import threading
from functools import lru_cache

from runtime.backends import load_model
from runtime.chat import ChatRequest, Message
from runtime.deployment import DeploymentSpec
from runtime.errors import DeploymentExists, DeploymentFailed, DeploymentNotFound
from runtime.generation import GenerationParams
from runtime.model import ChatModel
from runtime.resources import check_resources
from runtime.store import Progress
from structured.constraint import ChoiceConstraint
from structured.errors import ByzerError


class LocalHost:
    """See :class:`~runtime.deployment.Host`."""

    def __init__(self) -> None:
        self._models: dict[str, ChatModel] = {}
        self._specs: dict[str, DeploymentSpec] = {}
        self._lock = threading.Lock()

    @staticmethod
    @lru_cache(maxsize=1)
    def shared() -> LocalHost:
        """The one that the whole process shares, as a cluster would be shared."""
        host = LocalHost()
        atexit.register(host.close)
        return host

    def deploy(self, spec: DeploymentSpec, *, progress: Progress | None = None) -> ChatModel:
        """Load a model under a name, and prove it with one tiny request."""
        with self._lock:
            if spec.name in self._models or spec.name in self._specs:
                raise DeploymentExists(spec.name)
            in_use = sum((s.gpus_per_worker or 0) * s.num_workers for s in self._specs.values())
            check_resources(spec, gpus_in_use=in_use)
            self._specs[spec.name] = spec  # the name is taken while the model loads
        try:
            model = load_model(spec, progress=progress)
            prove(model)
        except BaseException:
            with self._lock:
                del self._specs[spec.name]
            raise
        with self._lock:
            self._models[spec.name] = model
        return model

    def register(self, model: ChatModel) -> None:
        """Serve a model object that exists already, under its own name.

        Raises:
            DeploymentExists
        """
        with self._lock:
            if model.name in self._models or model.name in self._specs:
                raise DeploymentExists(model.name)
            self._models[model.name] = model

    def undeploy(self, name: str, *, force: bool = False) -> bool:
        """Take a model down and free its memory."""
        with self._lock:
            if name not in self._models:
                return False
            model = self._models.pop(name)
            self._specs.pop(name, None)
        model.close()
        return True

    def get(self, name: str) -> ChatModel:
        """The model of this name."""
        try:
            return self._models[name]
        except KeyError:
            raise DeploymentNotFound(name, list(self._models)) from None

    def names(self) -> list[str]:
        """The names in use, sorted."""
        return sorted(self._models)

    def close(self) -> None:
        """Undeploy everything."""
        for name in self.names():
            self.undeploy(name, force=True)


def prove(model: ChatModel) -> None:
    """One tiny constrained request: a model that cannot answer fails at its deployment.

    It also builds what the first grammar needs (llama.cpp's constraint engine indexes the
    vocabulary, about half a second), so that the first caller does not wait for it.

    Raises:
        DeploymentFailed: The request failed, or the reply was not what the constraint allows.
            The model is closed then, as it is whatever else goes wrong.
    """
    params = GenerationParams(max_output_tokens=8, temperature=0)
    constraint = ChoiceConstraint(options=("yes", "no"))
    if model.meta.support_chat_template:
        request = ChatRequest((Message("user", "Ready?"),), params=params, constraint=constraint)
    else:
        request = ChatRequest(prompt="Ready?", params=params, constraint=constraint)
    try:
        reply = model.generate(request)
    except BaseException as error:
        model.close()
        if not isinstance(error, Exception):  # Ctrl-C while the model answers
            raise
        reason = error if isinstance(error, ByzerError) else repr(error)
        raise DeploymentFailed(model.name, f"its first request failed: {reason}") from error
    if reply.text not in constraint.options:
        model.close()
        raise DeploymentFailed(
            model.name, f"its first reply broke its constraint: {reply.text!r}, not yes or no"
        )
