"""Markdown into blocks: what people expect of it, what it must survive, and what it must never change."""

from __future__ import annotations

import re

import pytest
from hostile import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from meadow_app.text.blocks import (
    CODE,
    EMPHASIS,
    STRIKE,
    STRONG,
    Block,
    Code,
    Heading,
    Item,
    Paragraph,
    Rule,
    Span,
    Table,
    plain_text,
    shown_text,
)
from meadow_app.text.inline import spans
from meadow_app.text.markdown import DEEPEST, LONGEST_LINE, LONGEST_PARAGRAPH, MOST_ROWS, Parser, parse
from meadow_app.text.plain import clean
from meadow_app.text.segments import segments


def brief(block: Block) -> object:
    """A block as a few words, for tables of expectations."""
    match block:
        case Paragraph():
            return ("p", plain_text(block.spans))
        case Heading():
            return (f"h{block.level}", plain_text(block.spans))
        case Item():
            return (block.marker, plain_text(block.spans))
        case Code():
            return ("code", block.info, block.text)
        case Table():
            return ("table", [[plain_text(cell) for cell in row] for row in (block.header, *block.rows)])
        case Rule():
            return "rule"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one\ntwo\n\nthree", [("p", "one two"), ("p", "three")]),
        ("# A\n## B ##\n### C#", [("h1", "A"), ("h2", "B"), ("h3", "C#")]),
        ("#no heading", [("p", "#no heading")]),
        ("A\n===\nB\n---\nC", [("h1", "A"), ("h2", "B"), ("p", "C")]),
        ("a\n\n---\n***\n_ _ _", [("p", "a"), "rule", "rule", "rule"]),
        ("- a\n- b\n  - c\n    - d", [("•", "a"), ("•", "b"), ("◦", "c"), ("▪", "d")]),
        ("3. a\n4. b\n9. c", [("3.", "a"), ("4.", "b"), ("9.", "c")]),
        ("1. a\n1. b\n1. c", [("1.", "a"), ("2.", "b"), ("3.", "c")]),
        ("1. a\n\n   b\n2) c", [("1.", "a"), ("p", "b"), ("2)", "c")]),
        ("in\n1984. it was", [("p", "in 1984. it was")]),
        ("-\n- a", [("•", ""), ("•", "a")]),
        ("- ```py\n  x\n  ```\n- b", [("•", ""), ("code", "py", "x"), ("•", "b")]),
        ("- a\nlazy\n\nout", [("•", "a lazy"), ("p", "out")]),
        ("> a\nlazy\n> b\n\nout", [("p", "a lazy b"), ("p", "out")]),
        ("> - a\n> - b", [("•", "a"), ("•", "b")]),
        ("```py\na\n\n  b\n```\nc", [("code", "py", "a\n\n  b"), ("p", "c")]),
        ("~~~\n```\n~~~~", [("code", "", "```")]),
        ("```\nopen\n# no heading", [("code", "", "open\n# no heading")]),
        ("a ```b``` c", [("p", "a b c")]),
        ("    code\n\n    more\n\ntext", [("code", "", "code\n\nmore"), ("p", "text")]),
        ("text\n    no code", [("p", "text no code")]),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |\n\nx", [("table", [["a", "b"], ["1", "2"]]), ("p", "x")]),
        ("a|b\n-|-\n1|2|3\n4", [("table", [["a", "b"], ["1", "2 | 3"]]), ("p", "4")]),
        ("| a |\n|---|\n| x \\| y |\n|", [("table", [["a"], ["x | y"], [""]])]),
        ("x\n| a |\n|---|", [("p", "x"), ("table", [["a"]])]),
        ("a | b\nc | d", [("p", "a | b c | d")]),
        ("<div>\n<p>x</p>\n</div>", [("p", "<div> <p>x</p> </div>")]),
        ("<!-- x -->\n\n<script>\n\n</script>", [("p", "<!-- x -->"), ("p", "<script>"), ("p", "</script>")]),
        ("a  \nb\\\nc", [("p", "a\u2028b\u2028c")]),
        ("\ttab code", [("code", "", "tab code")]),
        ("a\r\n\r\nb\rc", [("p", "a"), ("p", "b c")]),
        ("", []),
        ("\n\n \n", []),
    ],
)
def test_blocks(source: str, expected: list[object]) -> None:
    assert [brief(block) for block in parse(source)] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a **b** c", [("a ", 0), ("b", STRONG), (" c", 0)]),
        (
            "*a* _b_ ~~c~~ `d`",
            [("a", EMPHASIS), (" ", 0), ("b", EMPHASIS), (" ", 0), ("c", STRIKE), (" ", 0), ("d", CODE)],
        ),
        ("***a***", [("a", STRONG | EMPHASIS)]),
        ("**a *b* c**", [("a ", STRONG), ("b", STRONG | EMPHASIS), (" c", STRONG)]),
        ("snake_case_name 2 * 3 * 4", [("snake_case_name 2 * 3 * 4", 0)]),
        ("**open *never", [("**open *never", 0)]),
        ("`a *b*`", [("a *b*", CODE)]),
        ("`` a`b ``", [("a`b", CODE)]),
        ("`open", [("`open", 0)]),
        (r"\*a\* \# \<b\>", [("*a* # <b>", 0)]),
        (r"\(a_1 * b_2 * c\)", [(r"\(a_1 * b_2 * c\)", CODE)]),
        ("a &lt;b&gt; &amp;amp; &#60; &unknown;", [("a <b> &amp; &#60; &unknown;", 0)]),
        ("~a~", [("~a~", 0)]),
        ("你好**世界**。", [("你好", 0), ("世界", STRONG), ("。", 0)]),
    ],
)
def test_styles(source: str, expected: list[tuple[str, int]]) -> None:
    assert [(span.text, span.style) for span in spans(source)] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[a](https://x.org/b_(c))", [Span("a", 0, "https://x.org/b_(c)")]),
        ('[a](<https://x.org> "why")', [Span("a", 0, "https://x.org"), Span(" (why)")]),
        ("[](https://x.org)", [Span("https://x.org", 0, "https://x.org")]),
        (
            "see https://x.org/a. Or (https://y.org/b_(c))!",
            [
                Span("see "),
                Span("https://x.org/a", 0, "https://x.org/a"),
                Span(". Or ("),
                Span("https://y.org/b_(c)", 0, "https://y.org/b_(c)"),
                Span(")!"),
            ],
        ),
        ("<https://x.org> <me@x.org>", [Span("https://x.org", 0, "https://x.org"), Span(" <me@x.org>")]),
        ("[m](mailto:me@x.org?body=secret)", [Span("m", 0, "mailto:me@x.org")]),
        ("![cat](https://x.org/c.png)", [Span("cat", 0, "https://x.org/c.png"), Span(" (https://x.org/c.png)")]),
        ("![cat](file:///c.png)", [Span("cat (file:///c.png)")]),
        ("[a](javascript:alert(1))", [Span("a (javascript:alert(1))")]),
        ("[a](/etc/passwd) [b](#x) [c](qrc:/x)", [Span("a (/etc/passwd) b (#x) c (qrc:/x)")]),
        (
            "[https://bank.org](https://evil.org)",
            [Span("https://bank.org", 0, "https://evil.org"), Span(" (https://evil.org)")],
        ),
        (
            "[bank.org](https://bank.org@evil.org)",
            [
                Span("bank.org", 0, "https://bank.org@evil.org"),
                Span(" (https://bank.org@evil.org)"),
            ],
        ),
        ("[www.bank.org](https://bank.org/x)", [Span("www.bank.org", 0, "https://bank.org/x")]),
        ("[a] [b][c] [d]: https://x.org", [Span("[a] [b][c] [d]: "), Span("https://x.org", 0, "https://x.org")]),
        (
            "[a [b](https://x.org) c](https://y.org)",
            [
                Span("[a "),
                Span("b", 0, "https://x.org"),
                Span(" c]("),
                Span("https://y.org", 0, "https://y.org"),
                Span(")"),
            ],
        ),
        ("[a](https://x.org/ b)", [Span("[a]("), Span("https://x.org/", 0, "https://x.org/"), Span(" b)")]),
    ],
)
def test_links(source: str, expected: list[Span]) -> None:
    assert list(spans(source)) == expected


