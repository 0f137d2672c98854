"""What can go wrong between a caller and a model, as typed errors that survive pickling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from structured.errors import ByzerError, shorten


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the known name closest to ``name``, or ``""``."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""


def listed(names: Iterable[str]) -> str:
    """``a, b, c`` in order, or ``none``."""
    return ", ".join(sorted(names)) or "none"


class ModelError(ByzerError):
    """Base of what the runtime raises."""


class MissingExtra(ModelError):
    """A part of the toolkit whose third-party packages are not installed."""

    def __init__(self, package: str, *, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package!r}, which is not installed",
            hint=f"pip install 'byzer-agents[{extra}]'",
        )
        self.package = package
        self.extra = extra


class FeatureNotAvailable(ModelError, NotImplementedError):
    """A part of the interface that this version does not provide yet."""

    def __init__(self, feature: str, *, hint: str = "") -> None:
        super().__init__(f"{feature} is not available in this version", hint=hint)
        self.feature = feature


class InvalidConversation(ModelError, ValueError):
    """Messages that no model can answer."""


class InvalidParameter(ModelError, ValueError):
    """A parameter with a value that cannot be used."""

    def __init__(self, key: str, value: object, expected: str) -> None:
        super().__init__(f"parameter {key!r}: expected {expected}, got {shorten(value)}")
        self.key = key
        self.expected = expected


class UnknownParameter(ModelError, ValueError):
    """A parameter that nothing reads; silently dropping it would mislead."""

    def __init__(self, key: str, known: Iterable[str], *, where: str) -> None:
        known = sorted(known)
        super().__init__(
            f"unknown {where} parameter {key!r}",
            hint=" ".join(filter(None, [nearest(key, known), f"known: {listed(known)}"])),
        )
        self.key = key
        self.known = tuple(known)


class DeploymentNotFound(ModelError, LookupError):
    """No model is deployed under this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        super().__init__(
            f"no model is deployed as {name!r}; deployed: {listed(known)}",
            hint=nearest(name, known) or f"deploy(..., udf_name={name!r}) first",
        )
        self.name = name
        self.known = tuple(known)


class DeploymentExists(ModelError):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"a model is already deployed as {name!r}",
            hint=f"undeploy({name!r}) first, or choose another udf_name",
        )
        self.name = name


class DeploymentFailed(ModelError):
    """A model that could not be brought up; nothing of it is left behind."""

    def __init__(self, name: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"deploying {name!r} failed: {reason}", hint=hint)
        self.name = name
        self.reason = reason


class NotEnoughResources(ModelError):
    """The machine, or the cluster, has less than the deployment asks for."""

    def __init__(self, name: str, resource: str, *, needed: float, available: float) -> None:
        super().__init__(
            f"deploying {name!r} needs {needed:g} {resource}, available: {available:g}",
            hint="lower setup_gpus_per_worker / setup_cpus_per_worker / setup_num_workers",
        )
        self.name = name
        self.resource = resource
        self.needed = needed
        self.available = available


class PromptTooLong(ModelError, ValueError):
    """More input tokens than the model, or a limit that the caller set, takes."""

    def __init__(self, *, tokens: int, limit: int, model: str, limited_by: str = "") -> None:
        super().__init__(
            f"the prompt has {tokens} tokens, but {model!r} takes at most {limit}"
            + (f" ({limited_by})" if limited_by else ""),
            hint="shorten the conversation, or deploy the model with a longer context",
        )
        self.tokens = tokens
        self.limit = limit
        self.model = model


class RequestTimeout(ModelError, TimeoutError):
    """A reply that was not complete in time; generation was stopped.

    Attributes:
        text: What had been generated.
    """

    retryable = True

    def __init__(self, *, timeout_s: float, model: str, text: str = "") -> None:
        super().__init__(
            f"{model!r} did not finish within {timeout_s:g} s ({len(text)} characters came)"
        )
        self.timeout_s = timeout_s
        self.model = model
        self.text = text


class GenerationFailed(ModelError):
    """The backend reported an error while it generated."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(f"{model!r} failed while generating: {reason}")
        self.model = model
        self.reason = reason


class WorkerDied(ModelError):
    """The process that held the model ended before the reply was complete."""

    retryable = True

    def __init__(self, model: str, reason: str = "") -> None:
        super().__init__(f"the worker of {model!r} died" + (f": {reason}" if reason else ""))
        self.model = model


class ModelClosed(ModelError):
    """A model that was undeployed while something still held it."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model!r} is undeployed")
        self.model = model
