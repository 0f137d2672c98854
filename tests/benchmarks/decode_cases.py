"""Five small schemas, with questions that a small model can answer under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A question, and the JSON Schema of its answer."""

    name: str
    question: str
    schema: dict[str, Any]


def _record(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest}


CASES = (
    Case(
        "person",
        "Ann Miller is 42 years old, lives in Oslo and is a nurse. As JSON with the keys "
        "name, age, city and job:",
        _record(
            name=_text(20),
            age={"type": "integer", "minimum": 0, "maximum": 150},
            city=_text(20),
            job=_text(20),
        ),
    ),
    Case(
        "invoice",
        "Two lines of an invoice as JSON, each with description, quantity and unit_price: "
        "3 chairs at 40 dollars each, 1 table at 120 dollars.",
        {
            "type": "array",
            "items": _record(
                description=_text(20),
                quantity={"type": "integer", "minimum": 1, "maximum": 999},
                unit_price={"type": "integer", "minimum": 0, "maximum": 99999},
            ),
            "minItems": 2,
            "maxItems": 2,
        },
    ),
    Case(
        "weather",
        "It is 21 degrees, dry and sunny in Rome. As JSON with the keys city, "
        "temperature_celsius, condition and is_raining:",
        _record(
            city=_text(20),
            temperature_celsius={"type": "integer", "minimum": -90, "maximum": 60},
            condition={"enum": ["sunny", "cloudy", "rainy", "snowy", "windy"]},
            is_raining={"type": "boolean"},
        ),
    ),
    Case(
        "address",
        "Write as JSON with street, house_number, postal_code, city and country: Karl Johans "
        "gate 7, 0154 Oslo, Norway.",
        _record(
            street=_text(24),
            house_number={"type": "integer", "minimum": 1, "maximum": 9999},
            postal_code={"type": "string", "pattern": "^[0-9]{4}$"},
            city=_text(20),
            country=_text(20),
        ),
    ),
    Case(
        "classification",
        "Classify the ticket 'My parcel has not come, I want my money back!' as JSON with the "
        "keys category, sentiment, urgency and needs_reply:",
        _record(
            category={"enum": ["delivery", "billing", "technical problem", "other"]},
            sentiment={"enum": ["positive", "neutral", "negative"]},
            urgency={"type": "integer", "minimum": 1, "maximum": 5},
            needs_reply={"type": "boolean"},
        ),
    ),
)
