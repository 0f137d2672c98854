"""Deploying models and finding them again by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from byzer_agents.configuration import Configuration
from runtime import (
    ChatModel,
    DeploymentSpec,
    FeatureNotAvailable,
    Host,
    InvalidParameter,
    UnknownParameter,
    parse_generation,
)
from runtime.generation import boolean

SelfT = TypeVar("SelfT", bound="Deployments")


class Deployments(Configuration):
    """The part of ``ByzerLLM`` that keeps models under their names."""

    def __init__(
        self,
        url: str | None = None,
        *,
        address: str | None = None,
        verbose: bool = False,
        force_skip_context_length_check: bool = False,
        default_max_output_length: int = 1024,
        host: Host | None = None,
    ) -> None:
        """``url`` is the reference's name of ``address``; ``host`` overrides both.

        Raises:
            MissingExtra: An address is given and Ray is not installed.
        """
        super().__init__()
        self.host = host or _host(address or url)
        self.verbose = verbose
        self.force_skip_context_length_check = force_skip_context_length_check
        self.default_max_output_length = default_max_output_length

    def deploy(
        self,
        model_path: str = "",
        pretrained_model_type: str = "",
        udf_name: str = "",
        infer_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Bring a model up under ``udf_name`` and return what it says of itself.

        The first model that an object deploys is the one that its calls use when they name none.
        ``model_path`` is a catalogue name (``"quickstart"``), a GGUF file, or a model folder;
        ``infer_params`` holds ``backend.*`` keys for the engine, and ``gen.*`` keys as the
        model's default generation parameters.

        Raises:
            DeploymentExists, DeploymentFailed, NotEnoughResources, ModelNotFound,
            ModelFilesMissing, MissingExtra, UnknownParameter, InvalidParameter
        """
        name = udf_name or model_path
        if not udf_name and ("/" in name or not name):
            raise InvalidParameter("udf_name", udf_name, "a name for the deployment")
        options, generation = _split(infer_params or {})
        setup = self._deploy_setup
        spec = DeploymentSpec(
            name=name,
            source=str(model_path),
            backend=setup.infer_backend,
            pretrained_model_type=pretrained_model_type,
            num_workers=setup.num_workers,
            gpus_per_worker=setup.gpus_per_worker,
            cpus_per_worker=setup.cpus_per_worker,
            worker_concurrency=setup.worker_concurrency,
            load_balance=setup.load_balance,
            resources=setup.resources,
            options=options,
        )
        if generation:
            parse_generation(generation)  # refuse before the model is loaded
        meta = self.host.deploy(spec).meta.as_dict()
        if self.default_model_name is None:
            self.default_model_name = name
        if generation:
            self.setup_extra_generation_params(name, generation)
        return meta

    def register(self, model: ChatModel) -> None:
        """Serve a model object under its own name, in this process: a test double, say.

        Raises:
            DeploymentExists
        """
        from runtime.local import LocalHost

        if not isinstance(self.host, LocalHost):
            raise FeatureNotAvailable("registering a model object on a cluster")
        self.host.register(model)

    def undeploy(self, udf_name: str, force: bool = False) -> bool:
        """Take a model down; False when there was none."""
        if self.default_model_name == udf_name:
            self.default_model_name = None
        return self.host.undeploy(udf_name, force=force)

    def is_model_exist(self, udf_name: str) -> bool:
        """Whether a model is deployed under this name."""
        return udf_name in self.host.names()

    def get_meta(self, model: str | None = None) -> dict[str, Any]:
        """What a deployed model says of itself: backend, ``max_model_len``, architectures, …"""
        return self.model(model).meta.as_dict()

    def setup_auto(self: SelfT, model: str) -> SelfT:
        """Set template and lengths from what the model says of itself."""
        meta = self.model(model).meta
        if meta.support_chat_template:
            self.setup_template(model, "auto")
        return self.setup_max_model_length(model, meta.max_model_len)

    def model(self, name: str | ChatModel | None = None) -> ChatModel:
        """The deployed model of this name, or the default one; a model object is itself.

        Raises:
            DeploymentNotFound
            InvalidParameter: No name is given, there is no default, and not just one model.
        """
        return name if isinstance(name, ChatModel) else self.host.get(self._name(name))

    def _name(self, name: str | None) -> str:
        chosen = name or self.default_model_name
        if chosen is None:
            deployed = self.host.names()
            if len(deployed) == 1:
                return deployed[0]
            raise InvalidParameter(
                "model", name, f"one of the deployed models ({', '.join(deployed) or 'none'})"
            )
        return chosen


def _host(address: str | None) -> Host:
    if address is None:
        from runtime.local import LocalHost

        return LocalHost.shared()
    from runtime.ray_serve import RayHost

    return RayHost(address)


def _split(infer_params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Deploy-time parameters as engine options and default generation parameters.

    Raises:
        UnknownParameter, InvalidParameter, FeatureNotAvailable
    """
    options: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    for key, value in infer_params.items():
        if key.startswith("backend."):
            options[key] = value
        elif key.startswith(("gen.", "generation.")):
            generation[key] = value
        elif key in ("quatization", "quantization"):
            if str(value).lower() not in ("", "false", "none"):
                raise FeatureNotAvailable(f"quantisation while loading ({key}={value!r})")
        elif key.startswith("saas."):
            raise FeatureNotAvailable(f"SaaS parameters ({key!r})")
        elif key == "longContextMode":
            if boolean(key, value):
                raise FeatureNotAvailable("longContextMode")
        else:
            known = ("backend.<engine argument>", "generation.<parameter>", "quantization")
            raise UnknownParameter(key, known, where="deploy")
    return options, generation
