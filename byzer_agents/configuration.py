"""The settings of a :class:`~byzer_agents.ByzerLLM`: for deploying, and for each model's calls.

Settings are immutable values that are replaced as a whole under a lock: a call reads one
snapshot, so that another thread's ``setup_*`` never changes it half-way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from runtime import InferBackend, InvalidParameter, Template, UnknownParameter, parse_generation
from runtime.templates import FormatFunc, check_role_mapping, template_named

SelfT = TypeVar("SelfT", bound="Configuration")

FormatName = Literal[
    "function_calling_format",
    "response_class_format",
    "response_class_format_after_chat",
    "impl_func_format",
]


@dataclass(frozen=True, slots=True)
class DeploySetup:
    """How the next ``deploy`` places its workers."""

    infer_backend: InferBackend = InferBackend.AUTO
    gpus_per_worker: float | None = None
    cpus_per_worker: float | None = None
    num_workers: int = 1
    worker_concurrency: int | None = None
    load_balance: str = "lru"
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelSetup:
    """How calls to one model are made."""

    template: Template | Literal["auto"] | None = None
    """``None`` and ``"auto"``: the model's own chat template."""
    role_mapping: Mapping[str, Any] | None = None
    generation: Mapping[str, Any] = field(default_factory=dict)
    max_model_length: int | None = None
    max_input_length: int | None = None
    max_output_length: int | None = None
    function_calling_format: FormatFunc | None = None
    response_class_format: FormatFunc | None = None
    response_class_format_after_chat: FormatFunc | None = None
    impl_func_format: FormatFunc | None = None
    base_system_messages: tuple[str, ...] = ()

    @property
    def own_template(self) -> Template | None:
        """The template that was set; ``None``: the model's own writes its prompts."""
        return self.template if isinstance(self.template, Template) else None

    def format_func(self, name: FormatName) -> FormatFunc | None:
        """The caller's own writer of a prompt: set under this name, or else the template's."""
        own: FormatFunc | None = getattr(self, name)
        return own or getattr(self.own_template, f"{name}_func", None)