def test_places() -> None:
    blocks = parse("1. a\n\n   > b\n   > - c\n\n       deep\n> > d\n- [x] e\n- [ ] f")
    places = [(block.place.inset, block.place.quote, block.place.indent) for block in blocks]
    assert places[:4] == [(0, 0, 1), (1, 1, 0), (1, 1, 1), (0, 0, 1)]
    assert places[4] == (0, 2, 0)
    assert [block.checked for block in blocks if isinstance(block, Item)][-2:] == [True, False]


def test_what_is_still_being_written_is_shown_as_it_will_be() -> None:
    parser = Parser()
    parser.feed("Some **bold and `co")
    (block,) = parser.blocks
    assert isinstance(block, Paragraph)
    assert block.spans == (Span("Some "), Span("bold and ", STRONG), Span("co", STRONG | CODE))
    parser.feed("de` yes** and\n-")  # may become a rule, an item or a heading's underline
    assert [brief(block) for block in parser.blocks] == [("p", "Some bold and code yes and")]
    parser.feed(" item\n```py\nx = 1")
    assert [brief(block) for block in parser.blocks][1:] == [("•", "item"), ("code", "py", "x = 1")]
    assert isinstance(parser.blocks[-1], Code) and not parser.blocks[-1].closed
    parser.feed("\n```")
    parser.end()
    assert isinstance(parser.blocks[-1], Code) and parser.blocks[-1].closed


