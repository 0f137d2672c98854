"""Jobs and answers as JSON: built by the host and read by the child, and the other way round.

What the child says is presumed to be an attacker's: every field is checked by its exact type.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args, get_type_hints

from sandbox.job import Answer, Job, RecordSpec

KINDS: Final = frozenset(get_args(get_type_hints(Answer)["kind"]))


class BadAnswer(Exception):
    """What the child said is no answer."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job, and what the child itself must hold to."""

    job: Job
    memory_mb: float
    cpu_s: float


def order_to_json(order: Order) -> bytes:
    """For the child."""
    job = {name: getattr(order.job, name) for name in Job.__dataclass_fields__}
    job["types"] = [asdict(spec) for spec in order.job.types]
    return json.dumps(
        {"job": job, "memory_mb": order.memory_mb, "cpu_s": order.cpu_s},
        separators=(",", ":"),
    ).encode()


def order_from_json(data: bytes) -> Order:
    """In the child; the host is trusted."""
    given = json.loads(data)
    job = given["job"]
    job["modules"] = tuple(job["modules"])
    job["tools"] = tuple(job["tools"])
    job["types"] = tuple(
        RecordSpec(
            name=spec["name"],
            kind=spec["kind"],
            fields=tuple((name, needed) for name, needed in spec["fields"]),
            defaults=tuple((name, value) for name, value in spec["defaults"]),
            members=tuple((name, value) for name, value in spec["members"]),
        )
        for spec in job["types"]
    )
    return Order(Job(**job), given["memory_mb"], given["cpu_s"])


def answer_to_json(answer: Answer) -> bytes:
    """In the child: the answer without its value."""
    fields = {
        name: getattr(answer, name)
        for name in Answer.__dataclass_fields__
        if name != "value" and getattr(answer, name) not in ("", None, (), 0)
    }
    return json.dumps(fields, separators=(",", ":")).encode()


_TEXTS = ("message", "type_name", "construct", "hint", "printed")
_PLACES = ("line", "column")
_LARGEST_PLACE = 10_000_000
_LONGEST = {"message": 4000, "type_name": 200, "construct": 400, "hint": 4000}
_MOST_FRAMES = 200


def answer_from_json(data: bytes, *, printed_chars: int) -> Answer:
    """On the host.

    Args:
        data: What the child said.
        printed_chars: How much of the prints is kept.

    Raises:
        BadAnswer: It is no answer.
    """
    given = load_json(data)
    if type(given) is not dict or given.get("kind") not in KINDS:
        raise BadAnswer("it is no answer of a kind that is known")
    fields: dict[str, Any] = {"kind": given["kind"]}
    for name in _TEXTS:
        text = given.get(name, "")
        if type(text) is not str:
            raise BadAnswer(f"{name} is no text")
        text = text.encode("utf-8", "replace").decode("utf-8")
        fields[name] = text[: _LONGEST.get(name, printed_chars)]
    for name in _PLACES:
        fields[name] = _count(given.get(name), name)
    fields["printed_dropped"] = _count(given.get("printed_dropped"), "printed_dropped") or 0
    fields["traceback"] = _traceback(given.get("traceback", []))
    return Answer(**fields)


def _count(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise BadAnswer(f"{name} is no count")
    return value if name == "printed_dropped" else min(value, _LARGEST_PLACE)


def _traceback(value: Any) -> tuple[tuple[int, str], ...]:
    if type(value) is not list:
        raise BadAnswer("the traceback is no list")
    frames: list[tuple[int, str]] = []
    for frame in value[:_MOST_FRAMES]:
        if type(frame) is not list or [type(part) for part in frame] != [int, str]:
            raise BadAnswer("a frame of the traceback is no line and name")
        frames.append((min(max(frame[0], 0), _LARGEST_PLACE), frame[1][:200]))
    return tuple(frames)


def load_json(data: bytes) -> Any:
    """Strict JSON of a peer that is not trusted: no NaN, no depth that exhausts the stack.

    Raises:
        BadAnswer: It is none.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise BadAnswer(f"it is no JSON: {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