class Configuration:
    """The ``setup_*`` methods; each returns the object, so that they chain."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._deploy_setup = DeploySetup()
        self._model_setups: dict[str, ModelSetup] = {}
        self.default_model_name: str | None = None
        self.default_emb_model_name: str | None = None
        self.default_rerank_model_name: str | None = None

    # -- for deploying -------------------------------------------------------------------

    def _set_deploy(self: SelfT, **changes: Any) -> SelfT:
        with self._lock:
            self._deploy_setup = replace(self._deploy_setup, **changes)
        return self

    def setup(self: SelfT, name: str, value: Any) -> SelfT:
        """Set one deploy-time setting by the name that SQL uses: ``setup("num_gpus", 2)``.

        Raises:
            UnknownParameter, InvalidParameter
        """
        if name.startswith("resource."):
            with self._lock:
                resources = {
                    **self._deploy_setup.resources,
                    name.removeprefix("resource."): _number(name, value, low=0),
                }
                return self._set_deploy(resources=resources)
        setters: dict[str, Callable[[Any], SelfT]] = {
            "infer_backend": self.setup_infer_backend,
            "num_gpus": self.setup_gpus_per_worker,
            "gpus_per_worker": self.setup_gpus_per_worker,
            "num_cpus": self.setup_cpus_per_worker,
            "cpus_per_worker": self.setup_cpus_per_worker,
            "maxConcurrency": self.setup_num_workers,
            "num_workers": self.setup_num_workers,
            "workerMaxConcurrency": self.setup_worker_concurrency,
            "worker_concurrency": self.setup_worker_concurrency,
            "load_balance": self.setup_load_balance_way,
        }
        if name not in setters:
            raise UnknownParameter(name, [*setters, "resource.<name>"], where="setup")
        return setters[name](value)

    def setup_infer_backend(self: SelfT, backend: InferBackend | str) -> SelfT:
        """Choose the backend of the next ``deploy``; names in any case.

        Raises:
            InvalidParameter: No such backend.
        """
        return self._set_deploy(infer_backend=_backend(backend))

    def setup_gpus_per_worker(self: SelfT, count: float) -> SelfT:
        """GPUs of each worker; fractions share a GPU, 0 is the CPU."""
        return self._set_deploy(gpus_per_worker=_number("gpus_per_worker", count, low=0))

    def setup_cpus_per_worker(self: SelfT, count: float) -> SelfT:
        """CPUs of each worker."""
        return self._set_deploy(cpus_per_worker=_number("cpus_per_worker", count, low=0))

    def setup_num_workers(self: SelfT, count: int) -> SelfT:
        """Replicas (in this process: requests decoded together by one copy of the weights)."""
        return self._set_deploy(num_workers=_whole("num_workers", count, low=1))

    def setup_worker_concurrency(self: SelfT, count: int) -> SelfT:
        """Requests that one worker takes at once."""
        return self._set_deploy(worker_concurrency=_whole("worker_concurrency", count, low=1))

    def setup_load_balance_way(self: SelfT, way: str) -> SelfT:
        """``"lru"`` or ``"round_robin"``. In this process there is one worker to go to."""
        if way not in ("lru", "round_robin"):
            raise InvalidParameter("load_balance", way, "'lru' or 'round_robin'")
        return self._set_deploy(load_balance=way)

    def setup_reset(self: SelfT) -> SelfT:
        """Forget all deploy-time settings."""
        with self._lock:
            self._deploy_setup = DeploySetup()
        return self

    # -- for calling ---------------------------------------------------------------------

    def _model_setup(self, model: str) -> ModelSetup:
        with self._lock:
            return self._model_setups.get(model, ModelSetup())

    def _set_model(self: SelfT, model: str, **changes: Any) -> SelfT:
        with self._lock:
            self._model_setups[model] = replace(self._model_setup(model), **changes)
        return self

    def setup_default_model_name(self: SelfT, model: str) -> SelfT:
        """The model of calls that name none."""
        self.default_model_name = model
        return self

    def setup_default_emb_model_name(self: SelfT, model: str) -> SelfT:
        """The embedding model of calls that name none."""
        self.default_emb_model_name = model
        return self

    def setup_default_re_rank_model_name(self: SelfT, model: str) -> SelfT:
        """The reranking model of calls that name none."""
        self.default_rerank_model_name = model
        return self

    def setup_template(self: SelfT, model: str, template: Template | str) -> SelfT:
        """How a model's prompts are written: a :class:`Template`, a name of one, or ``"auto"``.

        Raises:
            InvalidParameter: No template of that name.
        """
        if isinstance(template, str) and template != "auto":
            template = template_named(template)
        if not isinstance(template, Template):
            return self._set_model(model, template="auto")
        with self._lock:
            return self._set_model(
                model,
                template=template,
                generation={**self._model_setup(model).generation, **template.generation_config},
            )

    def setup_role_mapping(self: SelfT, model: str, role_mapping: Mapping[str, Any]) -> SelfT:
        """Write a model's turns by this mapping (see :class:`Template`)."""
        check_role_mapping(role_mapping)
        return self._set_model(model, role_mapping=dict(role_mapping))

    def setup_extra_generation_params(self: SelfT, model: str, params: Mapping[str, Any]) -> SelfT:
        """Default generation parameters of a model; merged into those set before.

        Raises:
            UnknownParameter, InvalidParameter
        """
        parse_generation(params)
        with self._lock:
            merged = {**self._model_setup(model).generation, **params}
            return self._set_model(model, generation=merged)

    def setup_max_model_length(self: SelfT, model: str, tokens: int) -> SelfT:
        """Input and output tokens of a call together, at most."""
        return self._set_model(model, max_model_length=_whole("max_model_length", tokens, low=1))

    def setup_max_input_length(self: SelfT, model: str, tokens: int) -> SelfT:
        """Input tokens of a call, at most."""
        return self._set_model(model, max_input_length=_whole("max_input_length", tokens, low=1))

    def setup_max_output_length(self: SelfT, model: str, tokens: int) -> SelfT:
        """Output tokens of a call, at most, unless the call says otherwise."""
        return self._set_model(model, max_output_length=_whole("max_output_length", tokens, low=1))

    def setup_function_calling_format_func(self: SelfT, model: str, func: FormatFunc) -> SelfT:
        """``func(prompt, tools, tool_choice) -> prompt`` for calls with tools."""
        return self._set_model(model, function_calling_format=func)

    def setup_response_class_format_func(self: SelfT, model: str, func: FormatFunc) -> SelfT:
        """``func(prompt, cls) -> prompt`` for calls with a response class."""
        return self._set_model(model, response_class_format=func)

    def setup_response_class_format_after_chat_func(
        self: SelfT, model: str, func: FormatFunc
    ) -> SelfT:
        """``func(cls) -> prompt`` for the second step of ``response_after_chat``."""
        return self._set_model(model, response_class_format_after_chat=func)

    def setup_impl_func_format_func(self: SelfT, model: str, func: FormatFunc) -> SelfT:
        """``func(prompt, func, cls) -> prompt`` for function implementation."""
        return self._set_model(model, impl_func_format=func)

    def setup_base_system_messages(self: SelfT, model: str, messages: list[str]) -> SelfT:
        """System messages put before every conversation with a model."""
        return self._set_model(model, base_system_messages=tuple(messages))

    def get_max_model_length(self, model: str) -> int | None:
        """What :meth:`setup_max_model_length` set."""
        return self._model_setup(model).max_model_length

    def get_max_input_length(self, model: str) -> int | None:
        """What :meth:`setup_max_input_length` set."""
        return self._model_setup(model).max_input_length

    def get_max_output_length(self, model: str) -> int | None:
        """What :meth:`setup_max_output_length` set."""
        return self._model_setup(model).max_output_length


def _backend(backend: InferBackend | str) -> InferBackend:
    spellings = {
        spelling.lower(): member
        for member in InferBackend
        for spelling in (member.value, member.name, member.value.removeprefix("ray/"))
    }
    found = spellings.get(str(backend).lower())
    if found is None:
        raise InvalidParameter("infer_backend", backend, f"one of {', '.join(sorted(spellings))}")
    return found


def _number(key: str, value: Any, *, low: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = low - 1
    if not number >= low or isinstance(value, bool):
        raise InvalidParameter(key, value, f"a number of at least {low:g}")
    return number


def _whole(key: str, value: Any, *, low: int) -> int:
    number = _number(key, value, low=low)
    if number != int(number):
        raise InvalidParameter(key, value, "a whole number")
    return int(number)
