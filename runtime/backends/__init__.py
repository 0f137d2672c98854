"""What loads weights and generates: llama.cpp and transformers."""

from __future__ import annotations

from dataclasses import replace

from runtime.backends.options import parse_options
from runtime.deployment import DeploymentSpec, InferBackend, refuse_later_backends
from runtime.errors import InvalidParameter
from runtime.model import ChatModel
from runtime.store import ModelStore, Progress, ResolvedModel, default_progress


def choose_backend(spec: DeploymentSpec, model: ResolvedModel) -> InferBackend:
    """The backend that a model's format calls for, unless the spec names one.

    Raises:
        InvalidParameter: The named backend cannot load that format.
    """
    refuse_later_backends(spec)
    if spec.backend is InferBackend.AUTO:
        return InferBackend.LLAMA_CPP if model.format == "gguf" else InferBackend.Transformers
    if spec.backend is InferBackend.LLAMA_CPP and model.format != "gguf":
        raise InvalidParameter(
            "infer_backend", spec.backend.value, "Transformers for a folder of safetensors weights"
        )
    return spec.backend


def load_model(spec: DeploymentSpec, *, progress: Progress | None = None) -> ChatModel:
    """Resolve, fetch where needed, and load the model of a spec.

    Raises:
        ModelNotFound, ModelFilesMissing, MissingExtra, DeploymentFailed, UnknownParameter,
        InvalidParameter, FeatureNotAvailable
    """
    refuse_later_backends(spec)
    model = ModelStore().resolve(spec.source, progress=progress or default_progress())
    if choose_backend(spec, model) is InferBackend.LLAMA_CPP:
        from runtime.backends.llama_cpp import LlamaCppModel, LlamaCppOptions

        options = parse_options(LlamaCppOptions, spec.options)
        options = replace(options, n_parallel=max(options.n_parallel, spec.num_workers))
        return LlamaCppModel(spec.name, model.path, options)
    from runtime.backends.transformers import open_transformers

    return open_transformers(spec, model, progress=progress)
