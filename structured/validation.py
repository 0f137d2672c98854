"""Validators' reports, pydantic's and jsonschema's, as our violations with JSON paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pydantic

from structured.errors import Violation, json_path, shorten

MAX_VIOLATIONS = 50
"""A report stops here: a model that sees fifty errors learns nothing from the next."""


def violations(error: pydantic.ValidationError) -> tuple[Violation, ...]:
    """What pydantic found, as violations (the first ``MAX_VIOLATIONS``)."""
    found = error.errors(include_url=False, include_context=False)
    return tuple(
        Violation(
            path=json_path(item["loc"]),
            message=item["msg"],
            got="nothing" if item["type"] == "missing" else shorten(item["input"]),
            kind=item["type"],
        )
        for item in found[:MAX_VIOLATIONS]
    )


def schema_validator(
    schema: dict[str, Any],
) -> Callable[[object], tuple[Violation, ...]]:
    """A function that lists how a value breaks a JSON Schema of the draft it names.

    Formats are checked too. References are resolved inside the schema only: nothing is
    fetched.

    Raises:
        jsonschema.SchemaError: The schema is not a valid one.
    """
    import jsonschema
    import referencing

    validator_class = jsonschema.validators.validator_for(
        schema, default=jsonschema.Draft202012Validator
    )
    validator_class.check_schema(schema)
    validator = validator_class(
        schema,
        registry=referencing.Registry(),
        format_checker=validator_class.FORMAT_CHECKER,
    )

    def check(value: object) -> tuple[Violation, ...]:
        found = []
        for error in validator.iter_errors(cast(Any, value)):
            found.append(
                Violation(
                    path=json_path(list(error.absolute_path)),
                    message=f"{error.validator} {shorten(error.validator_value)}",
                    got=shorten(error.instance),
                    kind=str(error.validator),
                )
            )
            if len(found) == MAX_VIOLATIONS:
                break
        return tuple(found)

    return check
