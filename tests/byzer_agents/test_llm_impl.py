"""``@llm_impl``: written by a scripted model, checked, kept, run without it."""

from __future__ import annotations

import pydantic
import pytest

from byzer_agents import ImplementationFailed, llm_impl
from byzer_agents.implementing.kept import read
from byzer_agents.testing import ScriptedModel


class TimeRange(pydantic.BaseModel):
    start: str
    end: str


def fenced(source: str) -> str:
    return f"```python\n{source}\n```"


GOOD = fenced(
    "def initials(name: str) -> str:\n    return ''.join(w[0].upper() for w in name.split())"
)
WRONG = fenced("def initials(name: str) -> str:\n    return name.upper()")


def initials(name: str) -> str:
    """The first letters of a name's words, in capitals.

    >>> initials("ada lovelace")
    'AL'
    """
    raise NotImplementedError


def test_is_written_kept_and_run_without_the_model(tmp_path):
    with ScriptedModel(GOOD) as model:
        first = llm_impl(model=model, directory=tmp_path)(initials)
        assert first("grace brewster hopper") == "GBH"
        assert first("") == ""
    (file,) = tmp_path.glob("*.py")
    kept = read(file)
    assert kept is not None
    assert kept.model == "scripted"
    assert kept.signature == "def initials(name: str) -> str:"
    assert "1 example" in "; ".join(kept.checks)
    again = llm_impl(model=ScriptedModel(), directory=tmp_path)(initials)
    assert again("alan turing") == "AT"


def test_failures_are_told_and_mended(tmp_path):
    with ScriptedModel(WRONG, GOOD) as model:
        f = llm_impl(model=model, directory=tmp_path)(initials)
        assert f("b c") == "BC"
    told = model.requests[1].messages[-1].content
    assert "initials(\"ada lovelace\") gave 'ADA LOVELACE', expected 'AL'" in told


def test_every_attempt_is_in_the_error(tmp_path):
    with ScriptedModel(WRONG, "no code at all") as model:
        f = llm_impl(model=model, directory=tmp_path, max_attempts=2)(initials)
        with pytest.raises(ImplementationFailed) as caught:
            f("x")
        with pytest.raises(ImplementationFailed):
            f("x")  # not asked again
    assert [attempt.failures[0].check for attempt in caught.value.attempts] == ["examples", "reply"]
    assert "ADA LOVELACE" in str(caught.value)
    assert not list(tmp_path.glob("*.py"))


def test_a_value_instead_where_nothing_is_accepted(tmp_path):
    with ScriptedModel(WRONG, '"XY"') as model:
        f = llm_impl(model=model, directory=tmp_path, max_attempts=1, on_failure="predict")(
            initials
        )
        assert f("x y") == "XY"
    assert '"x y"' in model.requests[1].messages[-1].content


def test_classes_of_values(tmp_path):
    reply = fenced(
        "def year(text: str) -> TimeRange:\n"
        "    return TimeRange(start=text + '-01-01', end=text + '-12-31')"
    )
    with ScriptedModel(reply) as model:

        @llm_impl(model=model, directory=tmp_path)
        def year(text: str) -> TimeRange:
            """The days of a year.

            >>> year("2023")
            TimeRange(start='2023-01-01', end='2023-12-31')
            """
            raise NotImplementedError

        assert year("1999") == TimeRange(start="1999-01-01", end="1999-12-31")
    assert "class TimeRange" in model.requests[0].messages[-1].content


@pytest.mark.model
def test_a_model_that_writes_poor_code_is_caught_and_still_gives_a_value(llm, tmp_path):
    @llm.impl(directory=tmp_path, max_attempts=2, on_failure="predict", max_length=64)
    def month(question: str) -> TimeRange:
        """The first and last day of the month that the question speaks of, as yyyy-MM-dd.

        >>> month("February 2024")
        TimeRange(start='2024-02-01', end='2024-02-29')
        >>> month("June 1999")
        TimeRange(start='1999-06-01', end='1999-06-30')
        """
        raise NotImplementedError

    assert isinstance(month("March 2023"), TimeRange)
    with pytest.raises(ImplementationFailed) as caught:
        month.implementation.source()
    assert len(caught.value.attempts) == 2
    assert not list(tmp_path.glob("*.py"))
