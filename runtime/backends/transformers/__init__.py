"""The transformers backend: model folders (and converted GGUF files), decoded by our own loop.

torch and transformers are imported when a model is opened, not when this package is.
"""

from __future__ import annotations

import importlib

from runtime.backends.transformers.options import TransformersOptions, transformers_options
from runtime.deployment import DeploymentSpec
from runtime.errors import MissingExtra
from runtime.model import ChatModel
from runtime.store import Progress, ResolvedModel, default_progress

__all__ = ["TransformersOptions", "open_transformers"]

_NEEDED = ("torch", "transformers", "safetensors", "numpy")
_NEEDED_FOR_GGUF = ("gguf", "accelerate")


def open_transformers(
    spec: DeploymentSpec, model: ResolvedModel, *, progress: Progress | None = None
) -> ChatModel:
    """Load a model with transformers. A GGUF file is converted first, once per machine.

    Args:
        spec: What to deploy; its ``backend.*`` options are those of :class:`TransformersOptions`.
        model: The model's files.
        progress: Where to show the conversion; what suits standard error unless given.

    Raises:
        MissingExtra: torch or transformers is not installed.
        UnknownParameter, InvalidParameter: The options.
        FeatureNotAvailable: A quantised model, or a request for one.
        DeploymentFailed: Anything else that keeps the model from running; says what to do.
    """
    options = transformers_options(spec)
    for package in _NEEDED + (_NEEDED_FOR_GGUF if model.format == "gguf" else ()):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise MissingExtra(
                error.name or package, extra="transformers", needed_for="The transformers backend"
            ) from None
    from runtime.backends.transformers.convert import converted
    from runtime.backends.transformers.loading import load
    from runtime.backends.transformers.model import TransformersModel

    folder = model.path
    if model.format == "gguf":
        folder = converted(model, deployment=spec.name, progress=progress or default_progress())
    return TransformersModel(load(spec, folder, options), options)
