"""Colours of code: nothing of the code changes, every colour can be read, and a growing block is lexed by the line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow_app.text import highlight
from meadow_app.text.highlight import COLOURS, Colours, colour, lex
from meadow_app.text.languages import _NAMES, language
from meadow_app.text.look import Look

THEME = Path(__file__).resolve().parents[2] / "resources" / "qml" / "Theme.qml"


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def theme(name: str) -> tuple[str, str]:
    """A colour of Theme.qml, for light and for dark."""
    found = re.search(rf'color {name}: dark \? "(#\w{{6}})" : "(#\w{{6}})"', THEME.read_text())
    assert found, name
    return found[2], found[1]


@pytest.mark.parametrize("kind", COLOURS)
@pytest.mark.parametrize("dark", [False, True])
def test_every_colour_can_be_read_on_the_ground_of_code(kind: str, dark: bool) -> None:
    shown = colour(kind, Look(dark=dark))
    assert contrast(shown, theme("raised")[dark]) >= 4.5
    assert contrast(shown, theme("surface")[dark]) >= 4.5


@pytest.mark.parametrize("name", ["ink", "soft", "accent"])
@pytest.mark.parametrize("ground", ["surface", "raised"])
@pytest.mark.parametrize("dark", [False, True])
def test_the_colours_of_text_can_be_read(name: str, ground: str, dark: bool) -> None:
    assert contrast(theme(name)[dark], theme(ground)[dark]) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
def test_code_in_a_line_can_be_read(dark: bool) -> None:
    assert contrast(theme("ink")[dark], theme("faint")[dark]) >= 4.5


@pytest.mark.parametrize(
    ("info", "code", "expected"),
    [
        ("python", "def f(x): # no", {"def": "keyword", "f": "name", "# no": "comment"}),
        ("python", 's = """a\nb""" + 1', {'"""a': "string", 'b"""': "string", "1": "number"}),
        ("py", '""""a" """', {'""""a" """': "string"}),
        ("js", "const a = `x\n${b}` // c", {"const": "keyword", "`x": "string", "// c": "comment"}),
        ("ts", "let a: string = 'b\\'c'", {"let": "keyword", "string": "type", "'b\\'c'": "string"}),
        ("cpp", "#include <a>\n/* b\nc */ int", {"#include": "attribute", "/* b": "comment", "int": "type"}),
        ("rust", "fn a<'x>() -> u8 { b!('y') }", {"fn": "keyword", "'x": "type", "u8": "type", "b!": "name"}),
        ("go", "func a() { return nil }", {"func": "keyword", "a": "name", "return": "keyword", "nil": "number"}),
        ("java", "@Test public void a() {}", {"@Test": "attribute", "public": "keyword", "void": "keyword",
        "a": "name"}),
        ("bash", "echo \"$A\" --all # b", {"echo": "name", '"$A"': "string", "--all": "attribute", "# b": "comment"}),
        ("json", '{"a": [1, "b", true]}', {'"a"': "name", "1": "number", '"b"': "string", "true": "keyword"}),
        ("html", "<a href=\"b\">c</a><!-- d\ne -->", {"<a": "keyword", "href": "attribute", "<!-- d": "comment"}),
        ("css", "a { color: #fff; }", {"color": "attribute", "#fff": "number"}),
        ("sql", "select A from b -- c", {"select": "keyword", "from": "keyword", "-- c": "comment"}),
        ("yaml", "a: 'b' # c", {"a": "name", "'b'": "string", "# c": "comment"}),
        ("toml", "[a]\nb = 1", {"[a]": "keyword", "b": "name", "1": "number"}),
        ("markdown", "# a\n**b**", {"# a": "keyword", "**b**": "type"}),
        ("diff", "-a\n+b\n@@ c", {"-a": "delete", "+b": "insert", "@@ c": "name"}),
        ("{.python}", "if", {"if": "keyword"}),
        ("Python title=x", "if", {"if": "keyword"}),
        ("", "if", {}),
        ("brainfuck", "if (1) + '2'", {}),
    ],
)  # fmt: skip
def test_languages(info: str, code: str, expected: dict[str, str]) -> None:
    found = {text: kind for line in Colours().lines(info, code.split("\n")) for text, kind in line if kind}
    assert found == expected or (expected and expected.items() <= found.items())
    assert bool(found) == bool(expected)


PIECES = st.sampled_from(
    ['"', "'", "`", '"""', "'''", "\\", "/*", "*/", "//", "#", "--", "[[", "]]", "<!--", "-->", "<a", ">", "a",
        "if", "1.5",
     "(", " ", "@x", "$", "${", "}", "{", ":", "=", "é", "\t", "+", "-", "|", "```", "0x"]
)  # fmt: skip


@given(st.sampled_from(sorted(_NAMES)), st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=8))
def test_the_tokens_are_the_line(name: str, lines: list[str]) -> None:
    assert ["".join(text for text, _ in tokens) for tokens in Colours().lines(name, lines)] == lines


@given(
    st.sampled_from(sorted(_NAMES)), st.lists(st.lists(PIECES, max_size=8).map("".join), max_size=8), st.integers(0, 8)
)
def test_growing_code_is_coloured_like_whole_code(name: str, lines: list[str], cut: int) -> None:
    growing = Colours()
    growing.lines(name, lines[:cut])
    growing.lines(name, [*lines[:cut], "half a li"])
    assert growing.lines(name, lines) == Colours().lines(name, lines)


def test_each_line_is_lexed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lexed: list[str] = []

    def counted(lexer: object, line: str, state: int) -> tuple[object, int]:
        lexed.append(line)
        return lex(lexer, line, state)  # type: ignore[arg-type]

    monkeypatch.setattr(highlight, "lex", counted)
    growing = Colours()
    lines = [f"x = {number}" for number in range(100)]
    for count in range(1, 101):
        growing.lines("py", lines[:count])
    assert lexed == lines


@pytest.mark.parametrize("name", sorted(_NAMES))
def test_a_long_line_is_left_alone(name: str) -> None:
    lexer = language(name)
    assert lexer is not None
    tokens, _ = lex(lexer, '"(' * 40_000)
    assert [token.kind for token in tokens] == [""]
    for line in ('"' * 999, "a-" * 499, "/*" * 499, "[" * 999, "#" * 999, "<a " * 333, "'''" * 333):
        assert "".join(text for text, _ in lex(lexer, line)[0]) == line
