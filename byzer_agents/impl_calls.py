"""The methods of ``ByzerLLM`` for functions that a model writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from byzer_agents.responses import LLMClassResponse, LLMResponse

if TYPE_CHECKING:
    from byzer_agents.implementing.decorator import Implemented


class ImplCalls:
    """The part of ``ByzerLLM`` that has functions written."""

    def impl(
        self,
        instruction: Any = "",
        model: Any = None,
        skip_cache: bool = False,
        **options: Any,
    ) -> Any:
        """:func:`byzer_agents.llm_impl` with this client's models; bare, or with options.

        Args:
            instruction: Said to the model besides the docstring.
            model: A deployed model's name; ``None``: this client's default.
            skip_cache: Have it written anew, once in this process.
            options: As for :func:`byzer_agents.llm_impl`.
        """
        from byzer_agents.implementing.decorator import llm_impl

        llm: Any = self
        if callable(instruction):
            return llm_impl(llm=llm, model=model)(instruction)
        return llm_impl(
            llm=llm, instruction=instruction, model=model, skip_cache=skip_cache, **options
        )

    def clear_impl_cache(self, function: Implemented[..., Any] | None = None) -> int:
        """Delete the kept source of one function, or everything in the cache.

        What lies beside modules belongs to their projects: it is deleted only by function.

        Returns:
            How many sources were deleted.
        """
        if function is not None:
            return int(function.clear())
        from byzer_agents.implementing.kept import cache_folder

        found = list(cache_folder().glob("*.py"))
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def execute_generate_func(
        self,
        func_name: str,
        impl_func_params: Mapping[str, Any] | None,
        response: LLMResponse,
        response_class: Any,
    ) -> LLMClassResponse[Any]:
        """Run a function that stands in a reply's text, in the sandbox.

        Args:
            func_name: Its name.
            impl_func_params: Its arguments.
            response: The reply: the source, bare or in a fenced block.
            response_class: The type of its value.
        """
        from byzer_agents.implementing.reference import run_generated

        return run_generated(func_name, impl_func_params or {}, response, response_class)
