"""Validators' reports, pydantic's and jsonschema's, as our violations with JSON paths."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pydantic

from structured.errors import SchemaError, Violation, json_path, shorten

if TYPE_CHECKING:
    import jsonschema

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

    Formats are checked too: those that jsonschema checks by itself, dates, times and durations.
    References are resolved inside the schema only: nothing is fetched.

    Raises:
        SchemaError: The schema is not a valid one, or refers to something that is not in it.
    """
    import jsonschema
    import referencing

    if not isinstance(schema.get("$schema", ""), str):
        raise SchemaError(f"$schema: expected a URI, got {shorten(schema['$schema'])}")
    validator_class = jsonschema.validators.validator_for(
        schema, default=jsonschema.Draft202012Validator
    )
    try:
        validator_class.check_schema(schema)
        _check_references(schema)
    except jsonschema.SchemaError as error:
        where = "$" + "".join(f"[{step!r}]" for step in error.absolute_path)
        raise SchemaError(
            f"not a valid JSON Schema: at {where}: {error.message}", path=where
        ) from None
    except RecursionError:
        raise SchemaError("not a usable JSON Schema: it is nested too deeply") from None
    validator = validator_class(
        schema,
        registry=referencing.Registry(),
        format_checker=_with_times(validator_class.FORMAT_CHECKER),
    )

    def check(value: object) -> tuple[Violation, ...]:
        found: list[Violation] = []
        try:
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
        except RecursionError:
            found.append(Violation("$", "JSON that is nested less deeply", shorten(value), "depth"))
        except ArithmeticError:
            found.append(Violation("$", "smaller numbers", shorten(value), "number"))
        except referencing.exceptions.Unresolvable as error:
            raise SchemaError(f"not a usable JSON Schema: {error}") from None
        return tuple(found)

    return check


def _check_references(schema: dict[str, Any]) -> None:
    import referencing
    from referencing.jsonschema import DRAFT202012

    resource = referencing.Resource.from_contents(schema, default_specification=DRAFT202012)
    registry = referencing.Registry().with_resource(resource.id() or "", resource)
    parts = [(resource, registry.resolver(resource.id() or ""))]
    while parts:
        part, resolver = parts.pop()
        reference = part.contents.get("$ref") if isinstance(part.contents, dict) else None
        try:
            if isinstance(reference, str):
                resolver.lookup(reference)
        except referencing.exceptions.Unresolvable:
            raise SchemaError(
                f"not a usable JSON Schema: the reference {reference!r} leads nowhere",
                hint="put what it refers to under $defs; nothing is fetched",
            ) from None
        parts += [(child, resolver.in_subresource(child)) for child in part.subresources()]


# jsonschema checks these only with further packages installed. RFC 3339, leap seconds included.
_CLOCK = re.compile(
    r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII | re.IGNORECASE,
)
_DURATION = re.compile(
    r"P(?!$)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)", re.ASCII
)


def _with_times(known: jsonschema.FormatChecker) -> jsonschema.FormatChecker:
    import jsonschema

    checker = jsonschema.FormatChecker(())
    checker.checkers = {
        "time": (_is_time, ()),
        "date-time": (_is_datetime, ()),
        "duration": (_is_duration, ()),
        **known.checkers,
    }
    return checker


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(_CLOCK.fullmatch(value))


def _is_duration(value: object) -> bool:
    return not isinstance(value, str) or bool(_DURATION.fullmatch(value))


def _is_datetime(value: object) -> bool:
    if not isinstance(value, str):
        return True
    date, between, time = value[:10], value[10:11], value[11:]
    try:
        datetime.datetime.strptime(date, "%Y-%m-%d")
    except ValueError:
        return False
    return len(date) == 10 and between in ("T", "t") and _is_time(time)
