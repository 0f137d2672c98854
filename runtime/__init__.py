"""Models as services: backends, the model store, deployments in this process or on Ray.

* :class:`ChatModel` answers a :class:`ChatRequest` with a :class:`ChatReply`, or with
  :class:`ChatDelta` pieces.
* :class:`DeploymentSpec` says what to deploy; a :class:`Host` keeps it under its name.
* :class:`ModelStore` finds and fetches weights.
"""

from runtime.chat import (
    ChatDelta,
    ChatReply,
    ChatRequest,
    Message,
    ModelMeta,
    Resumption,
    Timing,
    TokenLogprob,
    Usage,
    parse_conversation,
)
from runtime.deployment import DeploymentSpec, Host, InferBackend
from runtime.errors import (
    DeploymentExists,
    DeploymentFailed,
    DeploymentNotFound,
    FeatureNotAvailable,
    GenerationFailed,
    InvalidConversation,
    InvalidParameter,
    MissingExtra,
    ModelClosed,
    ModelError,
    NotEnoughResources,
    PromptTooLong,
    RequestTimeout,
    UnknownParameter,
    WorkerDied,
)
from runtime.generation import GenerationParams, parse_generation
from runtime.model import ChatModel
from runtime.templates import Template, Templates

__all__ = [
    "ChatDelta",
    "ChatModel",
    "ChatReply",
    "ChatRequest",
    "DeploymentExists",
    "DeploymentFailed",
    "DeploymentNotFound",
    "DeploymentSpec",
    "FeatureNotAvailable",
    "GenerationFailed",
    "GenerationParams",
    "Host",
    "InferBackend",
    "InvalidConversation",
    "InvalidParameter",
    "Message",
    "MissingExtra",
    "ModelClosed",
    "ModelError",
    "ModelMeta",
    "NotEnoughResources",
    "PromptTooLong",
    "RequestTimeout",
    "Resumption",
    "Template",
    "Templates",
    "Timing",
    "TokenLogprob",
    "UnknownParameter",
    "Usage",
    "WorkerDied",
    "parse_conversation",
    "parse_generation",
]
