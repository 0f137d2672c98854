"""``Partial[T]``: a picture of what has come, which later pieces do not change."""

import json
import pickle
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from structured.partial import NotYetThere, partial_of
from structured.scanner import Scanner


class Address(BaseModel):
    street: str
    post_code: str = Field(alias="postCode")


class Person(BaseModel):
    full_name: str = Field(alias="fullName")
    age: int
    address: Optional[Address] = None  # noqa: UP045
    others: list[Address] = []
    data: dict[str, Address] = {}


def partial(text, type_=Person, *, strings=False):
    scanner = Scanner()
    scanner.feed(text)
    return partial_of(scanner, type_, strings=strings)


def test_fields_that_have_come_are_attributes():
    came = partial('{"fullName":"Bob","age":4')
    assert came.full_name == came.fullName == came["fullName"] == "Bob"
    assert (came.data, came.complete, came.done) == (
        {"fullName": "Bob"},
        {"fullName": True, "age": False},
        False,
    )
    assert list(came) == ["fullName"]
    assert "age" not in came
    assert repr(came) == "Partial(fullName='Bob' …)"


def test_fields_that_have_not_come_say_so():
    came = partial('{"fullName":"Bob","age":4')
    with pytest.raises(NotYetThere, match="'age' has not come yet; so far: fullName") as caught:
        _ = came.age
    assert isinstance(caught.value, AttributeError)
    assert isinstance(caught.value, KeyError)
    assert pickle.loads(pickle.dumps(caught.value)).field == "age"
    assert came.get("age") is None
    assert came.get("age", 3) == 3
    assert not hasattr(came, "age")
    with pytest.raises(NotYetThere, match="'x' is not in this value"):
        _ = partial('{"age":1}').x


def test_objects_inside_are_partial_too_with_their_own_names():
    came = partial('{"address":{"street":"s","postCode":"1"},"others":[{"postCode":"2","street":"')
    assert came.address.post_code == "1"
    assert came.address.done
    [other] = came.others
    assert other.post_code == "2"
    assert not other.done
    assert other.complete == {"postCode": True, "street": False}
    assert came.complete == {"address": True, "others": False}


def test_a_field_that_is_called_as_a_method():
    came = partial('{"data":{"home":{"street":"s","postCode":"1"}}}')
    assert came["data"].home.post_code == "1"
    assert came.get("data").home.street == "s"
    assert came.data == {"data": {"home": {"street": "s", "postCode": "1"}}}


def test_the_last_text_as_it_grows():
    text = '{"age":1,"fullName":"Bob B'
    assert partial(text).data == {"age": 1}
    came = partial(text, strings=True)
    assert came.full_name == "Bob B"
    assert came.complete == {"age": True, "fullName": False}
    assert partial('["a","b', list[str], strings=True)[1] == "b"
    assert partial('"Bob', str, strings=True).data == "Bob"


def test_lists():
    came = partial("[1,2,[3,", list)
    assert (list(came), len(came), came[2], came.data) == ([1, 2, [3]], 3, [3], [1, 2, [3]])
    assert not came.done
    with pytest.raises(NotYetThere):
        _ = came.name


def test_nothing_to_see():
    assert partial("") is None
    assert partial('"Bo', str) is None
    assert partial("12", int) is None


@given(
    st.recursive(
        st.integers() | st.text(max_size=5) | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_a_picture_does_not_change_and_the_last_one_is_the_value(value, strings):
    scanner, pictures = Scanner(), []
    for character in json.dumps(value):
        scanner.feed(character)
        came = partial_of(scanner, strings=strings)
        if came is not None:
            pictures.append((came, json.dumps(came.data), repr(came), came.complete))
    for came, data, shown, complete in pictures:
        assert (json.dumps(came.data), repr(came), came.complete) == (data, shown, complete)
    if isinstance(value, (list, dict)):
        assert pictures[-1][0].data == value
        assert [came.done for came, *_ in pictures] == [False] * (len(pictures) - 1) + [True]
