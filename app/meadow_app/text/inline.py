"""The inside of a paragraph: emphasis, code, strike-through, links, images as links, escapes. CommonMark's rules.

One pass over the text makes nodes; runs of ``*``, ``_`` and ``~`` are paired on a stack, with a floor per kind of run
below which no partner can be, as in CommonMark's appendix. Every step is linear in the text, and the block parser
bounds the text (``markdown.LONGEST_PARAGRAPH``).
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from dataclasses import dataclass, field

from meadow_app.text import links
from meadow_app.text.blocks import CODE, EMPHASIS, STRIKE, STRONG, Span, Spans

_SPECIAL = re.compile(
    r"\\(?:\n|[!-/:-@\[-`{-~])"  # an escape, a hard break, or the start of a formula
    r"|`+|\*+|_+|~+|!?\[|\]"
    r"|<[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*>"
    r"|\bhttps?://[^\s<>\[\]`]+"
    r"|&(?:amp|lt|gt|quot|apos|nbsp|\#39);"
    r"|[ ]*\n[ ]*"
)
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\u00a0", "#39": "'"}
_FORMULA = {"\\(": "\\)", "\\[": "\\]"}
_TAIL = re.compile(
    r"\([ \t\n]*+(?:<(?P<angled>[^<>\n]*+)>|(?P<bare>(?:[^\s()\\<]|\\.|\((?:[^\s()\\]|\\.)*+\))*+))"
    r"(?:[ \t\n]++(?:\"(?P<double>[^\"]*+)\"|'(?P<single>[^']*+)'))?+[ \t\n]*+\)"
)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_LONGEST_TAIL = links.LONGEST + 300
_BREAK = "\u2028"
_STYLES = {("*", 1): EMPHASIS, ("*", 2): STRONG, ("_", 1): EMPHASIS, ("_", 2): STRONG, ("~", 2): STRIKE}


@dataclass(slots=True)
class _Node:
    """A piece of text, and the styles and the link that end before it or begin after it."""

    text: str
    style: int = 0
    link: str = ""  # of the text itself (an address that is its own label)
    ends: list[int] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    link_ends: bool = False
    link_begins: str = ""


@dataclass(slots=True)
class _Run:
    """Delimiters that may open or close emphasis."""

    node: int
    mark: str
    length: int  # as written
    left: int  # not used up yet
    opens: bool
    closes: bool
    alive: bool = True


@dataclass(slots=True)
class _Bracket:
    node: int
    image: bool
    runs: int  # how many delimiter runs came before it


def spans(text: str, unfinished: bool = False) -> Spans:
    """Parse the text of one paragraph, heading or cell. A line break that stays is U+2028.

    ``unfinished``: more is coming, so code and emphasis that are open at the end are shown as if they ended there.
    """
    return _Inline(text, unfinished).parse()


class _Inline:
    def __init__(self, text: str, unfinished: bool) -> None:
        self.text, self.unfinished = text, unfinished
        self.nodes: list[_Node] = []
        self.runs: list[_Run] = []
        self.brackets: list[_Bracket] = []
        self.dead = 0  # a link holds no link: of this many brackets only images can still become one
        self.ticks: dict[int, list[int]] | None = None
        self.missing: set[str] = set()

    def parse(self) -> Spans:
        text, position = self.text, 0
        search = _SPECIAL.search
        while True:
            found = search(text, position)
            if found is None:
                break
            start = found.start()
            if start > position:
                self.nodes.append(_Node(text[position:start]))
            position = self.special(found.group(), start, found.end())
        if position < len(text):
            self.nodes.append(_Node(text[position:]))
        self.pair(0)
        return self.finish()

    def special(self, token: str, start: int, end: int) -> int:
        """Take one special token in; where to go on."""
        first = token[0]
        if first in "*_~":
            return self.run(first, start, end)
        if first == "`":
            return self.code(start, end)
        if first == "[" or token == "![":
            self.brackets.append(_Bracket(len(self.nodes), token == "![", len(self.runs)))
            self.nodes.append(_Node(token))
            return end
        if first == "]":
            return self.close_bracket(end)
        if first == "\\":
            return self.escape(token, start, end)
        if first == "&":
            self.nodes.append(_Node(_ENTITIES[token[1:-1]]))
            return end
        if first == "<" or first == "h":
            return self.address(token, start, end)
        self.nodes.append(_Node(_BREAK if token.startswith("  ") else " "))
        return end

    def escape(self, token: str, start: int, end: int) -> int:
        if token in _FORMULA:
            # A formula is shown as it is written: its stars and underscores mean something else.
            stop = self.find(_FORMULA[token], end)
            if stop >= 0:
                self.nodes.append(_Node(self.text[start : stop + 2].replace("\n", " "), CODE))
                return stop + 2
            self.nodes.append(_Node(token))
            return end
        self.nodes.append(_Node(_BREAK if token == "\\\n" else token[1:]))
        return end

    def find(self, what: str, position: int) -> int:
        """``str.find`` that searches the rest of a text in vain only once."""
        if what in self.missing:
            return -1
        found = self.text.find(what, position)
        if found < 0:
            self.missing.add(what)
        return found

    def code(self, start: int, end: int) -> int:
        if self.ticks is None:
            self.ticks = {}
            for found in re.finditer("`+", self.text):
                self.ticks.setdefault(len(found.group()), []).append(found.start())
        same = self.ticks.get(end - start, [])
        after = bisect.bisect_left(same, end)
        if after < len(same):
            stop, position = same[after], same[after] + end - start
        elif self.unfinished:
            stop = position = len(self.text)
        else:
            self.nodes.append(_Node(self.text[start:end]))
            return end
        inside = self.text[end:stop].replace("\n", " ")
        if inside.startswith(" ") and inside.endswith(" ") and inside.strip():
            inside = inside[1:-1]
        if inside:
            self.nodes.append(_Node(inside, CODE))
        return position

    def address(self, token: str, start: int, end: int) -> int:
        if token.startswith("<"):
            link = links.target(token[1:-1])
            self.nodes.append(_Node(token[1:-1] if link else token, link=link))
            return end
        token = token[: _address_end(token)]
        self.nodes.append(_Node(token, link=links.target(token)))
        return start + len(token)

    def run(self, mark: str, start: int, end: int) -> int:
        text, length = self.text, end - start
        if mark == "~" and length != 2:
            self.nodes.append(_Node(text[start:end]))
            return end
        before = text[start - 1] if start else " "
        after = text[end] if end < len(text) else " "
        left = not after.isspace() and (not _punctuation(after) or before.isspace() or _punctuation(before))
        right = not before.isspace() and (not _punctuation(before) or after.isspace() or _punctuation(after))
        opens, closes = left, right
        if mark == "_":  # snake_case is a word
            opens = left and (not right or _punctuation(before))
            closes = right and (not left or _punctuation(after))
        if opens or closes:
            self.runs.append(_Run(len(self.nodes), mark, length, length, opens, closes))
        self.nodes.append(_Node(text[start:end]))
        return end

    def close_bracket(self, end: int) -> int:
        if not self.brackets:
            self.nodes.append(_Node("]"))
            return end
        bracket = self.brackets.pop()
        alive = bracket.image or len(self.brackets) >= self.dead
        self.dead = min(self.dead, len(self.brackets))
        tail = self.tail(end) if alive else None
        if tail is None:
            self.nodes.append(_Node("]"))
            return end
        self.pair(bracket.runs)
        written = _ESCAPE.sub(r"\1", tail["angled"] if tail["angled"] is not None else tail["bare"])
        title = tail["double"] or tail["single"] or ""
        self.link(bracket, links.target(written), written, title)
        if not bracket.image:
            self.dead = len(self.brackets)
        return tail.end()

    def tail(self, end: int) -> re.Match[str] | None:
        """``(target "title")`` behind a bracket."""
        if not self.text.startswith("(", end):
            return None
        stop = self.find(")", end)
        if stop < 0 or stop - end > _LONGEST_TAIL:
            return None
        return _TAIL.match(self.text, end, min(len(self.text), end + _LONGEST_TAIL))

    def link(self, bracket: _Bracket, link: str, written: str, title: str) -> None:
        """Turn what came since ``bracket`` into a link, and say in words whatever its label would hide."""
        opener = self.nodes[bracket.node]
        label = "".join(node.text for node in self.nodes[bracket.node + 1 :])
        opener.text, opener.link = ("", "") if label.strip() or not link else (written, link)
        said = ""
        for node in self.nodes[bracket.node + 1 :]:
            node.link = ""
        if link:
            opener.link_begins = link
            self.nodes.append(_Node("", link_ends=True))
            if bracket.image or links.misleads(label, link):
                said = written
        else:
            said = written
        parts = [part for part in (said[:80] + "…" if len(said) > 80 else said, title) if part and part != label]
        if parts:
            self.nodes.append(_Node(f"{' ' if label else ''}({', '.join(parts)})"))

    def pair(self, floor: int) -> None:
        """Pair the delimiter runs from number ``floor`` on, and forget them."""
        runs = self.runs[floor:]
        del self.runs[floor:]
        if not runs:
            return
        openers: list[_Run] = []
        lowest: dict[tuple[str, bool, int], int] = {}
        for run in runs:
            while run.closes and run.left:
                kind = (run.mark, run.opens, run.length % 3)
                index = self.opener(openers, run, lowest.get(kind, 0))
                if index is None:
                    lowest[kind] = len(openers)
                    break
                self.join(openers[index], run)
                del openers[index + 1 :]
                if not openers[index].left:
                    del openers[index]
                for key, value in lowest.items():
                    if value > len(openers):
                        lowest[key] = len(openers)
            if run.opens and run.left:
                openers.append(run)
        if self.unfinished and floor == 0:
            for opener in reversed(openers):
                self.close_open(opener)

    @staticmethod
    def opener(openers: list[_Run], closer: _Run, lowest: int) -> int | None:
        for index in range(len(openers) - 1, lowest - 1, -1):
            opener = openers[index]
            if opener.mark != closer.mark or (opener.mark == "~" and opener.left != closer.left):
                continue
            odd = (opener.closes or closer.opens) and (opener.length + closer.length) % 3 == 0
            if not odd or (opener.length % 3 == 0 and closer.length % 3 == 0):
                return index
        return None

    def join(self, opener: _Run, closer: _Run) -> None:
        used = 2 if opener.left >= 2 and closer.left >= 2 else 1
        style = _STYLES[opener.mark, used]
        for run in (opener, closer):
            run.left -= used
            self.nodes[run.node].text = run.mark * run.left
        self.nodes[opener.node].begins.append(style)
        self.nodes[closer.node].ends.append(style)

    def close_open(self, opener: _Run) -> None:
        """Emphasis that is still being written: shown as emphasis, unless nothing follows or it is a lone star."""
        if opener.left > 3 or opener.node == len(self.nodes) - 1:
            return
        self.nodes.append(_Node(""))
        while opener.left:
            used = 2 if opener.left >= 2 else 1
            opener.left -= used
            self.nodes[opener.node].begins.append(_STYLES[opener.mark, used])
            self.nodes[-1].ends.append(_STYLES[opener.mark, used])
        self.nodes[opener.node].text = ""

    def finish(self) -> Spans:
        """The nodes as spans: neighbours in one style are one span."""
        done: list[Span] = []
        open_styles: dict[int, int] = {STRONG: 0, EMPHASIS: 0, STRIKE: 0}
        link = ""
        pieces: list[str] = []
        current = (0, "")

        def flush() -> None:
            if pieces:
                done.append(Span("".join(pieces), *current))
                pieces.clear()

        for node in self.nodes:
            for style in node.ends:
                open_styles[style] -= 1
            if node.link_ends:
                link = ""
            if node.text:
                style = node.style | sum(style for style, count in open_styles.items() if count > 0)
                if (style, node.link or link) != current:
                    flush()
                    current = (style, node.link or link)
                pieces.append(node.text)
            for style in node.begins:
                open_styles[style] += 1
            link = node.link_begins or link
        flush()
        return tuple(done)


def _punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _address_end(token: str) -> int:
    """Where an address in running text ends: without the full stop or the bracket that belongs to the sentence."""
    end = len(token)
    brackets = token.count("(") - token.count(")")
    while end:
        last = token[end - 1]
        if last == ")" and brackets < 0:
            brackets += 1
        elif last not in "?!.,:*_~'\"`]}|;":
            break
        end -= 1
    return end or len(token)
