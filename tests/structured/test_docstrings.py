"""Docstrings, taken apart: google, numpy and sphinx style, and what each gets wrong in the wild."""

import inspect
import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from structured import docstrings


def parse_docstring(text, names):
    """As a function with that docstring has it parsed."""
    return docstrings.parse_docstring(text and inspect.cleandoc(text), names)


GOOGLE = """Compute a range.

    It ends today.

    Args:
        count: How many.
        unit (str, optional): Which unit:
            day or week.
        *rest: More.
        **options: Even more.

    Returns:
        list[str]: Two dates.

    Raises:
        ValueError: count is negative.
    """

NUMPY = """Compute a range.

    It ends today.

    Parameters
    ----------
    count : int
        How many.
    unit : {'day', 'week'}, optional
        Which unit:
        day or week.
    *rest
        More.
    **options
        Even more.

    Returns
    -------
    list
        Two dates.
    """

SPHINX = """Compute a range.

    It ends today.

    :param int count: How many.
    :param unit: Which unit:
        day or week.
    :type unit: str
    :param rest: More.
    :param dict of str options: Even more.
    :returns: Two dates.
    :rtype: list
    """

NAMES = ["count", "unit", "rest", "options"]


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_each_style_gives_the_same_parameters(text):
    doc = parse_docstring(text, NAMES)
    assert doc.parameters == {
        "count": "How many.",
        "unit": "Which unit:\nday or week.",
        "rest": "More.",
        "options": "Even more.",
    }


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_the_description_keeps_all_but_the_parameters(text):
    description = parse_docstring(text, NAMES).description
    assert description.startswith("Compute a range.\n\nIt ends today.\n\n")
    assert "Two dates." in description
    assert "How many" not in description
    assert "Even more" not in description
    assert "Parameters" not in description
    assert "Args" not in description
    assert "type unit" not in description


def test_what_follows_the_parameters_stays_as_written():
    assert parse_docstring(GOOGLE, NAMES).description == (
        "Compute a range.\n\nIt ends today.\n\n"
        "Returns:\n    list[str]: Two dates.\n\nRaises:\n    ValueError: count is negative."
    )


@pytest.mark.parametrize(
    "text",
    [
        "Do it.\nArgs:\n    count: How many.",
        "Do it.\nArgs:\n\n    count: How many.\n",
        "Do it.\n\nArgs:\n  count: How many.",
        "Do it.\n\nArgs:\n        count: How many.",
        "Do it.\n\n  Args:\n    count: How many.",
        "Do it.\n\nargs :\n    count : How many.",
        "Do it.\n\nParameters:\n    count (int): How many.",
        "Do it.\n\nKeyword Args:\n    count (Optional[Callable[[int], str]]): How many.",
        "\n    Do it.\n    Args:\n        count: How many.\n    ",
        "Do it.\n\tArgs:\n\t\tcount: How many.\n\t",
        "Do it.\n\nParameters\n---\ncount: int\n    How many.",
        "Do it.\nParameters\n----------\ncount\n    How many.",
        "Do it.\n\n:param count: How many.",
        "Do it.\n:param count: How many.",
        "Do it.\n    :arg count: How many.",
    ],
)
def test_irregular_sections_are_read(text):
    doc = parse_docstring(text, ["count"])
    assert (doc.description, doc.parameters) == ("Do it.", {"count": "How many."})


def test_chinese_text_headings_and_full_width_marks():
    doc = parse_docstring(
        """计算日期范围

        参数：
            count：时间跨度，数值类型
            unit（str，可选）：时间单位：
                日、周
        返回：
            日期列表
        """,
        ["count", "unit"],
    )
    assert doc.description == "计算日期范围\n\n返回：\n    日期列表"
    assert doc.parameters == {
        "count": "时间跨度，数值类型",
        "unit": "时间单位：\n日、周",
    }


def test_a_badly_wrapped_line_belongs_to_the_parameter_above():
    doc = parse_docstring(
        "Do.\n\nArgs:\n    count: How many\n    of them.\n    unit: Which.", ["count", "unit"]
    )
    assert doc.parameters == {"count": "How many\nof them.", "unit": "Which."}


def test_a_remark_above_the_parameters_is_not_lost():
    doc = parse_docstring("Do.\n\nArgs:\n    All in metres.\n    a: The first.", ["a"])
    assert doc.parameters == {"a": "The first."}
    assert "All in metres." in doc.description


