"""The llama.cpp backend: GGUF weights in this process, by the ``xllamacpp`` wheel.

llama.cpp's own server does slots, batching and sampling. We add what it lacks: grammars checked
before they are sent (it drops silently those it cannot build), stop token ids, deadlines, aborts
by request id, replies that go on from their beginning, exact scores, typed errors.
"""

from runtime.backends.llama_cpp.model import LlamaCppModel
from runtime.backends.llama_cpp.options import DEFAULT_MAX_MODEL_LEN, LlamaCppOptions

__all__ = ["DEFAULT_MAX_MODEL_LEN", "LlamaCppModel", "LlamaCppOptions"]
