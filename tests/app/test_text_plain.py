"""What may reach the screen of a string: the visible characters."""

from __future__ import annotations

import unicodedata

import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from meadow_app.text.plain import MOST_MARKS, clean, is_right_to_left, isolated, label, one_line


def unseen(text: str) -> list[str]:
    """The characters of ``text`` that nobody sees but that change what is seen."""
    return [
        f"U+{ord(c):04X}"
        for c in text
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
        and c not in "\n\t"
        or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff\u00ad\u3164\ufffc"
        or ord(c) & 0xFFFE == 0xFFFE
        or 0xE0000 <= ord(c) <= 0xE0FFF
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_strings_become_one_short_visible_line(name: str) -> None:
    line = one_line(HOSTILE[name], 60)
    assert len(line) <= 60
    assert "\n" not in line and "\t" not in line and "\r" not in line
    assert unseen(line) == []
    line.encode()
    if name not in ("deep_quotes", "deep_emphasis", "zero_width", "zalgo", "unclosed_direction", "backspace"):
        assert "mw" in line, line


@pytest.mark.parametrize("name", HOSTILE)
def test_cleaned_hostile_strings_hold_nothing_unseen(name: str) -> None:
    cleaned = clean(HOSTILE[name])
    assert unseen(cleaned) == []
    assert "mw" in cleaned
    assert clean(cleaned) == cleaned
    cleaned.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("  a \n\n b\t", "a b"),
        ("exe.\u202egnp", "exe.gnp"),
        ("pass\u200bword", "password"),
        ("a\x00b", "a\ufffdb"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\ud83d\ude00", "\U0001f600"),  # two halves that somebody cut apart
        ("\ud83d", "\ufffd"),
        ("abc" * 50, "abcabcabc…"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),  # Persian needs it
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"),
        ("%1 & %2", "%1 & %2"),
        (None, ""),
        (12, "12"),
    ],
)
def test_one_line(text: object, shown: str) -> None:
    assert one_line(text, 10) == shown if len(shown) <= 10 else one_line(text, 40) == shown


def test_a_letter_carries_a_few_marks_and_no_tower() -> None:
    assert clean("e\u0301\u0323") == "e\u0301\u0323"
    assert clean("e" + "\u0301" * 1000) == "e" + "\u0301" * MOST_MARKS
    assert len(clean("e" + "\u0301\u200d" * 1000)) <= 1 + 2 * MOST_MARKS


def test_shortening_does_not_cut_a_letter_from_its_marks() -> None:
    assert one_line("abcdefgh" + "e\u0301" + "x" * 10, 10) == "abcdefgh…"
    assert one_line("abcdefg" + "\U0001f468\u200d\U0001f469" + "x" * 10, 9) == "abcdefg…"


def test_names_in_sentences_and_on_buttons() -> None:
    assert isolated("\u05d0\u202e") == "\u2068\u05d0\u2069"
    assert label("Tom & Jerry") == "Tom && Jerry"


@given(st.text())
def test_cleaning_is_stable_and_takes_no_letter(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert unseen(cleaned) == []
    hidden = {0x115F, 0x1160, 0x3164, 0xFFA0}  # letters by name, blank by looks
    assert [c for c in cleaned if c.isalnum()] == [c for c in text if c.isalnum() and ord(c) not in hidden]


@pytest.mark.parametrize(
    ("text", "rtl"), [("abc", False), ("שלום", True), ("1. שלום", True), ("a ש", False), ("", False)]
)
def test_direction(text: str, rtl: bool) -> None:
    assert is_right_to_left(text) is rtl