def test_only_the_open_block_is_made_anew() -> None:
    parser = Parser()
    parser.feed("one\n\ntwo\n\n```\ncode\n")
    before = parser.blocks[:2]
    for number in range(50):
        assert parser.feed(f"line {number}\n") == 2
    assert parser.blocks[0] is before[0] and parser.blocks[1] is before[1]
    assert len(parser.blocks) == 3


def letters(text: str) -> str:
    return "".join(character for character in text if character.isalpha())


def seen(blocks: list[Block]) -> str:
    """Everything of blocks that people can come to see, in its order: texts, languages, targets behind their links."""
    parts: list[str] = []
    for block in blocks:
        rows: list[tuple[Span, ...]] = []
        match block:
            case Code():
                parts += [block.info, block.text]
            case Table():
                rows = [cell for row in (block.header, *block.rows) for cell in row]
            case Paragraph() | Heading() | Item():
                rows = [block.spans]
        for row in rows:
            for index, span in enumerate(row):
                parts.append(span.text)
                ends = index + 1 == len(row) or row[index + 1].link != span.link
                if span.link and ends:
                    parts.append(span.link)
    return "".join(parts)


def is_in(small: str, large: str) -> bool:
    """Whether the characters of ``small`` stand in ``large``, in this order."""
    rest = iter(large)
    return all(character in rest for character in small)


MARKUP = st.sampled_from(
    ["*", "**", "_", "~~", "`", "``", "```", "[", "](", ")", "![", "<b>", "</b>", "> ", "- ", "1. ", "# ", "\n",
     "\n\n", "  ", "    ", "\t", "|", "|-|-|\n", "---\n", "===\n", "\\", "https://x.org/", "(", "a", "word ",
     "ש", "é", "😀", "\r\n",
     "~~~", "[ ] ", "  \n", "<", ">", "&", "\u202e", "\x00", "$", "\\(", "\\)", "javascript:x", '"t"']
)  # fmt: skip
TEXTS = st.one_of(st.lists(MARKUP, max_size=60).map("".join), st.text(max_size=80))


@given(TEXTS)
@settings(max_examples=150)
def test_nothing_visible_is_lost(text: str) -> None:
    blocks = parse(text)
    if not re.search(r"&(amp|lt|gt|quot|apos|nbsp);", text):
        assert is_in(letters(clean(text)), letters(seen(blocks)))


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=150)
def test_pieces_make_the_whole(text: str, cuts: list[int]) -> None:
    whole, pieces = Parser(), Parser()
    whole.feed(text)
    before: list[Block] = []
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    for start, stop in zip(edges, edges[1:], strict=False):
        first = pieces.feed(text[start:stop])
        assert pieces.blocks[:first] == before[:first]  # what it says is unchanged, is
        before = list(pieces.blocks)
    if text:
        assert pieces.blocks == whole.blocks
    assert pieces.end() <= len(before) and whole.end() >= 0
    assert pieces.blocks == whole.blocks == parse(text)


@given(TEXTS)
def test_segments_are_the_blocks(text: str) -> None:
    blocks = parse(text)
    made = segments(blocks)
    assert [block for segment in made for block in segment.blocks] == blocks
    for segment in made[1:]:
        assert segments(blocks, segment.start) == [other for other in made if other.start >= segment.start]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    source = HOSTILE[name][:60_000]  # a page; no more is taken in at once
    blocks = parse(source)
    assert is_in(letters(clean(source)), letters(seen(blocks))) or name == "entities"
    for block in blocks:
        shown = shown_text(block)
        assert len(shown) <= LONGEST_PARAGRAPH + 100 or isinstance(block, Code | Table)
        assert block.place.quote + block.place.indent + block.place.inset <= DEEPEST
        if isinstance(block, Code):
            assert all(len(line) <= LONGEST_LINE for line in block.lines)
        if isinstance(block, Table):
            assert len(block.header) <= 24 and len(block.rows) <= MOST_ROWS
    links = [span.link for block in blocks if isinstance(block, Paragraph) for span in block.spans if span.link]
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in links)


@pytest.mark.full
@pytest.mark.parametrize(
    "piece", ["*", "[", ">", "- ", "**a ", "[a](", "`a``", "![x](data:a", "*a _b ", "|", "~~", "1. a\n"]
)
def test_a_megabyte(piece: str) -> None:
    parse(piece * (1_000_000 // len(piece)))


@pytest.mark.full
@given(st.lists(MARKUP, max_size=400).map("".join), st.integers(1, 7))
@settings(max_examples=5000)
def test_pieces_make_the_whole_often(text: str, size: int) -> None:
    pieces = Parser()
    for start in range(0, len(text), size):
        pieces.feed(text[start : start + size])
    pieces.end()
    assert pieces.blocks == parse(text)
    assert is_in(letters(clean(text)), letters(seen(pieces.blocks)))
