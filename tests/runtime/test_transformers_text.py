"""Text out of tokens: whole characters only, spaces where they belong, no stop strings."""

from __future__ import annotations

import pytest

from runtime.backends.text import Detokenizer, StopStrings


def byte_level(ids: list[int]) -> str:
    """One token per byte, as byte-level tokenizers decode."""
    return bytes(ids).decode("utf-8", errors="replace")


def byte_fallback(ids: list[int]) -> str:
    """As SentencePiece tokenizers decode: a run of bytes that is not UTF-8 is broken as a whole."""
    try:
        return bytes(ids).decode("utf-8")
    except UnicodeDecodeError:
        return "\ufffd" * len(ids)


PIECES = {0: "▁Hello", 1: "▁world", 2: "!", 3: "▁", 4: "x"}


def sentencepiece(ids: list[int]) -> str:
    """Spaces in front of words, the first one left out."""
    return "".join(PIECES[i] for i in ids).replace("▁", " ").removeprefix(" ")


@pytest.mark.parametrize("decode", [byte_level, byte_fallback])
@pytest.mark.parametrize("text", ["你好，世界", "🎉🗼 é", "ÿ𐍈𐍈", "a你b🎉c"])
def test_characters_come_whole(decode, text):
    detokenizer = Detokenizer(decode)
    pieces = [detokenizer.feed(byte) for byte in text.encode()]
    assert [piece for piece in pieces if piece] == list(text)
    assert detokenizer.flush() == ""


def test_tokens_across_characters_do_not_wait_for_ever():
    data = "你好世界你好世界".encode()
    tokens = [data[:2], *(data[i : i + 3] for i in range(2, len(data) - 1, 3)), data[-1:]]

    def decode(ids):
        return b"".join(tokens[i] for i in ids).decode("utf-8", errors="replace")

    detokenizer = Detokenizer(decode)
    pieces = [detokenizer.feed(i) for i in range(len(tokens))]
    assert "".join(pieces) == data.decode()
    assert pieces[1:] == list(data.decode())


def test_bytes_that_are_no_text_do_not_wait_for_ever():
    detokenizer = Detokenizer(byte_level)
    text = "".join(detokenizer.feed(byte) for byte in b"\xff" * 20)
    assert 16 <= len(text) <= 20
    assert text + detokenizer.flush() == "\ufffd" * 20


@pytest.mark.parametrize("broken", [b"\xff\xff", b"\xf0\x9f", b"\x80" * 5, b"\xe4\xbd"])
def test_characters_after_broken_ones_are_not_lost(broken):
    detokenizer = Detokenizer(byte_level)
    data = broken + "🎉你".encode()
    text = "".join(detokenizer.feed(byte) for byte in data) + detokenizer.flush()
    assert text.lstrip("\ufffd") == "🎉你"


def test_a_character_cut_off_at_the_end_is_given_out_then():
    detokenizer = Detokenizer(byte_level)
    assert [detokenizer.feed(byte) for byte in "é你".encode()[:4]] == ["", "é", "", ""]
    assert detokenizer.flush() == "\ufffd"
    assert detokenizer.flush() == ""


def test_spaces_of_sentencepiece():
    alone = Detokenizer(sentencepiece)
    assert [alone.feed(i) for i in (0, 1, 2, 3, 4)] == ["Hello", " world", "!", " ", "x"]
    after = Detokenizer(sentencepiece, [4])
    assert [after.feed(i) for i in (0, 1)] == [" Hello", " world"]


def test_stop_strings_are_held_back_and_cut():
    stops = StopStrings(["END", "\n\n"])
    assert stops.feed("one E") == ("one ", False)
    assert stops.feed("N") == ("", False)
    assert stops.feed("T\n") == ("ENT", False)
    assert stops.feed("x") == ("\nx", False)
    assert stops.feed("yEN") == ("y", False)
    assert stops.feed("D and more") == ("", True)
    assert stops.flush() == ""


def test_the_earliest_stop_string_wins():
    assert StopStrings(["b", "ab"]).feed("xxabxx") == ("xx", True)
    assert StopStrings(["c", "a"]).feed("xxabc") == ("xx", True)


def test_what_only_began_a_stop_string_comes_at_the_end():
    stops = StopStrings(["aab"])
    assert stops.feed("xaa") == ("x", False)
    assert stops.feed("a") == ("a", False)
    assert stops.flush() == "aa"


def test_no_stop_strings_hold_nothing():
    assert StopStrings(()).feed("abc") == ("abc", False)
