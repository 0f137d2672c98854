"""Deployments: named models, and the hosts that keep them, in this process or on a cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from runtime.errors import FeatureNotAvailable, InvalidParameter
from runtime.model import ChatModel


class InferBackend(StrEnum):
    """What loads the weights and generates. The values are the reference's names."""

    AUTO = "auto"
    """llama.cpp for GGUF files, transformers for model folders."""
    LLAMA_CPP = "llama_cpp"
    Transformers = "transformers"
    transformers = "transformers"
    VLLM = "ray/vllm"
    DeepSpeed = "ray/deepspeed"


@dataclass(frozen=True)
class DeploymentSpec:
    """Everything needed to bring a model up, as data that may cross process borders."""

    name: str
    source: str
    """A catalogue name, a GGUF file, a model folder, or a hub name where the hub is on."""
    backend: InferBackend = InferBackend.AUTO
    pretrained_model_type: str = ""
    """The reference's type name; empty: from the model itself."""
    num_workers: int = 1
    """Replicas. In this process: that many requests decoded together by one copy of the weights."""
    gpus_per_worker: float | None = None
    """``None``: use a GPU where there is one."""
    cpus_per_worker: float | None = None
    worker_concurrency: int | None = None
    """Requests that one worker takes at once; ``None``: the backend's default."""
    load_balance: str = "lru"
    resources: Mapping[str, float] = field(default_factory=dict)
    """Custom Ray resources per worker."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """``backend.*`` keys."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w][\w.\-]{0,127}", self.name):
            raise InvalidParameter(
                "udf_name", self.name, "a name of letters, digits, '_', '-' and '.'"
            )
        if self.num_workers < 1:
            raise InvalidParameter("num_workers", self.num_workers, "at least 1")
        for key in ("gpus_per_worker", "cpus_per_worker", "worker_concurrency"):
            value = getattr(self, key)
            if value is not None and value < 0:
                raise InvalidParameter(key, value, "0 or more")


class Host(Protocol):
    """Keeps deployments under their names. Safe to share between threads."""

    def deploy(self, spec: DeploymentSpec) -> ChatModel:
        """Bring a model up and prove it with one tiny request.

        Raises:
            DeploymentExists, DeploymentFailed, NotEnoughResources, ModelNotFound,
            ModelFilesMissing, MissingExtra, UnknownParameter, InvalidParameter
        """
        ...

    def undeploy(self, name: str, *, force: bool = False) -> bool:
        """Take a model down; False when there was none.

        Running requests may end first, unless ``force``.
        """
        ...

    def get(self, name: str) -> ChatModel:
        """The model of this name.

        Raises:
            DeploymentNotFound
        """
        ...

    def names(self) -> list[str]:
        """The names in use, sorted."""
        ...


def refuse_later_backends(spec: DeploymentSpec) -> None:
    """Say plainly what this version does not serve yet.

    Raises:
        FeatureNotAvailable
    """
    if spec.backend in (InferBackend.VLLM, InferBackend.DeepSpeed):
        raise FeatureNotAvailable(
            f"the backend {spec.backend.name}",
            hint="use InferBackend.Transformers or InferBackend.LLAMA_CPP",
        )
    kind = spec.pretrained_model_type
    if kind.startswith("saas/"):
        raise FeatureNotAvailable(f"the SaaS provider {kind!r}")
    if kind in _NOT_CHAT:
        raise FeatureNotAvailable(f"the model type {kind!r}")


_NOT_CHAT = frozenset(
    {
        "bark",
        "whisper",
        "custom/bge",
        "custom/m3e",
        "custom/visualglm",
        "custom/qwen_vl_chat",
        "custom/stable_diffusion",
    }
)
