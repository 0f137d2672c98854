"""What the tests of tools share."""

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from structured.errors import ToolDefinitionError, ValidationFailed
from structured.tool import ToolSchema


class Opaque:
    """A class that pydantic knows nothing about."""


def properties(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    schema = ToolSchema.of(function, **options)
    jsonschema.Draft202012Validator.check_schema(schema.parameters)
    return schema.parameters["properties"]


def violations(schema: ToolSchema[Any], arguments: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        schema.validate(arguments)
    assert caught.value.contract == schema.name
    return {violation.path: violation.kind for violation in caught.value.violations}


def refusal(function: Any, **options: Any) -> ToolDefinitionError:
    with pytest.raises(ToolDefinitionError) as caught:
        ToolSchema.of(function, **options)
    return caught.value
