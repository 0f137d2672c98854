"""Functions for a model to write: signature and docstring, and inputs that it never sees."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import pydantic
from pydantic import Field

Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Point(NamedTuple):
    x: float
    y: float


class Item(pydantic.BaseModel):
    name: str
    price: float
    quantity: int = 1


class Stats(pydantic.BaseModel):
    count: int
    total: int


class Sign(enum.Enum):
    NEGATIVE = "negative"
    ZERO = "zero"
    POSITIVE = "positive"


def initials(name: str) -> str:
    """The first letters of a name's words, in capitals.

    >>> initials("ada lovelace")
    'AL'
    """


def is_palindrome(text: str) -> bool:
    """Whether a text reads the same backwards, ignoring case and all but letters and digits.

    >>> is_palindrome("A man, a plan, a canal: Panama")
    True
    >>> is_palindrome("house")
    False
    """


def count_vowels(text: str) -> int:
    """How many of a text's letters are a, e, i, o or u, in either case.

    >>> count_vowels("Education")
    5
    """


def reverse_words(sentence: str) -> str:
    """The words of a sentence in reverse order, with one space between them.

    >>> reverse_words("the quick  fox")
    'fox quick the'
    """


def word_counts(text: str) -> dict[str, int]:
    """How often each word occurs; words are in lower case and separated by white space.

    >>> word_counts("a B a")
    {'a': 2, 'b': 1}
    """


def fibonacci(n: Natural) -> int:
    """The n-th Fibonacci number, beginning with fibonacci(0) == 0.

    >>> [fibonacci(n) for n in range(8)]
    [0, 1, 1, 2, 3, 5, 8, 13]
    """


def is_prime(n: int) -> bool:
    """Whether a number is prime.

    >>> [n for n in range(20) if is_prime(n)]
    [2, 3, 5, 7, 11, 13, 17, 19]
    """


def digit_sum(n: int) -> int:
    """The sum of a number's decimal digits; the sign does not matter.

    >>> digit_sum(-905)
    14
    """


def gcd(a: Positive, b: Positive) -> int:
    """The greatest common divisor of two numbers.

    >>> gcd(12, 18)
    6
    """


def roman(n: Annotated[int, Field(ge=1, le=3999)]) -> str:
    """A number in Roman numerals.

    >>> roman(1994)
    'MCMXCIV'
    """


def flatten(lists: list[list[int]]) -> list[int]:
    """The numbers of all lists, in order.

    >>> flatten([[1, 2], [], [3]])
    [1, 2, 3]
    """


def unique(items: list[int]) -> list[int]:
    """The items without repetitions, in the order in which they come first.

    >>> unique([3, 1, 3, 2, 1])
    [3, 1, 2]
    """


def chunks(items: list[int], size: Positive) -> list[list[int]]:
    """The items in lists of the given size; the last one may be shorter.

    >>> chunks([1, 2, 3, 4, 5], 2)
    [[1, 2], [3, 4], [5]]
    """


def median(numbers: Annotated[list[float], Field(min_length=1)]) -> float:
    """The median of some numbers.

    >>> median([3.0, 1.0, 2.0])
    2.0
    >>> median([4.0, 1.0, 2.0, 3.0])
    2.5
    """


def clamp(value: int, low: int, high: int) -> int:
    """The value, or the nearer of the two bounds where it lies outside of them (low <= high).

    >>> clamp(15, 0, 10)
    10
    """


def caesar(text: str, shift: int) -> str:
    """Each letter a-z and A-Z moved on in the alphabet, from z to a again; the rest unchanged.

    >>> caesar("xyz, Abc!", 3)
    'abc, Def!'
    """


def run_lengths(text: str) -> list[tuple[str, int]]:
    """Each run of equal characters, with its length.

    >>> run_lengths("aabccc")
    [('a', 2), ('b', 1), ('c', 3)]
    """


def binary(n: Natural) -> str:
    """A number in binary, without a prefix.

    >>> binary(10)
    '1010'
    """


def seconds_text(seconds: Natural) -> str:
    """A duration as h:mm:ss.

    >>> seconds_text(3725)
    '1:02:05'
    """


def is_leap(year: Positive) -> bool:
    """Whether a year of the Gregorian calendar is a leap year.

    >>> is_leap(2000), is_leap(1900), is_leap(2024)
    (True, False, True)
    """


def distance(a: Point, b: Point) -> float:
    """The Euclidean distance of two points.

    >>> distance(Point(0.0, 0.0), Point(3.0, 4.0))
    5.0
    """


def total_price(items: list[Item]) -> float:
    """The sum of price times quantity over all items; 0.0 if there are none.

    >>> total_price([Item(name="pen", price=2.0, quantity=3), Item(name="cup", price=5.0)])
    11.0
    """


def cheapest(items: list[Item]) -> str | None:
    """The name of the item with the lowest price; None if there are no items.

    >>> cheapest([Item(name="pen", price=2.0), Item(name="cup", price=5.0)])
    'pen'
    """


def stats(numbers: list[int]) -> Stats:
    """How many numbers there are, and their sum.

    >>> stats([1, 2, 3])
    Stats(count=3, total=6)
    """


def sign(n: int) -> Sign:
    """The sign of a number.

    >>> sign(-3)
    <Sign.NEGATIVE: 'negative'>
    """


def snake_case(name: str) -> str:
    """A camelCase or PascalCase name in snake_case.

    >>> snake_case("camelCaseName")
    'camel_case_name'
    """


def balanced(text: str) -> bool:
    """Whether the brackets ()[]{} in a text are balanced; other characters do not matter.

    >>> balanced("a(b[c]{d})")
    True
    >>> balanced("(]")
    False
    """


def second_largest(numbers: list[int]) -> int | None:
    """The second largest of the different numbers; None if there are fewer than two.

    >>> second_largest([5, 1, 5, 3])
    3
    """


def transpose(matrix: list[list[int]]) -> list[list[int]]:
    """Rows as columns. All rows of a matrix are as long as its shortest one; the rest is dropped.

    >>> transpose([[1, 2, 3], [4, 5, 6]])
    [[1, 4], [2, 5], [3, 6]]
    """


def month_end(
    year: Annotated[int, Field(ge=1, le=9999)], month: Annotated[int, Field(ge=1, le=12)]
) -> str:
    """The last day of a month, as yyyy-MM-dd.

    >>> month_end(2024, 2)
    '2024-02-29'
    """


Unseen = list[tuple[tuple[Any, ...], Any]]

CASES: list[tuple[Callable[..., Any], Unseen]] = [
    (initials, [(("Grace Brewster  hopper",), "GBH"), (("x",), "X"), ((" a b ",), "AB")]),
    (is_palindrome, [(("No lemon, no melon",), True), (("ab",), False), (("12 21",), True)]),
    (count_vowels, [(("XYZ",), 0), (("AEIOU aeiou",), 10), (("",), 0)]),
    (reverse_words, [((" one ",), "one"), (("a b c d",), "d c b a"), (("",), "")]),
    (word_counts, [(("",), {}), (("x X y\nx",), {"x": 3, "y": 1})]),
    (fibonacci, [((30,), 832040), ((1,), 1), ((60,), 1548008755920)]),
    (is_prime, [((97,), True), ((91,), False), ((-7,), False), ((7919,), True)]),
    (digit_sum, [((0,), 0), ((999,), 27), ((-1,), 1)]),
    (gcd, [((17, 5), 1), ((100, 75), 25), ((7, 7), 7)]),
    (roman, [((4,), "IV"), ((2023,), "MMXXIII"), ((3999,), "MMMCMXCIX"), ((444,), "CDXLIV")]),
    (flatten, [(([],), []), (([[5], [6, 7]],), [5, 6, 7])]),
    (unique, [(([],), []), (([1, 1, 1],), [1]), (([2, 3, 2, 4],), [2, 3, 4])]),
    (chunks, [(([], 3), []), (([1, 2, 3], 5), [[1, 2, 3]]), (([1, 2, 3, 4], 2), [[1, 2], [3, 4]])]),
    (median, [(([7.0],), 7.0), (([1.0, 9.0],), 5.0), (([5.0, 3.0, 1.0, 4.0, 2.0],), 3.0)]),
    (clamp, [((5, 0, 10), 5), ((-5, 0, 10), 0), ((7, 7, 7), 7)]),
    (caesar, [(("Zebra", 1), "Afcsb"), (("abc", -1), "zab"), (("Hi", 52), "Hi")]),
    (run_lengths, [(("",), []), (("z",), [("z", 1)]), (("aba",), [("a", 1), ("b", 1), ("a", 1)])]),
    (binary, [((0,), "0"), ((255,), "11111111"), ((1,), "1")]),
    (seconds_text, [((0,), "0:00:00"), ((59,), "0:00:59"), ((36000,), "10:00:00")]),
    (is_leap, [((2100,), False), ((1996,), True), ((2400,), True), ((2023,), False)]),
    (
        distance,
        [((Point(1.0, 1.0), Point(1.0, 1.0)), 0.0), ((Point(-1.0, 0.0), Point(2.0, 4.0)), 5.0)],
    ),
    (total_price, [(([],), 0.0), (([Item(name="a", price=1.5, quantity=4)],), 6.0)]),
    (
        cheapest,
        [(([],), None), (([Item(name="a", price=9.0), Item(name="b", price=1.0)],), "b")],
    ),
    (stats, [(([],), Stats(count=0, total=0)), (([-1, 1],), Stats(count=2, total=0))]),
    (sign, [((0,), Sign.ZERO), ((9,), Sign.POSITIVE), ((-1,), Sign.NEGATIVE)]),
    (snake_case, [(("PascalCase",), "pascal_case"), (("x",), "x"), (("aB",), "a_b")]),
    (balanced, [(("",), True), (("([)]",), False), (("((",), False), (("{[()]}",), True)]),
    (second_largest, [(([],), None), (([1],), None), (([2, 2],), None), (([-1, -2],), -2)]),
    (transpose, [(([],), []), (([[1, 2]],), [[1], [2]]), (([[1], [2]],), [[1, 2]])]),
    (month_end, [((2023, 2), "2023-02-28"), ((2023, 12), "2023-12-31"), ((2000, 4), "2000-04-30")]),
]