def test_names_that_share_a_text():
    assert parse_docstring("x\n\nArgs:\n    a, b: Both.", ["a", "b"]).parameters == {
        "a": "Both.",
        "b": "Both.",
    }
    assert parse_docstring(
        "x\n\nParameters\n----------\na, b : int\n    Both.", "ab"
    ).parameters == {
        "a": "Both.",
        "b": "Both.",
    }


def test_paragraphs_and_lists_in_a_parameter_keep_their_shape():
    doc = parse_docstring(
        "Do.\n\nArgs:\n    a: One of\n\n        - x\n          more\n        - y\n    b: B.", "ab"
    )
    assert doc.parameters["a"] == "One of\n\n- x\n  more\n- y"


def test_text_between_and_after_sphinx_fields_stays():
    doc = parse_docstring("Do.\n\n:param a: The first.\n\nA last word.", ["a"])
    assert doc.parameters == {"a": "The first."}
    assert doc.description == "Do.\n\nA last word."


@pytest.mark.parametrize("text", [None, "", "  \n  "])
def test_no_docstring(text):
    doc = parse_docstring(text, ["a"])
    assert (doc.description, doc.parameters) == ("", {})


@pytest.mark.parametrize(
    "text",
    [
        "Just a summary.",
        "Formats.\nFor:\n    a: the first\n    b: the second",
        "Args:\nnot indented",
        "Do.\n\nArgs:\n    other: Not a parameter of this function.",
        "```\nArgs:\n    a: in a code block\n```",
        "Title\n-----\ntext",
        "| a |\n| --- |",
        "Do: this, :param\n:param",
        "Args:",
        "Parameters\n----------",
    ],
)
def test_a_text_that_documents_no_parameter_is_all_description(text):
    doc = parse_docstring(text, ["a", "b"])
    assert (doc.description, doc.parameters) == (text, {})


def test_a_text_that_begins_with_its_section():
    doc = parse_docstring("\n    Args:\n        a: x\n    ", ["a"])
    assert (doc.description, doc.parameters) == ("", {"a": "x"})


def test_nothing_is_logged_and_griffes_logger_keeps_its_level(caplog):
    logger = logging.getLogger("griffe")
    before = logger.level
    with caplog.at_level(logging.DEBUG):
        parse_docstring("Do.\n\nArgs:\n    a (=): x\n    junk\n  b: y\n", ["a", "b"])
        parse_docstring(NUMPY, [*NAMES])
        parse_docstring(SPHINX, [*NAMES])
    assert not [record for record in caplog.records if record.name.startswith("griffe")]
    assert logger.level == before


def test_griffe_is_imported_only_for_a_section():
    code = (
        "import sys; from structured.docstrings import parse_docstring as p;"
        "p('Do: it.', ['a']); assert 'griffe' not in sys.modules;"
        "p('Do.\\n\\nArgs:\\n    a: x', ['a']); assert 'griffe' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


_LINES = st.sampled_from(
    [
        "Args:",
        "Parameters",
        "----------",
        ":param a: x",
        ":type a: int",
        "    a: x",
        "a : int",
        "```",
        "        more",
        "    b (int): y",
        "",
        "   ",
        "text",
        "Returns:",
        "  c：z",
        "参数：",
        ":param",
        "a:",
    ]
)


@given(st.lists(_LINES, max_size=12).map("\n".join) | st.text(max_size=80))
def test_no_text_breaks_it(text):
    doc = parse_docstring(text, ["a", "b", "c"])
    assert isinstance(doc.description, str)
    assert all(isinstance(value, str) for value in doc.parameters.values())


_WORDS = st.lists(st.text("abcxyz时间，。", min_size=1, max_size=8), min_size=1, max_size=5).map(
    " ".join
)


@given(
    st.dictionaries(st.sampled_from(["count", "unit", "place", "_x"]), _WORDS, min_size=1),
    _WORDS,
    st.sampled_from(["google", "numpy", "sphinx"]),
)
def test_written_and_read_back(parameters, summary, style):
    items = parameters.items()
    section = {
        "google": "Args:\n" + "\n".join(f"    {name}: {text}" for name, text in items),
        "numpy": "Parameters\n----------\n"
        + "\n".join(f"{name} : int\n    {text}" for name, text in items),
        "sphinx": "\n".join(f":param {name}: {text}" for name, text in items),
    }[style]
    doc = parse_docstring(f"{summary}\n\n{section}\n", list(parameters))
    assert (doc.description, dict(doc.parameters)) == (summary, parameters)
